"""Rates, intervals, and the place where half of the runs recover."""

from math import comb

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize
from scipy.special import expit

from prlib.parameters import ParameterError
from prlib.sweeps import half_point, logistic_halves, paired, rates


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


def test_many_fits_at_once_are_those_of_a_general_optimiser():
    rng = np.random.default_rng(2)
    alpha, runs = np.array([2.0, 2.25, 2.75, 3.0, 3.5]), np.array([40, 60, 20, 60, 40])
    successes = rng.binomial(runs, expit(3 * (alpha - 2.8)), (20, 5))
    places, slopes = logistic_halves(alpha, runs, successes)

    for place, slope, counts in zip(places, slopes, successes, strict=True):

        def loss(p, counts=counts):
            logit = p[1] * (alpha - p[0])
            return np.sum(runs * np.logaddexp(0, logit) - counts * logit)

        best = minimize(
            loss, [2.8, 3.0], method="Nelder-Mead", options={"xatol": 1e-7, "fatol": 1e-12}
        )
        assert place == pytest.approx(best.x[0], abs=1e-4)
        assert slope == pytest.approx(best.x[1], rel=1e-3)


def test_tables_without_a_half_point_say_so_among_others():
    alpha, runs = [1.0, 2.0, 3.0], [10, 0, 10]
    tables = [[0, 0, 10], [10, 0, 0], [0, 0, 4], [6, 0, 10]]
    tables, runs = [*tables, [0, 0, 0]], [runs] * 4 + [[0, 0, 0]]
    places, slopes = logistic_halves(alpha, runs, tables)
    assert places[0] == 2.0
    assert np.isinf(slopes[0])
    assert np.isnan(places[1:]).all()
    assert np.isnan(slopes[1:]).all()
    # All but the runs of one alpha are apart: the place is there, whatever the slope.
    (place,), _ = logistic_halves(alpha, 10, [[0, 5, 10]])
    assert place == pytest.approx(2.0, abs=1e-6)


def test_runs_that_do_not_bracket_one_half_give_no_place():
    assert np.isnan(half_point([1, 2], [False, False]).alpha)
    step = half_point([1, 1, 2, 2], [False, False, True, True])
    assert step.alpha == 1.5
    assert np.isinf(step.slope)


def test_a_bootstrap_needs_its_randomness():
    with pytest.raises(ValueError, match="rng = None"):
        half_point([1, 2], [False, True], bootstrap=10)


def test_observations_of_a_run_count_once_and_every_setting_that_varies_is_a_column():
    seen = pd.DataFrame({"run": ["x"] * 3 + ["y"] * 3, "recovered": [True] * 3 + [False] * 3})
    seen = seen.assign(loss="unnormalized", n=8, start="random", alpha=2.0, time_limit=9.0)
    (one,) = rates(seen).to_dict("records")
    assert (one["runs"], one["rate"]) == (2, 0.5)
    assert "time_limit" not in one
    both = pd.concat([seen, seen.assign(time_limit=18.0, run=seen["run"] + "2")])
    found = rates(both)
    assert found["time_limit"].tolist() == [9.0, 18.0]
    assert found["runs"].tolist() == [2, 2]


def table_of(both, only_one, only_other, neither):
    """Pairs of runs of the same instances, by how many recovered."""
    pairs = [(1, 1)] * both + [(1, 0)] * only_one + [(0, 1)] * only_other + [(0, 0)] * neither
    sides = [
        pd.DataFrame({"replica": range(len(pairs)), "start": name, "recovered": recovered})
        for name, recovered in zip("xy", zip(*pairs, strict=True), strict=True)
    ]
    return pd.concat(sides).assign(n=8, alpha=2.0, recovered=lambda t: t["recovered"].astype(bool))


def test_without_a_pair_there_is_a_table_without_rows():
    row = {"n": 8, "alpha": 2.0, "replica": 0, "start": "x", "recovered": True}
    found = paired(pd.DataFrame([row]), "x", "y")
    assert found.empty
    assert {"n", "alpha", "pairs", "difference", "p"} <= set(found.columns)


def test_a_paired_interval_covers_what_it_says_and_no_more():
    """Coverage over all outcomes of 30 pairs, of which 15 % and 5 % are discordant each way."""
    pairs, p, q = 30, 0.15, 0.05
    outcomes = [(i, j) for i in range(16) for j in range(10)]
    chance = [
        comb(pairs, i) * comb(pairs - i, j) * p**i * q**j * (1 - p - q) ** (pairs - i - j)
        for i, j in outcomes
    ]
    tables = [
        table_of(pairs - i - j, i, j, 0).assign(group=number)
        for number, (i, j) in enumerate(outcomes)
    ]
    found = paired(pd.concat(tables), "x", "y", by=["group"])
    covered = (found["low"] <= p - q) & (p - q <= found["high"])
    coverage = float(np.sum(np.array(chance)[covered]))
    assert sum(chance) == pytest.approx(1, abs=1e-3)
    assert 0.94 < coverage < 0.975
    # Agresti and Min: Wald's interval with half a pair added to each cell.
    one = found[(found["only_one"] == 7) & (found["only_other"] == 2)].iloc[0]
    centre, spread = 5 / 32, np.sqrt((9 + 1) - 25 / 32) / 32
    ends = [centre - 1.959964 * spread, centre + 1.959964 * spread]
    assert [one["low"], one["high"]] == pytest.approx(ends, abs=1e-6)


def test_several_runs_of_one_instance_are_no_pair():
    table = table_of(3, 1, 0, 2)
    twice = pd.concat([table.assign(hold=20.0), table.assign(hold=40.0)])
    with pytest.raises(ParameterError, match=r"several runs of one instance and start; .* hold"):
        paired(twice, "x", "y")
    assert len(paired(twice, "x", "y", by=["hold"])) == 2
