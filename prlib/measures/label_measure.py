"""The joint law of the signal's fields, labels and fields at one state of the descent."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from prlib.losses import Loss
from prlib.parameters import check


@dataclass(frozen=True, eq=False)
class LabelMeasure:
    r"""Joint law :math:`P(z, y, ŷ)` of the signal's fields, labels and fields, as weighted nodes.

    Every result on the spectrum is a function of it: means over the measure, written
    :math:`E[\cdot]`, of functions of y, ŷ and the curvature :math:`f = \ell''(y, ŷ)`.

    Attributes
    ----------
    loss : Loss
        The loss that gives the curvature on the nodes.
    alpha : float
        Measurements per dimension, M/N.
    z, y, yhat : ndarray, shape (K,)
        Nodes: the signal's field, which the outlier sees; the label, which the loss sees; the
        field. Without noise z is y. Where z was integrated out it is the root of
        :math:`E[z^2 | y, ŷ]`: at zero overlap its square alone counts. There the law is symmetric
        in the signs of all, and nodes of one quadrant may stand for all.
    weights : ndarray, shape (K,)
        Probabilities of the nodes; they sum to one.
    overlap : float
        Overlap m of the estimate with the signal. Exactly zero means that symmetric law.
    floor : float
        Infimum of the curvature over the support of the law, which nodes alone cannot tell: it
        decides where the left edge of the spectrum is hard.

    Raises
    ------
    ValueError
        If shapes do not match, a value is not finite, or the weights are not probabilities.

    Examples
    --------
    >>> from prlib.losses import NormalizedIntensity
    >>> one = np.array([1.0])
    >>> law = LabelMeasure(NormalizedIntensity(1.0), 2.0, one, one, 2 * one, one, 0.0, floor=5.5)
    >>> law.energy, law.mu
    (2.25, 12.0)
    """

    loss: Loss
    alpha: float
    z: NDArray[np.float64]
    y: NDArray[np.float64]
    yhat: NDArray[np.float64]
    weights: NDArray[np.float64]
    overlap: float
    floor: float

    def __post_init__(self) -> None:
        """Check shapes and values."""
        object.__setattr__(self, "alpha", check("alpha", self.alpha))
        names = ("z", "y", "yhat", "weights")
        shapes = [getattr(self, name).shape for name in names]
        if self.y.ndim != 1 or len({*shapes}) != 1:
            raise ValueError(
                f"{', '.join(names)} have shapes {', '.join(map(str, shapes))}: must be vectors of "
                "one length"
            )
        for name in names:
            if not np.all(np.isfinite(getattr(self, name))):
                raise ValueError(f"{name} holds NaN or infinite values: all must be finite")
        if np.any(self.weights < 0) or abs(self.weights.sum() - 1) > 1e-6:
            raise ValueError(
                f"weights sum to {self.weights.sum():.6g}: must be probabilities that sum to 1"
            )
        if not -1 - 1e-6 <= self.overlap <= 1 + 1e-6:
            raise ValueError(f"overlap = {self.overlap}: must lie in [-1, 1]")

    @cached_property
    def curvature(self) -> NDArray[np.float64]:
        """Curvature f on the nodes, shape (K,)."""
        return self.loss.curvature(self.y, self.yhat)

    def mean(self, values: ArrayLike) -> float | complex:
        """Mean over the measure of a function's values on the nodes, shape (K,)."""
        return self.weights @ np.asarray(values)

    @cached_property
    def energy(self) -> float:
        r"""Energy per dimension, :math:`L/N = \alpha E[\ell]`."""
        return float(self.alpha * self.mean(self.loss.value(self.y, self.yhat)))

    @cached_property
    def mu(self) -> float:
        r"""Multiplier of the sphere, :math:`\mu = \alpha E[\ell' ŷ]`."""
        return float(self.alpha * self.mean(self.loss.derivative(self.y, self.yhat) * self.yhat))
