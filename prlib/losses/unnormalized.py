"""The un-normalised intensity loss, the limit of large normalisation."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from prlib.losses.loss import Loss


@dataclass(frozen=True)
class Intensity(Loss):
    r"""The un-normalised intensity loss :math:`\ell(y, ŷ) = (ŷ^2 - y^2)^2 / 4`.

    The limit of :math:`a \ell_a` for large a. Its curvature has no floor: at a random start the
    bulk of the Hessian has no left edge at infinite size, hence no transition.

    References
    ----------
    Sarao Mannelli et al., arXiv:2006.06997.

    Examples
    --------
    >>> float(Intensity().curvature(2.0, 0.0))
    -4.0
    """

    name: ClassVar[str] = "unnormalized"

    @staticmethod
    def l(y, yhat):
        r""":math:`(ŷ^2 - y^2)^2 / 4`."""
        return 0.25 * (yhat * yhat - y * y) ** 2

    @staticmethod
    def dl(y, yhat):
        r""":math:`ŷ (ŷ^2 - y^2)`."""
        return yhat * (yhat * yhat - y * y)

    @staticmethod
    def d2l(y, yhat):
        r""":math:`3ŷ^2 - y^2`."""
        return 3.0 * yhat * yhat - y * y

    def jump(self, y: NDArray, chi: float) -> NDArray:
        r"""Return the closed form :math:`\sqrt{y^2 - 1/\chi}`, or zero."""
        return np.sqrt(np.maximum(0.0, y * y - 1.0 / chi))

    @property
    def curvature_floor(self) -> float:
        """Unbounded below."""
        return -math.inf
