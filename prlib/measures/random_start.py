"""The law of labels and fields at a random start."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise

import numpy as np

from prlib.channels import NOISELESS, Channel
from prlib.losses import Loss
from prlib.measures.computable import computable
from prlib.measures.label_measure import LabelMeasure
from prlib.measures.labels import label_nodes
from prlib.measures.quadrature import ORDER, half_normal

ORDERS = (6, 8, 12, 16, 24, 32, 48)
"""Orders of quadrature; 8 is good to nine digits where the curvature changes over the label's or
the field's own scale. Where it changes with their difference more are needed."""

ENOUGH = 1e-9
"""Relative change of the mean of f²/(1 + f²) at which an order is enough."""


def initial(
    loss: Loss, alpha: float, channel: Channel = NOISELESS, *, order: int | None = None
) -> LabelMeasure:
    r"""Law at a uniformly random start: ŷ standard normal, independent of z and y, overlap zero.

    It is a tensor quadrature over one quadrant.

    Parameters
    ----------
    channel : Channel
        How the label y comes of the signal's field z; without noise it is the field.
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
    order = _enough(loss, channel) if order is None else order
    z, y, label_weights = label_nodes(loss.scale, channel, order=order)
    fields, weights = half_normal(loss.scale, order)
    # Labels have no largest one, whatever the channel: the floor is that of the loss.
    return LabelMeasure(
        loss,
        alpha,
        np.repeat(z, len(fields)),
        np.repeat(y, len(fields)),
        np.tile(fields, len(y)),
        np.outer(label_weights, weights).ravel(),
        0.0,
        loss.curvature_floor,
    )


@lru_cache(maxsize=1024)
def _enough(loss: Loss, channel: Channel) -> int:
    ladder = ORDERS[ORDERS.index(ORDER) :]
    for coarse, fine in pairwise(ladder):
        rough, better = (_mean_curvature(loss, channel, order) for order in (coarse, fine))
        if abs(better - rough) < ENOUGH * better:
            return coarse
    return ladder[-1]


@lru_cache(maxsize=1024)
def _mean_curvature(loss: Loss, channel: Channel, order: int) -> float:
    law = initial(loss, 1.0, channel, order=order)
    return law.mean(law.curvature**2 / (1 + law.curvature**2))
