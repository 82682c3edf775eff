"""The smoothed amplitude loss."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from prlib.losses.loss import Loss


@dataclass(frozen=True)
class Amplitude(Loss):
    r"""Amplitude loss, smoothed at zero in proportion to the label ("perturbed amplitude flow").

    .. math:: \ell(y, ŷ) = \tfrac12 \big(\sqrt{ŷ^2 + \epsilon y^2} - \sqrt{1 + \epsilon}\,|y|\big)^2

    The bare :math:`(|ŷ| - |y|)^2/2` has a kink at ŷ = 0 where its curvature is minus infinity;
    here the curvature rises from :math:`1 - \sqrt{(1 + \epsilon)/\epsilon}` at ŷ = 0 to 1, whatever
    the label, and the loss is homogeneous: it grows fourfold when labels and fields double.

    Parameters
    ----------
    smoothing : float
        :math:`\epsilon` > 0.

    References
    ----------
    Gao, Sun, Wang & Xu, Perturbed amplitude flow for phase retrieval, IEEE Transactions on Signal
    Processing 68 (2020).

    Examples
    --------
    >>> loss = Amplitude(smoothing=1.0)
    >>> round(float(loss.curvature(2.0, 0.0)), 6), round(loss.curvature_floor, 6)
    (-0.414214, -0.414214)
    """

    name: ClassVar[str] = "amplitude"
    smoothing: float

    @staticmethod
    def l(y, yhat, smoothing):
        r""":math:`(\sqrt{ŷ^2 + \epsilon y^2} - \sqrt{1 + \epsilon}|y|)^2/2`."""
        target = np.sqrt((1.0 + smoothing) * y * y)
        return 0.5 * (np.sqrt(yhat * yhat + smoothing * y * y) - target) ** 2

    @staticmethod
    def dl(y, yhat, smoothing):
        r""":math:`ŷ (1 - \sqrt{1 + \epsilon}|y|/\sqrt{ŷ^2 + \epsilon y^2})`."""
        target = np.sqrt((1.0 + smoothing) * y * y)
        return yhat * (1.0 - target / np.sqrt(yhat * yhat + smoothing * y * y))

    @staticmethod
    def d2l(y, yhat, smoothing):
        r""":math:`1 - \sqrt{1 + \epsilon}|y|\, \epsilon y^2/(ŷ^2 + \epsilon y^2)^{3/2}`."""
        square = yhat * yhat + smoothing * y * y
        target = np.sqrt((1.0 + smoothing) * y * y)
        return 1.0 - target * (smoothing * y * y) / (square * np.sqrt(square))

    def jump(self, y: NDArray, chi: float) -> NDArray:
        r"""Return :math:`|y|\sqrt{(1 + \epsilon)\chi^2/(1 + \chi)^2 - \epsilon}`, or zero."""
        square = (1.0 + self.smoothing) * (chi / (1.0 + chi)) ** 2 - self.smoothing
        return np.abs(y) * math.sqrt(max(0.0, square))

    @property
    def curvature_floor(self) -> float:
        """Reached at ŷ = 0 for every label."""
        return 1.0 - math.sqrt((1.0 + self.smoothing) / self.smoothing)

    @property
    def scale(self) -> float:
        """Small labels matter at the scale of the label itself: there is no smallest scale.

        The curvature is bounded, so cutting the grading at s costs a mean of order s squared.
        """
        return 1e-5
