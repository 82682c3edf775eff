"""Threshold states: the fit finds a known power law, and every verdict can say no."""

import numpy as np
import pandas as pd
import pytest

from companion.claims.threshold_states import relaxation, threshold_claims
from companion.ensembles import constrained_descents, constrained_spectrum
from prlib.losses import NormalizedIntensity
from prlib.measures.threshold_states import solve_threshold_state

LOSS = NormalizedIntensity(0.01)
ALPHA = 6.0


def runs(limit, *, edge=0.0, noise=1e-3, replicas=4):
    rng = np.random.default_rng(0)
    rows = pd.DataFrame(
        {"alpha": ALPHA, "n": 800, "replica": replica, "time": time}
        for replica in range(replicas)
        for time in np.geomspace(0.1, 10, 16)
    )
    wiggle = noise * rng.standard_normal(replicas)[rows["replica"]]
    return rows.assign(
        energy=limit + 0.3 * rows["time"] ** -0.75 + wiggle,
        edge=edge - 0.5 * rows["time"] ** -1.0 + noise * rng.standard_normal(len(rows)),
        overlap=0.0,
        rises=0,
        lowest=-1.0 + wiggle,
        outlier=-1.0,
        overlap2=0.7 + wiggle,
        outlier_overlap2=0.7,
    )


def verdict(rows, name):
    ids = (f"threshold-{name}", f"threshold-{name}-6")
    return next(claim.verdict for claim in threshold_claims(LOSS, rows) if claim.id in ids)


def test_the_fit_finds_the_power_law_it_was_given():
    fit = relaxation(runs(1.5), "energy")
    assert fit.resolved
    assert fit.exponent == pytest.approx(0.75, abs=0.051)
    low, high = fit.limit_interval
    assert low <= 1.5 + 2e-3
    assert high >= 1.5 - 2e-3


def test_an_exponent_at_the_end_of_what_is_tried_is_not_resolved():
    rows = runs(1.5)
    assert not relaxation(rows.assign(energy=np.log(rows["time"])), "energy").resolved


def test_an_energy_below_theory_fails():
    energy = solve_threshold_state(LOSS, ALPHA).energy
    assert verdict(runs(energy + 0.1), "energy") == "PASS"
    assert verdict(runs(energy - 0.1), "energy") == "FAIL"


def test_an_edge_below_zero_is_open_and_one_above_fails():
    assert verdict(runs(1.5, edge=-0.3), "edge") == "OPEN"
    assert verdict(runs(1.5, edge=0.3), "edge") == "FAIL"


@pytest.mark.parametrize(("small", "verdict"), [(0.3, "PASS"), (0.1, "FAIL")])
def test_an_overlap_that_does_not_fade_below_the_transition_fails(small, verdict):
    large = runs(1.5).assign(alpha=4.0)
    both = pd.concat([large.assign(n=200, overlap2=large["overlap2"] - 0.7 + small), large])
    both.loc[both["n"] == 800, "overlap2"] -= 0.5
    found = {claim.id: claim.verdict for claim in threshold_claims(LOSS, both)}
    assert found["threshold-blind-4"] == verdict


def test_an_eigenpair_that_theory_does_not_predict_fails():
    rows = runs(1.5)
    assert verdict(rows, "overlap2") == "PASS"
    assert verdict(rows.assign(overlap2=rows["overlap2"] - 0.1), "overlap2") == "FAIL"


@pytest.fixture(scope="module")
def small():
    return constrained_descents(LOSS, [ALPHA], [24, 48], 2, 2.0, seed=1, points=5)


def test_constrained_descents_stay_on_the_equator_and_go_down(small):
    assert small["overlap"].abs().max() < 1e-10
    assert (small["rises"] == 0).all()
    assert small.groupby("n")["replica"].nunique().to_dict() == {24: 4, 48: 2}
    energies = small.sort_values("time").groupby(["n", "replica"])["energy"]
    assert (energies.last() < energies.first()).all()


def test_the_spectrum_is_that_of_the_first_replica(small):
    eigenvalues, law = constrained_spectrum(LOSS, ALPHA, 48, 2.0, seed=1)
    found = small[(small["n"] == 48) & (small["replica"] == 0)].sort_values("time").iloc[-1]
    # The runs record at other times: their steps differ, so the states do a little.
    assert eigenvalues[0] == pytest.approx(found["lowest"], abs=0.3)
    assert law.energy == pytest.approx(found["energy"], rel=0.05)
