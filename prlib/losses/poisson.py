"""The likelihood of Poisson counts over a background."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from prlib.losses.loss import Loss


@dataclass(frozen=True)
class Poisson(Loss):
    r"""Negative log-likelihood of Poisson counts over a background, less its least value.

    With expected counts :math:`\lambda = ŷ^2 + b`, and :math:`y^2 + b` observed,

    .. math:: \ell(y, ŷ) = \tfrac12\Big[ŷ^2 - y^2 - (y^2 + b) \ln\frac{ŷ^2 + b}{y^2 + b}\Big].

    The background (dark counts) keeps the logarithm finite at ŷ = 0. The curvature there,
    :math:`-y^2/b`, has no floor: like `Intensity` it has no transition at a random start.

    Parameters
    ----------
    background : float
        b > 0, in units of the mean intensity.

    References
    ----------
    Chen & Candès, Solving random quadratic systems of equations is nearly as easy as solving linear
    systems, arXiv:1505.05114 (the likelihood); the background is the usual one of photon counting.

    Examples
    --------
    >>> float(Poisson(background=0.5).curvature(1.0, 0.0))
    -2.0
    """

    name: ClassVar[str] = "poisson"
    background: float

    @staticmethod
    def l(y, yhat, background):
        r""":math:`(ŷ^2 - y^2 - (y^2 + b)\ln((ŷ^2 + b)/(y^2 + b)))/2`."""
        # log1p keeps the digits near ŷ = y, where the two terms cancel.
        ratio = (yhat * yhat - y * y) / (y * y + background)
        return 0.5 * (y * y + background) * (ratio - np.log1p(ratio))

    @staticmethod
    def dl(y, yhat, background):
        r""":math:`ŷ (ŷ^2 - y^2)/(ŷ^2 + b)`."""
        return yhat * (yhat * yhat - y * y) / (yhat * yhat + background)

    @staticmethod
    def d2l(y, yhat, background):
        r""":math:`1 + (y^2 + b)(ŷ^2 - b)/(ŷ^2 + b)^2`."""
        rate = yhat * yhat + background
        return 1.0 + (y * y + background) * (yhat * yhat - background) / (rate * rate)

    def jump(self, y: NDArray, chi: float) -> NDArray:
        r"""Return the closed form :math:`\sqrt{(\chi y^2 - b)/(1 + \chi)}`, or zero."""
        return np.sqrt(np.maximum(0.0, (chi * y * y - self.background) / (1.0 + chi)))

    @property
    def curvature_floor(self) -> float:
        """Unbounded below."""
        return -math.inf

    @property
    def scale(self) -> float:
        """The root of the background."""
        return min(1.0, math.sqrt(self.background))
