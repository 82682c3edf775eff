"""Claims on the Hessian of a random start (notebook 01)."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pandas as pd

from companion.analysis.intervals import first_less_last, mean_interval
from companion.claims.claim import Row
from companion.claims.verdicts import Finding, agrees, rises, within
from prlib.losses import Loss
from prlib.measures import LabelMeasure, initial
from prlib.spectra.bulk import edge_scale, left_edge
from prlib.spectra.outlier import bbp, outlier
from prlib.transitions import InitialTransition

TRACY_WIDOM_MEAN = 1.2065335745820
"""Mean of minus a Tracy-Widom variable of real matrices: F. Bornemann, arXiv:0904.1581, table 4."""

BATCHES, SAMPLES = 100, 10_000
"""Batches of sampled labels and fields that check the quadrature, and samples a batch."""

Found = tuple[dict, Finding] | None


def _quadrature(transition: InitialTransition) -> Found:
    fields = {"alpha": transition.alpha, "edge": transition.edge_kind}
    return fields, within(transition.error, 0.0, 5e-5, "error estimate of the quadrature")


def _sampled(loss: Loss, transition: InitialTransition, seed: int) -> Finding:
    # At a hard edge the sampled integrand has its pole on the border of the support, where the
    # mean still exists: the same formula serves.
    rng = np.random.default_rng(seed)
    weights = np.full(SAMPLES, 1 / SAMPLES)
    means = []
    for _ in range(BATCHES):
        y, yhat = rng.standard_normal((2, SAMPLES))
        law = LabelMeasure(loss, 1.0, y, y, yhat, weights, 0.0, loss.curvature_floor)
        means.append(bbp(law, transition.chi))
    error = np.std(means, ddof=1) / math.sqrt(BATCHES)
    return agrees(np.mean(means), error, 1 / transition.alpha, BATCHES, "1 / alpha_init")


def _above(column: str) -> Callable[[Loss, pd.DataFrame], Found]:
    def estimator(loss: Loss, rows: pd.DataFrame) -> Found:
        alpha, n = rows["alpha"].max(), rows["n"].max()
        law = initial(loss, alpha)
        theory = outlier(law)
        if theory is None:
            return None
        expected = {"lowest": theory.position + law.mu, "overlap2": theory.overlap2}[column]
        found = mean_interval(rows[rows["alpha"] == alpha], "n", column).loc[n]
        fields = {"alpha": alpha, "expected": expected}
        return fields, agrees(found["mean"], found["error"], expected, found["count"])

    return estimator


def _below(rows: pd.DataFrame, transition: InitialTransition) -> pd.DataFrame:
    return rows[rows["alpha"] < 0.9 * transition.alpha]


def _hard(loss: Loss, rows: pd.DataFrame) -> bool:
    return left_edge(initial(loss, rows["alpha"].min())).kind == "hard"


def _own_law(loss: Loss, rows: pd.DataFrame, transition: InitialTransition) -> Found:
    # The bulk thins out exponentially toward a hard edge: at any size that can be simulated its
    # last eigenvalues lie far inside, and an outlier stands out long before alpha_init. What
    # predicts it is the law of the state itself, whose edge is where its labels end.
    below = _below(rows, transition)
    if below.empty or not _hard(loss, rows):
        return None
    found = below[(below["alpha"] == below["alpha"].max()) & (below["n"] == below["n"].max())]
    excess = found["overlap2"] - found["predicted_overlap2"]
    fields = {"alpha": below["alpha"].max()}
    return fields, agrees(excess.mean(), excess.sem(), 0.0, len(excess))


def _blind(loss: Loss, rows: pd.DataFrame, transition: InitialTransition) -> Found:
    below = _below(rows, transition)
    if below.empty or _hard(loss, rows):
        return None
    # In logarithms: squared overlaps of a vector without preference scatter over decades.
    lost = first_less_last(below.assign(log=np.log(below["overlap2"])), "n", "log")
    sizes = {"smallest": below["n"].min(), "largest": below["n"].max()}
    return {"alpha": below["alpha"].max(), **sizes}, rises(*lost)


def _edge(loss: Loss, rows: pd.DataFrame, transition: InitialTransition) -> Found:
    alpha, n = rows["alpha"].min(), rows["n"].max()
    if _below(rows, transition).empty or _hard(loss, rows):
        return None
    law = initial(loss, alpha)
    largest = rows[(rows["alpha"] == alpha) & (rows["n"] == n)]
    unit = edge_scale(law, left_edge(law)) * n ** (-2 / 3)
    gap = (largest["lowest"] - largest["empirical_edge"]) / unit
    return {"alpha": alpha}, agrees(gap.mean(), gap.sem(), TRACY_WIDOM_MEAN, len(gap))


CLAIMS = (
    Row(
        "{name}-alpha-init",
        "theory puts alpha_init at {alpha:.4f}, with a {edge} edge",
        _quadrature,
        "check",
    ),
    Row(
        "{name}-monte-carlo",
        "sampled labels and fields give the same transition",
        _sampled,
        "check",
    ),
    Row(
        "{name}-lowest",
        "at alpha = {alpha:.3g} the lowest eigenvalue of H + mu is {expected:.3g}",
        _above("lowest"),
    ),
    Row(
        "{name}-overlap2",
        "at alpha = {alpha:.3g} the squared overlap with the signal is {expected:.3g}",
        _above("overlap2"),
    ),
    Row(
        "{name}-own-law",
        "at alpha = {alpha:.3g}, below alpha_init, the overlap is the one that each state's own "
        "law of labels and fields predicts",
        _own_law,
    ),
    Row(
        "{name}-blind",
        "up to alpha = {alpha:.3g} the overlap fades from N = {smallest} to N = {largest}",
        _blind,
    ),
    Row(
        "{name}-edge",
        "at alpha = {alpha:.3g} the lowest eigenvalue lies above the edge by the mean of the "
        "Tracy-Widom law",
        _edge,
    ),
)
"""Evaluated on ``name`` (of the loss, in ids), ``loss``, its ``transition``, ``rows`` of
`companion.ensembles.start_spectra`, and ``seed``."""
