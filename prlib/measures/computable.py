"""Where theory can be computed: ranges of losses and alphas, stated and checked before the work."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from prlib.losses import Loss
from prlib.parameters import ParameterError, check

LOWEST_ALPHA, HIGHEST_ALPHA = 1e-6, 1e12
"""Beyond them differences of the order of one, or of 1/alpha, are lost in rounding."""

SMALLEST_SCALE = 1e-5
"""Smallest label or field over which quadratures resolve a change of the curvature."""

SHARPEST = 0.03
"""Smallest part of a label's size over which the curvature may change with the field."""

SMALLEST_CURVATURE, LARGEST_CURVATURE = 1e-100, 1e100
"""Curvatures at a typical label whose squares and ratios are still numbers."""

SMALLEST_SHARE = 1e-9
"""Smallest curvature at a typical label, over its floor, of which rounding leaves seven digits."""


def computable(loss: Loss, alpha: float) -> float:
    """Return the checked alpha.

    Raises
    ------
    ParameterError
        If alpha or the loss is outside the range of the theory.
    """
    alpha = check("alpha", alpha)
    if not LOWEST_ALPHA <= alpha <= HIGHEST_ALPHA:
        raise ParameterError(
            f"alpha = {alpha:g}: theory is computed from {LOWEST_ALPHA:g} to {HIGHEST_ALPHA:g}"
        )
    _require_resolved(loss)
    return alpha


@lru_cache(maxsize=1024)
def _require_resolved(loss: Loss) -> None:
    if loss.scale < SMALLEST_SCALE:
        raise ParameterError(
            f"loss = {loss.id}: its curvature changes over labels of {loss.scale:.2g}; theory "
            f"resolves {SMALLEST_SCALE:g} and more"
        )
    near = np.geomspace(1e-7, 1.0, 300)
    fields = np.unique(np.concatenate([[0.0], near, 1 - near, 1 + near]))
    with np.errstate(all="ignore"):
        curvature = loss.curvature(np.ones_like(fields), fields)
        size = float(np.abs(curvature).max())
        scale = np.ptp(curvature) / np.abs(np.diff(curvature) / np.diff(fields)).max()
    if not SMALLEST_CURVATURE < size < LARGEST_CURVATURE:
        raise ParameterError(
            f"loss = {loss.id}: its curvature is of the order of {size:.2g}; theory is computed "
            f"from {SMALLEST_CURVATURE:g} to {LARGEST_CURVATURE:g} (a constant factor moves no "
            "threshold)"
        )
    if scale < SHARPEST:
        raise ParameterError(
            f"loss = {loss.id}: its curvature changes over {scale:.2g} of a label; theory "
            f"resolves {SHARPEST:g} and more"
        )
    if np.isfinite(loss.curvature_floor) and size < SMALLEST_SHARE * abs(loss.curvature_floor):
        raise ParameterError(
            f"loss = {loss.id}: its curvature at a typical label is {size:.2g}, its floor "
            f"{loss.curvature_floor:g}; theory resolves a ratio of {SMALLEST_SHARE:g} and more "
            "(unnormalized is the limit of large a)"
        )
