"""The law of labels and fields at a random start."""

from __future__ import annotations

import numpy as np

from prlib.losses import Loss
from prlib.measures.label_measure import LabelMeasure
from prlib.measures.quadrature import ORDER, half_normal


def initial(loss: Loss, alpha: float, *, order: int = ORDER) -> LabelMeasure:
    r"""Law at a uniformly random start: y and ŷ independent standard normals, overlap zero.

    Parameters
    ----------
    loss : Loss
        The loss.
    alpha : float
        Measurements per dimension.
    order : int
        Quadrature nodes a panel; the error of every mean falls exponentially with it.

    Returns
    -------
    LabelMeasure
        Tensor quadrature over one quadrant.

    Examples
    --------
    >>> from prlib.losses import NormalizedIntensity
    >>> law = initial(NormalizedIntensity(1.0), 2.0)
    >>> round(float(law.mean(law.y**2 * law.yhat**4)), 10)
    3.0
    """
    nodes, weights = half_normal(loss.scale, order)
    y, yhat = (grid.ravel() for grid in np.meshgrid(nodes, nodes, indexing="ij"))
    return LabelMeasure(
        loss, alpha, y, y, yhat, np.outer(weights, weights).ravel(), 0.0, loss.curvature_floor
    )
