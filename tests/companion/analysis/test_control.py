"""The control's half points and its growth."""

import numpy as np
import pandas as pd
import pytest

from companion.analysis.beyond import found_signals
from companion.analysis.control import (
    control_halves,
    control_table,
    distance,
    tensor_growth,
)


def runs():
    rng = np.random.default_rng(0)
    rows = [
        (start, n, strength, replica, 0.7 if rng.random() < 1 / (1 + np.exp(-z)) else 0.1, "")
        for n, apart in ((20, 0.4), (80, 0.1))
        for start, half in (("random", 1.0), ("constrained", 1 + apart))
        for strength in (0.4, 0.8, 1.2, 1.6)
        for replica in range(200)
        for z in (6 * (strength - half),)
    ]
    columns = ["start", "n", "strength", "replica", "abs_overlap", "run"]
    return found_signals(pd.DataFrame(rows, columns=columns))


def test_the_distance_of_the_two_starts_is_found_size_by_size():
    halves = control_halves(runs())
    for n, apart in ((20, 0.4), (80, 0.1)):
        found, error = distance(halves, n)
        assert abs(found - apart) < 4 * error < 0.3
    assert control_table(halves).index.tolist() == [20, 80]


def test_fluctuations_grow_beyond_the_transition_and_little_below():
    growth = tensor_growth([0.8, 1.5], 20.0)
    below, above = growth.variance([0.8, 1.5])
    assert 1 <= below < above
    assert above / below == pytest.approx(np.exp(np.diff(growth.log_variance)[0]))
