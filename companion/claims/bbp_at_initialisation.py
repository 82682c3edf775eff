"""Claims on the Hessian of a random start (notebook 01)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from companion.claims.claim import Row
from companion.claims.verdicts import Finding, agrees, jointly, too_few, within
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


class Starts(NamedTuple):
    """Random starts of one loss, rows of `companion.ensembles.start_spectra`."""

    loss: Loss
    transition: InitialTransition
    rows: pd.DataFrame

    @property
    def hard(self) -> bool:
        """Whether the edge at the smallest alpha is hard."""
        return left_edge(initial(self.loss, self.rows["alpha"].min())).kind == "hard"

    @property
    def below(self) -> pd.DataFrame:
        """Rows well below the transition."""
        return self.rows[self.rows["alpha"] < 0.9 * self.transition.alpha]

    @property
    def sharp(self) -> pd.DataFrame:
        """Rows of the largest size well above the transition; near it the corner is rounded."""
        rows = self.rows[self.rows["n"] == self.rows["n"].max()]
        return rows[rows["alpha"] > SHARP * self.transition.alpha]


Found = Mapping[str, Starts]


def _quadrature(found: Found) -> Iterator[tuple[dict, Finding]]:
    for name, starts in found.items():
        transition = starts.transition
        told = {"name": name, "alpha": transition.alpha, "edge": transition.edge_kind}
        yield told, within(transition.error, 0.0, 5e-5, "error estimate of the quadrature")


def _sampled(found: Found, seed: int) -> Iterator[tuple[dict, Finding]]:
    for name, starts in found.items():
        yield {"name": name}, _monte_carlo(starts.loss, starts.transition, seed)


def _monte_carlo(loss: Loss, transition: InitialTransition, seed: int) -> Finding:
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


def _above(column: str) -> Callable[[Found], Finding]:
    def estimator(found: Found) -> Finding:
        cells = [
            (f"{name} edge, alpha = {alpha:g}", initial(starts.loss, alpha), rows)
            for name, starts in found.items()
            for alpha, rows in starts.sharp.groupby("alpha")
        ]
        members = {}
        for name, law, rows in cells:
            theory = outlier(law)
            if column == "lowest":
                depth = left_edge(law).position - theory.position
                off = (rows["lowest"] - law.mu - theory.position) / depth
                what = "difference over the distance to the bulk"
            else:
                off, what = rows["overlap2"] - theory.overlap2, "difference of squared overlaps"
            members[name] = agrees(off.mean(), off.sem(), 0.0, len(off), what, tests=len(cells))
        return jointly(members)

    return estimator


def _own_law(found: Found) -> Finding:
    # The bulk thins out exponentially toward a hard edge: at any size that can be simulated its
    # last eigenvalues lie far inside, and an outlier stands out long before alpha_init. What
    # predicts it is the law of the state itself, whose edge is where its labels end.
    for starts in found.values():
        below = starts.below
        if starts.hard and len(below):
            rows = below[
                (below["alpha"] == below["alpha"].max()) & (below["n"] == below["n"].max())
            ]
            excess = rows["overlap2"] - rows["predicted_overlap2"]
            what = "difference of squared overlaps"
            return agrees(excess.mean(), excess.sem(), 0.0, len(excess), what)
    return too_few()


def _edge(found: Found) -> Finding:
    for starts in found.values():
        if starts.hard or starts.below.empty:
            continue
        rows, alpha = starts.rows, starts.rows["alpha"].min()
        law = initial(starts.loss, alpha)
        # The smallest size is the farthest from the law of the edge, which is one of large N.
        large = rows[(rows["alpha"] == alpha) & (rows["n"] > rows["n"].min())]
        unit = edge_scale(law, left_edge(law)) * large["n"] ** (-2 / 3)
        gap = (large["lowest"] - large["empirical_edge"]) / unit
        what = "mean, in units of the law"
        return agrees(gap.mean(), gap.sem(), TRACY_WIDOM_MEAN, len(gap), what)
    return too_few()


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
    # Half of the distance tells the place of the outlier from the edge of the bulk.
    Row(
        "start-lowest",
        "well above alpha_init, at a soft edge and at a hard one, the lowest eigenvalue lies where "
        "theory puts the outlier, and not at the edge of the bulk",
        _above("lowest"),
        effect=0.5,
    ),
    Row(
        "start-overlap2",
        "well above alpha_init, at a soft edge and at a hard one, its eigenvector has the squared "
        "overlap with the signal that theory gives",
        _above("overlap2"),
        effect=0.1,
    ),
    Row(
        "start-own-law",
        "with a hard edge the overlap below alpha_init, where infinite size has none, is the one "
        "that each state's own law of labels and fields predicts",
        _own_law,
        effect=0.1,
    ),
    Row(
        "start-edge",
        "without an outlier the lowest eigenvalue lies above the edge by the mean of the "
        "Tracy-Widom law",
        _edge,
        "check",
        effect=0.75,
    ),
)
"""Evaluated on ``found``, a mapping of names of losses, which ids hold, to their `Starts`, and on
``seed``. That the overlap below alpha_init fades with N is a claim of the chapter on the spectral
start; the law of the edge is one of large N, and checks that edges of instances are well placed."""
