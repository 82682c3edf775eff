"""Forms of the half point: a held-out size is scored by a fit that has not seen it."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from companion.analysis.scaling import (
    FORMS,
    all_fits,
    fit_scaling,
    growth_power,
    held_out,
    predictions,
    unseen_scores,
)


def runs(halves):
    rng = np.random.default_rng(0)
    alphas = np.arange(1.5, 4.1, 0.25)
    rows = [
        (n, alpha, rng.random() < expit(5 * (alpha - half)))
        for n, half in halves.items()
        for alpha in alphas
        for _ in range(150)
    ]
    return pd.DataFrame(rows, columns=["n", "alpha", "recovered"]).assign(start="random")


def straight(n):
    return 1.5 + 0.25 * np.log(n)


def test_a_size_off_the_line_of_the_others_is_scored_badly():
    # Only a fit that had seen the last size would describe its runs.
    sizes = (64, 128, 256, 512)
    on = runs({n: straight(n) for n in sizes})
    off = runs({n: straight(n) + (0.8 if n == 512 else 0.0) for n in sizes})
    scores = (held_out(table).set_index(["form", "n"])["score"] for table in (on, off))
    good, bad = (score["straight"][512] for score in scores)
    assert bad < good - 100


def test_the_score_is_the_likelihood_under_the_fit_to_the_other_sizes():
    table = runs({n: straight(n) for n in (64, 128, 256)})
    left = table[table["n"] == 128]
    fit = fit_scaling(table[table["n"] != 128], "straight")
    p = np.clip(fit.probability(left["n"], left["alpha"]), 1e-12, 1 - 1e-12)
    expected = np.log(np.where(left["recovered"], p, 1 - p)).sum()
    found = held_out(table).set_index(["form", "n"])["score"]["straight"][128]
    assert found == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize(("power", "half"), [(0.0, straight), (1.0, lambda n: 2 + n / 400)])
def test_the_power_of_the_rise_is_found_and_tells_a_line_from_a_logarithm(power, half):
    table = runs({n: half(n) for n in (64, 128, 256, 512)})
    found, low, high = growth_power(table, 0.99)
    assert low < power < high
    assert low < found < high
    assert high - low < 1.5


def test_a_power_below_zero_has_a_limit_and_a_logarithm_has_none():
    table = runs({n: 3 - 8 / n**0.5 for n in (64, 128, 256, 512, 1024)})
    fit = fit_scaling(table, "power")
    assert fit.power < 0
    assert fit.limit == pytest.approx(3, abs=0.3)
    assert fit.half_point(1e12) == pytest.approx(fit.limit, abs=1e-2)
    assert np.isinf(fit_scaling(table, "straight").limit)


def test_two_sizes_are_too_few_for_a_fit():
    table = runs({n: straight(n) for n in (64, 128)})
    for found in (table, table.iloc[:0]):
        assert all_fits(found, ["random"]) == {"random": []}
        assert predictions(found, ["random"], 1024, 0).empty
        scores = unseen_scores(found, ["random"])
        assert scores.isna().all(axis=None)
        assert set(scores.columns) == set(FORMS)


@pytest.mark.slow
def test_a_prediction_holds_the_half_point_of_the_form_that_is_right():
    table = runs({n: straight(n) for n in (64, 128, 256, 512)})
    found = predictions(table, ["random"], 1024, 0).set_index("form").loc["straight"]
    assert found["low"] < straight(1024) < found["high"]
