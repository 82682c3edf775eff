"""Claims on the Hessian of a random start (notebook 01)."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pandas as pd

from companion.analysis.intervals import power_of_size
from companion.claims.claim import Row
from companion.claims.verdicts import Finding, agrees, jointly, rises, within
from prlib.losses import Loss
from prlib.measures import LabelMeasure, initial
from prlib.spectra.bulk import edge_scale, left_edge
from prlib.spectra.outlier import bbp, outlier
from prlib.transitions import InitialTransition

TRACY_WIDOM_MEAN = 1.2065335745820
"""Mean of minus a Tracy-Widom variable of real matrices: F. Bornemann, arXiv:0904.1581, table 4."""

BATCHES, SAMPLES = 100, 10_000
"""Batches of sampled labels and fields that check the quadrature, and samples a batch."""

SHARP = 1.6
"""Distance from the transition, as a factor, from which a finite size follows infinite size."""

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


def _above(column: str) -> Callable[[Loss, pd.DataFrame, InitialTransition], Finding | None]:
    def estimator(loss: Loss, rows: pd.DataFrame, transition: InitialTransition) -> Finding | None:
        # Near the transition a finite size rounds the corner: compare where theory is sharp.
        sharp = rows[(rows["alpha"] > SHARP * transition.alpha) & (rows["n"] == rows["n"].max())]
        members = {}
        for alpha, found in sharp.groupby("alpha"):
            law = initial(loss, alpha)
            theory = outlier(law)
            if column == "lowest":
                depth = left_edge(law).position - theory.position
                off = (found["lowest"] - law.mu - theory.position) / depth
                what = "difference over the distance to the bulk"
            else:
                off, what = found["overlap2"] - theory.overlap2, "difference of squared overlaps"
            estimate = off.mean(), off.sem(), 0.0, len(off), what
            members[f"alpha = {alpha:g}"] = agrees(*estimate, tests=sharp["alpha"].nunique())
        return jointly(members) if members else None

    return estimator


def _below(rows: pd.DataFrame, transition: InitialTransition) -> pd.DataFrame:
    return rows[rows["alpha"] < 0.9 * transition.alpha]


def _hard(loss: Loss, rows: pd.DataFrame) -> bool:
    return left_edge(initial(loss, rows["alpha"].min())).kind == "hard"


def _own_law(loss: Loss, rows: pd.DataFrame, transition: InitialTransition) -> Finding | None:
    # The bulk thins out exponentially toward a hard edge: at any size that can be simulated its
    # last eigenvalues lie far inside, and an outlier stands out long before alpha_init. What
    # predicts it is the law of the state itself, whose edge is where its labels end.
    below = _below(rows, transition)
    if below.empty or not _hard(loss, rows):
        return None
    found = below[(below["alpha"] == below["alpha"].max()) & (below["n"] == below["n"].max())]
    excess = found["overlap2"] - found["predicted_overlap2"]
    what = "difference of squared overlaps"
    return agrees(excess.mean(), excess.sem(), 0.0, len(excess), what)


def _blind(loss: Loss, rows: pd.DataFrame, transition: InitialTransition) -> Found:
    below = _below(rows, transition)
    if below.empty or _hard(loss, rows):
        return None
    found = rises(*power_of_size(below, "overlap2"), "power of N as which it falls")
    return {"alpha": below["alpha"].max()}, found


def _edge(loss: Loss, rows: pd.DataFrame, transition: InitialTransition) -> Finding | None:
    alpha = rows["alpha"].min()
    if _below(rows, transition).empty or _hard(loss, rows):
        return None
    law = initial(loss, alpha)
    # The smallest size is the farthest from the law of the edge, which is one of large N.
    large = rows[(rows["alpha"] == alpha) & (rows["n"] > rows["n"].min())]
    unit = edge_scale(law, left_edge(law)) * large["n"] ** (-2 / 3)
    gap = (large["lowest"] - large["empirical_edge"]) / unit
    what = "mean, in units of the law"
    return agrees(gap.mean(), gap.sem(), TRACY_WIDOM_MEAN, len(gap), what)


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
        effect=0.01,
    ),
    Row(
        "{name}-lowest",
        "with a {name} edge, well above alpha_init, the lowest eigenvalue lies where theory puts "
        "it at infinite size",
        _above("lowest"),
        effect=0.25,
    ),
    Row(
        "{name}-overlap2",
        "with a {name} edge, well above alpha_init, its eigenvector has the squared overlap with "
        "the signal that theory gives",
        _above("overlap2"),
        effect=0.1,
    ),
    Row(
        "{name}-own-law",
        "with a hard edge the overlap below alpha_init, where infinite size has none, is the one "
        "that each state's own law of labels and fields predicts",
        _own_law,
        effect=0.1,
    ),
    Row(
        "{name}-blind",
        "with a soft edge, up to alpha = {alpha:.3g}, the squared overlap fades as N grows",
        _blind,
        effect=1.0,
    ),
    Row(
        "{name}-edge",
        "without an outlier the lowest eigenvalue lies above the edge by the mean of the "
        "Tracy-Widom law",
        _edge,
        effect=0.75,
    ),
)
"""Evaluated on ``name`` (of the loss, in ids), ``loss``, its ``transition``, ``rows`` of
`companion.ensembles.start_spectra`, and ``seed``."""
