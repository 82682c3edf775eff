"""Half points and their shifts are found where runs were given them."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from companion.analysis.half_points import half_point_shifts, half_points, near_half


def runs(halves, *, seed=0):
    rng = np.random.default_rng(seed)
    rows = [
        (n, alpha, replica, rng.random() < expit(4 * (alpha - half)))
        for n, half in halves.items()
        for alpha in np.arange(1.5, 5.6, 0.5)
        for replica in range(150)
    ]
    columns = ["n", "alpha", "replica", "recovered"]
    return pd.DataFrame(rows, columns=columns).assign(start="random")


def test_a_half_point_is_found_within_its_error():
    found = half_points(near_half(runs({64: 2.7, 256: 3.2})), ["random"]).set_index("n")
    for n, half in ((64, 2.7), (256, 3.2)):
        assert abs(found.loc[n, "half"] - half) < 4 * found.loc[n, "error"]
        assert found.loc[n, "error"] < 0.1


def test_runs_that_do_not_pass_one_half_have_no_half_point():
    assert half_points(near_half(runs({64: 9.0})), ["random"]).empty


def test_one_run_an_alpha_gives_a_half_point_without_an_error():
    table = runs({64: 2.7, 256: 3.2}).query("replica == 0")
    steps = table.assign(recovered=table["alpha"] > 3)
    found = half_points(near_half(steps), ["random"])
    assert found["half"].tolist() == [3.25, 3.25]
    assert found["error"].isna().all()


def test_a_shift_is_found_with_an_interval_that_holds_it():
    base, changed = runs({64: 3.0, 256: 3.0}), runs({64: 3.5, 256: 4.0}, seed=1)
    shifts = half_point_shifts(base, changed, 0)
    assert shifts["shift"].tolist() == pytest.approx([0.5, 1.0], abs=0.15)
    assert ((shifts["low"] < shifts["shift"]) & (shifts["shift"] < shifts["high"])).all()
