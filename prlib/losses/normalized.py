"""The paper's loss: squared difference of intensities, normalised by the label."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from prlib.losses.loss import Loss


@dataclass(frozen=True)
class NormalizedIntensity(Loss):
    r"""The paper's loss, :math:`\ell_a(y, ŷ) = (ŷ^2 - y^2)^2 / (4 (a + y^2))`.

    Its curvature :math:`f = (3ŷ^2 - y^2)/(a + y^2)` lies above -1, whatever a is, and reaches
    :math:`3ŷ^2/a` where a label vanishes: small a is stiff.

    Parameters
    ----------
    a : float
        Normalisation, > 0.

    References
    ----------
    Bonnaire, Biroli & Cammarota, arXiv:2403.02418.

    Examples
    --------
    >>> loss = NormalizedIntensity(a=1.0)
    >>> (
    ...     float(loss.value(1.0, 2.0)),
    ...     float(loss.derivative(1.0, 2.0)),
    ...     float(loss.curvature(1.0, 2.0)),
    ... )
    (1.125, 3.0, 5.5)
    >>> print(loss)
    the normalised intensity loss with a = 1
    """

    name: ClassVar[str] = "normalized"
    a: float

    @staticmethod
    def l(y, yhat, a):
        r""":math:`(ŷ^2 - y^2)^2 / (4 (a + y^2))`."""
        return (yhat * yhat - y * y) ** 2 / (4.0 * (a + y * y))

    @staticmethod
    def dl(y, yhat, a):
        r""":math:`ŷ (ŷ^2 - y^2) / (a + y^2)`."""
        return yhat * (yhat * yhat - y * y) / (a + y * y)

    @staticmethod
    def d2l(y, yhat, a):
        r""":math:`(3ŷ^2 - y^2) / (a + y^2)`."""
        return (3.0 * yhat * yhat - y * y) / (a + y * y)

    def jump(self, y: NDArray, chi: float) -> NDArray:
        r"""Return the closed form :math:`\sqrt{y^2 - (a + y^2)/\chi}`, or zero."""
        return np.sqrt(np.maximum(0.0, y * y - (self.a + y * y) / chi))

    @property
    def curvature_floor(self) -> float:
        """-1, approached at ŷ = 0 and large labels, never reached."""
        return -1.0

    @property
    def scale(self) -> float:
        """The root of a, where the normalisation takes over."""
        return min(1.0, math.sqrt(self.a))
