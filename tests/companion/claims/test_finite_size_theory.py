"""The theory of finite size passes on runs that obey it, and fails on runs that do not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from companion.analysis.finite_size import Growth, recovery_probability
from companion.claims.finite_size_theory import (
    by_time,
    comparison_table,
    constants_table,
    finite_size_claims,
    growth_table,
    predicted_halves,
    prediction_claims,
    prediction_table,
)

ALPHAS = np.array([1.5, 2.0, 2.5, 3.0, 3.5, 4.0])
SEEN = [64, 128]


@pytest.fixture(scope="module")
def theory():
    t = np.array([0.0, 1.0, 40.0])
    rows = [(alpha, time, (1 + 2 * time) ** (alpha - 1), 0.01) for alpha in ALPHAS for time in t]
    table = pd.DataFrame(rows, columns=["alpha", "t", "variance", "variance_error"])
    return table.assign(bbp=table["t"].map({0.0: 1.2, 1.0: 1.1, 40.0: 0.8}), bbp_error=0.01)


@pytest.fixture(scope="module")
def growth(theory):
    return Growth.of(theory, 40.0)


def runs(growth, constants, *, replicas=400, alphas=ALPHAS, seed=0):
    rng = np.random.default_rng(seed)
    rows = [
        (n, alpha, rng.random() < recovery_probability(n, growth.variance(alpha), constant))
        for n, constant in constants.items()
        for alpha in alphas
        for _ in range(replicas)
    ]
    return pd.DataFrame(rows, columns=["n", "alpha", "recovered"]).assign(start="random")


@pytest.fixture(scope="module")
def observed(theory):
    rng, n = np.random.default_rng(3), 1024
    rows = [
        (n, row.alpha, row.t, abs(rng.normal(scale=np.sqrt(row.variance / n))))
        for row in theory[theory["t"] == 1.0].itertuples()
        for _ in range(300)
    ]
    return pd.DataFrame(rows, columns=["n", "alpha", "time", "abs_overlap"])


def verdicts(theory, growth, table, observed):
    claims = finite_size_claims(theory, growth, table, SEEN, observed, 0)
    return {claim.id: claim.verdict for claim in claims}


def test_runs_that_obey_pass(theory, growth, observed):
    table = runs(growth, {64: 0.7, 128: 0.7, 512: 0.7, 1024: 0.7})
    found = verdicts(theory, growth, table, observed)
    assert found.pop("finite-size-constant-falls") == "OPEN"
    assert set(found.values()) == {"PASS"}
    assert {"finite-size-half-512", "finite-size-half-1024", "finite-size-goes-on"} <= set(found)


@pytest.mark.parametrize(("last", "verdict"), [(0.5, "PASS"), (1.0, "FAIL")])
def test_a_constant_that_drifts_is_told(theory, growth, observed, last, verdict):
    table = runs(growth, {64: 0.7, 128: 0.7, 1024: last})
    found = verdicts(theory, growth, table, observed)
    assert found["finite-size-constant-falls"] == verdict
    constants = constants_table(table, growth)
    assert constants.loc[1024, "c"] == pytest.approx(last, abs=0.1)


def test_growth_that_ends_with_the_outlier_fails(theory, growth, observed):
    ended = theory.assign(variance=theory["variance"].where(theory["t"] < 40, 0.5))
    table = runs(growth, {64: 0.7, 128: 0.7, 1024: 0.7})
    assert verdicts(ended, growth, table, observed)["finite-size-goes-on"] == "FAIL"
    never = theory.assign(bbp=1.2)
    assert "finite-size-goes-on" not in verdicts(never, growth, table, observed)
    assert (growth_table(never, growth, [0.5, 1.0])["V then"] == "").all()


def test_runs_that_do_not_obey_fail(theory, growth, observed):
    table = runs(growth, {64: 0.7, 128: 0.7, 1024: 1.6})
    assert verdicts(theory, growth, table, observed)["finite-size-half-1024"] == "FAIL"
    wrong = observed.assign(abs_overlap=2 * observed["abs_overlap"])
    table = runs(growth, {64: 0.7, 128: 0.7, 1024: 0.7})
    assert verdicts(theory, growth, table, wrong)["finite-size-variance-2"] == "FAIL"


def test_a_prediction_can_fail(growth):
    unseen = runs(growth, {2048: 0.7}, replicas=60, alphas=[2.75])
    (met,) = prediction_claims(growth, (0.7, 0.02), unseen)
    assert met.verdict == "PASS"
    (missed,) = prediction_claims(growth, (2.5, 0.02), unseen)
    assert missed.verdict == "FAIL"
    assert "predicted" in prediction_table(growth, (0.7, 0.02), unseen).columns


def test_the_band_of_a_prediction_holds_its_line(growth):
    line = predicted_halves(growth, (0.7, 0.03), np.array([100.0, 1000.0]))
    assert ((line["low"] < line["half"]) & (line["half"] < line["high"])).all()
    table = comparison_table(growth, (0.7, 0.03), runs(growth, {64: 0.7}))
    assert (
        (table["low"] < table["predicted"] + 0.1) & (table["predicted"] - 0.1 < table["high"])
    ).all()


def test_late_recoveries_do_not_count():
    table = pd.DataFrame({"recovered": [True, True, False], "time": [3.0, 50.0, 400.0]})
    assert by_time(table, 40.0)["recovered"].tolist() == [True, False, False]
