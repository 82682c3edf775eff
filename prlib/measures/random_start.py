"""The law of labels and fields at a random start."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise

import numpy as np

from prlib.losses import Loss
from prlib.measures.computable import computable
from prlib.measures.label_measure import LabelMeasure
from prlib.measures.quadrature import ORDER, half_normal

ORDERS = (6, 8, 12, 16, 24, 32, 48)
"""Orders of quadrature; 8 is good to nine digits where the curvature changes over the label's or
the field's own scale. Where it changes with their difference more are needed."""

ENOUGH = 1e-9
"""Relative change of the mean of f²/(1 + f²) at which an order is enough."""


def initial(loss: Loss, alpha: float, *, order: int | None = None) -> LabelMeasure:
    r"""Law at a uniformly random start: y and ŷ independent standard normals, overlap zero.

    It is a tensor quadrature over one quadrant.

    Parameters
    ----------
    order : int, optional
        Quadrature nodes a panel; the error of every mean falls exponentially with it. By default
        as many as the loss needs, 12 at least.

    Examples
    --------
    >>> from prlib.losses import NormalizedIntensity
    >>> law = initial(NormalizedIntensity(1.0), 2.0)
    >>> round(float(law.mean(law.y**2 * law.yhat**4)), 10)
    3.0
    """
    alpha = computable(loss, alpha)
    nodes, weights = half_normal(loss.scale, _enough(loss) if order is None else order)
    y, yhat = (grid.ravel() for grid in np.meshgrid(nodes, nodes, indexing="ij"))
    return LabelMeasure(
        loss, alpha, y, y, yhat, np.outer(weights, weights).ravel(), 0.0, loss.curvature_floor
    )


@lru_cache(maxsize=1024)
def _enough(loss: Loss) -> int:
    ladder = ORDERS[ORDERS.index(ORDER) :]
    for coarse, fine in pairwise(ladder):
        rough, better = (_mean_curvature(loss, order) for order in (coarse, fine))
        if abs(better - rough) < ENOUGH * better:
            return coarse
    return ladder[-1]


@lru_cache(maxsize=1024)
def _mean_curvature(loss: Loss, order: int) -> float:
    law = initial(loss, 1.0, order=order)
    return law.mean(law.curvature**2 / (1 + law.curvature**2))
