"""Rates, intervals, and the place where half of the runs recover."""

import numpy as np
import pandas as pd
import pytest

from prlib.sweeps import half_point, rates


def test_wilson_interval_covers_what_it_says():
    rng = np.random.default_rng(0)
    p, runs = 0.2, 50
    trials = [
        pd.DataFrame({"alpha": [1.0] * runs, "recovered": rng.random(runs) < p}) for _ in range(400)
    ]
    found = pd.concat([rates(trial, by=["alpha"]) for trial in trials])
    covered = ((found["low"] <= p) & (p <= found["high"])).mean()
    assert abs(covered - 0.95) < 4 * np.sqrt(0.95 * 0.05 / 400)


def test_rates_keep_the_unnormalised_loss_as_a_group_of_its_own():
    table = pd.DataFrame(
        {
            "loss": ["unnormalized", "normalized(a=1)"],
            "n": 8,
            "start": "random",
            "alpha": 2.0,
            "recovered": [True, False],
        }
    )
    assert rates(table)["rate"].tolist() == [1.0, 0.0]


def test_half_point_is_found_with_an_interval_that_holds_it():
    rng = np.random.default_rng(1)
    alpha = np.repeat(np.linspace(2, 4, 9), 200)
    recovered = rng.random(len(alpha)) < 1 / (1 + np.exp(-5 * (alpha - 2.9)))
    fit = half_point(alpha, recovered, bootstrap=200, rng=rng)
    assert fit.low < 2.9 < fit.high
    assert fit.high - fit.low < 0.12
    assert abs(fit.slope - 5) < 1


def test_runs_that_do_not_bracket_one_half_give_no_place():
    assert np.isnan(half_point([1, 2], [False, False]).alpha)
    step = half_point([1, 1, 2, 2], [False, False, True, True])
    assert step.alpha == 1.5
    assert np.isinf(step.slope)


def test_a_bootstrap_needs_its_randomness():
    with pytest.raises(ValueError, match="rng = None"):
        half_point([1, 2], [False, True], bootstrap=10)
