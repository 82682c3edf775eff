"""Each verdict on recovery can be PASS and FAIL, on runs made to deserve it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from companion.claims.constrained_vs_random import (
    control_claims,
    half_point_shifts,
    plateau_claim,
    recovery_claims,
    settings_claims,
    shift_claim,
    window,
)

ALPHAS = (1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0, 5.5)


def runs(halves, *, replicas=150, seed=0, sizes=(64, 256)):
    """Runs of two starts whose half points are given, size by size."""
    rng = np.random.default_rng(seed)
    rows = [
        (start, n, alpha, replica, rng.random() < expit(4 * (alpha - half[n])))
        for start, half in halves.items()
        for n in sizes
        for alpha in ALPHAS
        for replica in range(replicas)
    ]
    return pd.DataFrame(rows, columns=["start", "n", "alpha", "replica", "recovered"])


def verdicts(halves):
    return {claim.id: claim.verdict for claim in recovery_claims(0.01, runs(halves))}


def test_what_the_paper_says_passes():
    found = verdicts({"random": {64: 2.2, 256: 2.6}, "constrained": {64: 3.0, 256: 3.4}})
    assert set(found.values()) == {"PASS"}
    assert {"recovery-early-64", "recovery-moves-random", "recovery-constrained-below"} <= set(
        found
    )


def test_the_opposite_fails():
    found = verdicts({"random": {64: 3.4, 256: 3.0}, "constrained": {64: 5.2, 256: 4.9}})
    assert found["recovery-moves-random"] == "FAIL"
    assert found["recovery-constrained-below"] == "FAIL"
    swapped = verdicts({"random": {64: 3.0, 256: 3.4}, "constrained": {64: 2.2, 256: 2.6}})
    assert swapped["recovery-early-256"] == "FAIL"


def test_a_second_table_has_names_of_its_own():
    table = runs({"random": {64: 2.2, 256: 2.6}, "constrained": {64: 3.0, 256: 3.4}})
    found = recovery_claims(1.0, table, name="wide")
    assert all(claim.id.endswith("-wide") for claim in found)
    assert all(claim.statement.startswith("at a = 1, ") for claim in found)


@pytest.mark.parametrize(("gained", "verdict"), [(2, "PASS"), (30, "FAIL")])
def test_more_time_may_change_nothing_or_much(gained, verdict):
    base = runs({"random": {64: 3.0, 256: 3.0}})
    longer = base.copy()
    at = longer.index[(longer["n"] == 64) & (longer["alpha"] == 2.5) & ~longer["recovered"]]
    longer.loc[at[:gained], "recovered"] = True
    assert plateau_claim("time", "no change", base, longer).verdict == verdict


def test_a_setting_that_matters_fails():
    base = runs({"random": {64: 3.0, 256: 3.0}})
    assert settings_claims(base, {"nothing": base})[0].verdict == "PASS"
    changed = base.assign(recovered=base["recovered"] | (base["alpha"] > 2.4))
    assert settings_claims(base, {"all": changed})[0].verdict == "FAIL"


def test_what_the_control_lacks_can_matter_or_be_worth_less_than_nothing():
    halves = {"random": {256: 2.5}, "orthogonal": {256: 3.2}, "constrained": {256: 4.0}}
    found = {claim.id: claim.verdict for claim in control_claims(runs(halves, sizes=(256,)))}
    assert found == {"control-chance-256": "PASS", "control-curvature-256": "PASS"}
    halves = {"random": {256: 4.0}, "orthogonal": {256: 3.2}, "constrained": {256: 2.5}}
    found = {claim.id: claim.verdict for claim in control_claims(runs(halves, sizes=(256,)))}
    assert found == {"control-chance-256": "FAIL", "control-curvature-256": "FAIL"}


@pytest.mark.parametrize(("last", "verdict"), [(3.5, "PASS"), (4.5, "FAIL")])
def test_a_shift_that_grows_with_n_fails(last, verdict):
    base = runs({"constrained": {64: 3.0, 256: 3.0}})
    changed = runs({"constrained": {64: 3.5, 256: last}}, seed=1)
    shifts = half_point_shifts(base, changed, 0)
    assert shifts.loc[64, "shift"] == pytest.approx(0.5, abs=0.15)
    assert ((shifts["low"] < shifts["shift"]) & (shifts["shift"] < shifts["high"])).all()
    assert shift_claim(shifts).verdict == verdict


def test_a_window_says_where_the_runs_end_before_it():
    whole = runs({"random": {64: 2.5, 256: 2.5}, "constrained": {64: 3.5, 256: 3.5}})
    part = whole[whole["alpha"].between(2.0, 4.0)]
    assert "up to" not in window(whole).loc[64, "random recovers more"]
    assert window(part).loc[64, "random recovers more"] == "up to 4 or more"
