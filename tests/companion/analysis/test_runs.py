"""Estimators of observed runs find what was put in."""

import numpy as np
import pandas as pd
import pytest

from companion.analysis.runs import lost_alignment, median_time, relaxation


def relaxing(limit, *, noise=1e-3, replicas=4):
    rng = np.random.default_rng(0)
    rows = pd.DataFrame(
        {"alpha": 6.0, "replica": replica, "time": time}
        for replica in range(replicas)
        for time in np.geomspace(0.1, 10, 16)
    )
    wiggle = noise * rng.standard_normal(replicas)[rows["replica"]]
    return rows.assign(energy=limit + 0.3 * rows["time"] ** -0.75 + wiggle)


def test_the_fit_finds_the_power_law_it_was_given():
    fit = relaxation(relaxing(1.5), "energy")
    assert fit.resolved
    assert fit.exponent == pytest.approx(0.75, abs=0.051)
    low, high = fit.limit_interval
    assert low <= 1.5 + 2e-3
    assert high >= 1.5 - 2e-3


def test_an_exponent_at_the_end_of_what_is_tried_or_a_single_run_is_not_resolved():
    rows = relaxing(1.5)
    assert not relaxation(rows.assign(energy=np.log(rows["time"])), "energy").resolved
    assert not relaxation(relaxing(1.5, replicas=1), "energy").resolved


def test_alignment_is_lost_near_the_equator_only():
    rows = pd.DataFrame(
        {
            "replica": [0, 0, 0],
            "time": [0.0, 1.0, 2.0],
            "abs_overlap": [0.1, 0.2, 0.9],
            "overlap2": [0.5, 0.4, 0.0],
        }
    )
    assert lost_alignment(rows).tolist() == pytest.approx([0.1])


def test_a_median_time_is_infinite_if_half_never_come():
    rows = pd.DataFrame({"replica": [0, 1, 1], "time": [1.0, 1.0, 2.0]})
    assert median_time(rows, pd.Series([True, False, True])) == 1.5
    assert median_time(rows, pd.Series([False, False, True])) == np.inf
