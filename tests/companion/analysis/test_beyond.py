"""Half points of problems in units of their own transitions."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from companion.analysis.beyond import above, problem_halves


def test_half_points_and_the_threshold_are_in_units_of_the_start():
    rng = np.random.default_rng(0)
    rows = [
        (start, n, alpha, replica, rng.random() < expit(6 * (alpha - half)))
        for start, half in (("random", 2.0), ("constrained", 3.0))
        for n in (64, 128, 256)
        for alpha in np.arange(1.5, 3.75, 0.25)
        for replica in range(200)
    ]
    runs = pd.DataFrame(rows, columns=["start", "n", "alpha", "replica", "recovered"])
    found = problem_halves("a problem", runs, 2.0, (5.0, 0.1))
    assert found["n"].tolist() == [64, 256] * 2
    assert found["half"].to_numpy() == pytest.approx([1.0, 1.0, 1.5, 1.5], abs=0.04)
    assert found[["end", "end_error"]].iloc[0].tolist() == [2.5, 0.05]
    assert (found["low"] < found["half"]).all()


def test_an_overlap_counts_where_there_is_noise():
    runs = pd.DataFrame({"abs_overlap": [0.4, 0.9], "recovered": False})
    assert above(runs)["recovered"].tolist() == [False, True]
