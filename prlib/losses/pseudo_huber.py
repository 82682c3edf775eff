"""A robust intensity loss."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from prlib.losses.loss import Loss


@dataclass(frozen=True)
class PseudoHuber(Loss):
    r"""Robust intensity loss: quadratic in the residual up to about delta, linear beyond.

    With the residual :math:`r = ŷ^2 - y^2`,

    .. math:: \ell(y, ŷ) = \tfrac12 \delta^2 \Big(\sqrt{1 + r^2/\delta^2} - 1\Big),

    Charbonnier's smooth form of Huber's loss. It tends to :math:`r^2/4`, the loss `Intensity`, for
    large delta. Its curvature lies above -delta.

    Parameters
    ----------
    delta : float
        Residual at which the loss turns linear, > 0.

    References
    ----------
    Duchi & Ruan, Solving (most) of a set of quadratic equalities, arXiv:1705.02356 (the absolute
    value, delta to zero).

    Examples
    --------
    >>> loss = PseudoHuber(delta=1e6)
    >>> round(float(loss.value(1.0, 2.0)), 6), round(float(loss.curvature(1.0, 2.0)), 6)
    (2.25, 11.0)
    """

    name: ClassVar[str] = "pseudo_huber"
    delta: float

    @staticmethod
    def l(y, yhat, delta):
        r""":math:`\delta^2 (\sqrt{1 + r^2/\delta^2} - 1)/2`."""
        # s - 1 = (r/delta)^2/(s + 1) keeps the digits of small residuals.
        r = yhat * yhat - y * y
        return 0.5 * r * r / (np.sqrt(1.0 + (r / delta) ** 2) + 1.0)

    @staticmethod
    def dl(y, yhat, delta):
        r""":math:`ŷ r/\sqrt{1 + r^2/\delta^2}`."""
        r = yhat * yhat - y * y
        return yhat * r / np.sqrt(1.0 + (r / delta) ** 2)

    @staticmethod
    def d2l(y, yhat, delta):
        r""":math:`r/s + 2ŷ^2/s^3` with :math:`s = \sqrt{1 + r^2/\delta^2}`."""
        r = yhat * yhat - y * y
        s = np.sqrt(1.0 + (r / delta) ** 2)
        return r / s + 2.0 * yhat * yhat / (s * s * s)

    def jump(self, y: NDArray, chi: float) -> NDArray:
        r"""Return :math:`\sqrt{y^2 - 1/\sqrt{\chi^2 - 1/\delta^2}}`, or zero."""
        square = chi * chi - 1.0 / self.delta**2
        if square <= 0:
            return np.zeros_like(y)
        return np.sqrt(np.maximum(0.0, y * y - 1.0 / math.sqrt(square)))

    @property
    def curvature_floor(self) -> float:
        """-delta, approached at ŷ = 0 and large labels."""
        return -self.delta

    @property
    def scale(self) -> float:
        """The root of delta, where the residual of a small field saturates."""
        return min(1.0, math.sqrt(self.delta))
