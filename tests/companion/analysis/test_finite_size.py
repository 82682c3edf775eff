"""Recovery at finite size: limits, inverses, and the constant that was put in."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from companion.analysis.finite_size import (
    Growth,
    by_time,
    constants,
    fit_constant,
    fitted_constant,
    half_point_at,
    predicted_halves,
    predicted_rate,
    recovery_probability,
    small_fluctuations,
)


@pytest.fixture
def growth():
    alphas = np.array([1.0, 2.0, 3.0, 4.0])
    return Growth(10.0, alphas, np.log([2.0, 20.0, 500.0, 1e5]), np.full(4, 0.05))


def test_the_probability_is_that_of_a_gaussian_beyond_the_constant():
    n, variance, constant = 400, 90.0, 0.7
    beyond = 2 * norm.sf(constant, scale=np.sqrt(variance / n))
    assert recovery_probability(n, variance, constant) == pytest.approx(beyond)
    assert recovery_probability(n, 1e12, constant) == pytest.approx(1, abs=1e-4)


def test_the_half_point_is_where_the_probability_is_one_half(growth):
    sizes = np.array([64, 1024, 16384])
    half = half_point_at(sizes, growth, 0.8)
    np.testing.assert_allclose(recovery_probability(sizes, growth.variance(half), 0.8), 0.5)
    assert np.all(np.diff(half) > 0)


def test_beyond_the_theory_there_is_no_half_point(growth):
    assert np.isnan(half_point_at([0.5, 1e9], growth, 1.0)).all()
    assert np.isnan(growth.variance(5.0))


def test_the_constant_is_found_again(growth):
    rng = np.random.default_rng(2)
    runs = pd.DataFrame(
        [(n, alpha) for n in (64, 128) for alpha in (1.5, 2.0, 2.5) for _ in range(1500)],
        columns=["n", "alpha"],
    )
    rates = recovery_probability(runs["n"], growth.variance(runs["alpha"]), 0.6)
    runs["recovered"] = rng.random(len(runs)) < rates
    constant, error = fit_constant(runs, growth)
    assert abs(constant - 0.6) < 4 * error
    assert 0 < error < 0.02


def test_runs_that_say_nothing_about_the_constant_are_refused_in_one_line():
    growth = Growth(2.0, *np.array([[1.0, 2.0], [2.0, 6.0], [0.0, 0.0]]))
    for alpha, kept in ((1.5, slice(0)), (3.0, slice(None))):
        runs = pd.DataFrame({"n": 64, "alpha": alpha, "recovered": [True, False]})[kept]
        with pytest.raises(ValueError, match="time = 2: by then half of the runs") as told:
            fit_constant(runs, growth)
        assert "\n" not in str(told.value)


def test_without_a_half_point_nothing_is_predicted(growth):
    runs = pd.DataFrame({"n": 64, "alpha": 1.5, "start": "random", "recovered": [False]})
    constant = fitted_constant(runs, growth, [64])
    assert np.isnan(constant).all()
    assert constants(runs, growth).empty
    assert np.isnan(predicted_rate(growth, constant, 64, 1.5)).all()
    assert predicted_halves(growth, constant, [64])["half"].isna().all()
    alone = Growth(1.0, *np.array([[1.0], [2.0], [0.1]]))
    assert alone.variance([1.0, 2.0]) == pytest.approx([np.exp(2.0), np.nan], nan_ok=True)
    assert np.isnan(half_point_at([64], alone, 1.0)).all()


def test_growth_is_read_off_runs_at_a_time():
    theory = pd.DataFrame(
        {
            "alpha": np.repeat([2.0, 3.0, 4.0], 3),
            "t": [0.0, 1.0, 4.0] * 2 + [0.0, 0.5, 1.0],
            "variance": [1.0, 2.0, 8.0, 1.0, 3.0, 27.0, 1.0, 2.0, 3.0],
            "variance_error": 0.1,
        }
    )
    growth = Growth.of(theory, 2.0)
    # Between two times V is a power of time; the run that ends early is left out.
    np.testing.assert_allclose(growth.alphas, [2.0, 3.0])
    np.testing.assert_allclose(np.exp(growth.log_variance), [4.0, 9.0])


def test_small_fluctuations_are_those_of_the_last_time_at_which_they_are_small(growth):
    theory = pd.DataFrame({"alpha": 2.0, "t": [0.0, 1.0, 10.0], "variance": [1.0, 2.0, 900.0]})
    rng = np.random.default_rng(0)
    observed = pd.DataFrame(
        {
            "alpha": 2.0,
            "n": 1000,
            "time": t,
            "abs_overlap": np.sqrt(v / 1000) * rng.normal(size=400),
        }
        for t, v in ((1.0, 2.0), (10.0, 900.0))
    )
    observed = observed.explode("abs_overlap").astype({"abs_overlap": float})
    found = small_fluctuations(theory.assign(variance_error=0.1), observed)
    assert set(found["time"]) == {1.0}
    assert abs(found["ratio"].mean() - 1.0) < 4 * found["ratio"].sem()


def test_late_recoveries_do_not_count():
    table = pd.DataFrame({"recovered": [True, True, False], "time": [3.0, 50.0, 400.0]})
    assert by_time(table, 40.0)["recovered"].tolist() == [True, False, False]


def test_the_band_of_a_prediction_holds_its_line(growth):
    line = predicted_halves(growth, (0.7, 0.03), np.array([100.0, 1000.0]))
    assert ((line["low"] < line["half"]) & (line["half"] < line["high"])).all()
    rate, low, high = predicted_rate(growth, (0.7, 0.03), 100, 2.5)
    assert low < rate < high
