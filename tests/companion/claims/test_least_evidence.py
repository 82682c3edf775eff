"""A single replica, a single size: claims stay open and say why, and figures are drawn."""

import numpy as np
import pandas as pd
import pytest

from companion.analysis.prediction import prediction_curve
from companion.analysis.threshold import by_loss
from companion.claims import (
    bbp_at_initialisation,
    eigenvector_alignment,
    loss_functions,
    threshold_states,
)
from companion.claims.claim import evaluate
from companion.claims.verdicts import TOO_FEW
from companion.ensembles import constrained_descents, start_spectra
from companion.figures.bbp_at_initialisation import start_transition_figure
from companion.figures.threshold_states import (
    dynamics_figure,
    edge_figure,
    threshold_transition_figure,
)
from prlib.losses import NormalizedIntensity
from prlib.transitions import alpha_init

LOSS = NormalizedIntensity(0.01)
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def single():
    return start_spectra(LOSS, [1.4, 6.0], [20], 1, seed=1)


@pytest.fixture(scope="module")
def held():
    return constrained_descents(LOSS, [4.0, 6.0], [20], 1, 2.0, seed=1)


def simulated(claims):
    """Leave out what rests on theory alone."""
    return [claim for claim in claims if claim.kind == "physics"]


def test_one_start_says_nothing_and_fails_nothing(single):
    claims = evaluate(
        bbp_at_initialisation.CLAIMS,
        found={"soft": bbp_at_initialisation.Starts(LOSS, alpha_init(LOSS), single)},
        seed=1,
    )
    found = simulated(claims)
    assert {claim.verdict for claim in found} == {"OPEN"}
    assert {claim.quantity for claim in found} == {TOO_FEW}
    assert b"<svg" in start_transition_figure(LOSS, single, "fig-bbp-transition").svg()


def test_one_held_descent_fails_nothing(held):
    holds = held.assign(a=0.01, loss=LOSS.id, bbp=0.9 + 0.1 * held["alpha"])
    tables = {"holds": holds, "far": holds, "rows": held, "found": by_loss(holds)}
    band = pd.DataFrame({"a": 0.01, "alpha": [4.0, 6.0], "energy_1rsb": [0.5, 1.3]})
    band = band.assign(energy_low=np.nan)
    claims = evaluate(threshold_states.CLAIMS, loss=LOSS, **tables)
    assert {claim.verdict for claim in simulated(claims)} == {"OPEN"}
    figures = (
        dynamics_figure(holds, tables["found"]),
        edge_figure(holds),
        threshold_transition_figure(LOSS, holds, band),
    )
    assert all(b"<svg" in figure.svg() for figure in figures)


def test_one_start_of_a_loss_fails_nothing(single):
    row = next(row for row in loss_functions.CLAIMS if row.id == "losses-start")
    assert [claim.verdict for claim in evaluate([row], rows=single)] == ["OPEN"]


def test_runs_of_one_fate_do_not_say_who_recovers():
    rows = start_spectra(LOSS, [8.0], [20], 2, seed=1).assign(
        time=0.0, recovered=True, abs_overlap=0.1
    )
    assert prediction_curve(rows).empty
    claims = evaluate(eigenvector_alignment.CLAIMS, rows=rows)
    assert {claim.verdict for claim in claims} == {"OPEN"}
