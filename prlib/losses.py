r"""Losses of one measurement: a label y and a field ŷ, with two derivatives in ŷ.

A loss is one small class: a frozen dataclass whose fields are its numbers, three static formulas
``l``, ``dl`` and ``d2l``, and what the theory must know of it that arrays cannot tell (the least
curvature and the smallest scale). The formulas are plain arithmetic, so that the same source runs
on NumPy arrays in the theory and compiled in the descent.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import astuple, dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from prlib.parameters import check


class Loss(ABC):
    r"""A loss :math:`\ell(y, ŷ)`, even in y and in ŷ, so that the sign of the signal is free.

    A subclass is a frozen dataclass of floats. It gives the static formulas `l`, `dl`, `d2l`, each
    called as ``formula(y, yhat, *parameters)``, and `curvature_floor`; it may narrow `scale`.
    """

    @staticmethod
    @abstractmethod
    def l(y, yhat, *parameters):  # noqa: E743 - the field's name for it
        r"""Formula of the loss, :math:`\ell(y, ŷ)`."""

    @staticmethod
    @abstractmethod
    def dl(y, yhat, *parameters):
        r"""Formula of the first derivative in ŷ, :math:`\ell'(y, ŷ)`."""

    @staticmethod
    @abstractmethod
    def d2l(y, yhat, *parameters):
        r"""Formula of the second derivative in ŷ, :math:`f = \ell''(y, ŷ)`."""

    @property
    @abstractmethod
    def curvature_floor(self) -> float:
        """The infimum of the curvature over all labels and fields; ``-inf`` if unbounded."""

    @property
    def scale(self) -> float:
        """The smallest label or field over which the curvature changes; quadratures resolve it."""
        return 1.0

    @property
    def parameters(self) -> tuple[float, ...]:
        """The numbers of the loss, in the order in which its formulas take them."""
        return astuple(self)

    def value(self, y: ArrayLike, yhat: ArrayLike) -> NDArray:
        r"""Loss :math:`\ell(y, ŷ)`, elementwise.

        Parameters
        ----------
        y, yhat : array_like
            Labels and fields; they broadcast.

        Returns
        -------
        ndarray
            The loss of each pair.
        """
        return self.l(np.asarray(y), np.asarray(yhat), *self.parameters)

    def derivative(self, y: ArrayLike, yhat: ArrayLike) -> NDArray:
        r"""First derivative :math:`\ell'(y, ŷ)` in ŷ, elementwise.

        Parameters
        ----------
        y, yhat : array_like
            Labels and fields; they broadcast.

        Returns
        -------
        ndarray
            The derivative at each pair.
        """
        return self.dl(np.asarray(y), np.asarray(yhat), *self.parameters)

    def curvature(self, y: ArrayLike, yhat: ArrayLike) -> NDArray:
        r"""Second derivative :math:`f = \ell''(y, ŷ)` in ŷ, elementwise.

        Parameters
        ----------
        y, yhat : array_like
            Labels and fields; they broadcast.

        Returns
        -------
        ndarray
            The curvature at each pair.
        """
        return self.d2l(np.asarray(y), np.asarray(yhat), *self.parameters)


@dataclass(frozen=True)
class NormalizedIntensity(Loss):
    r"""The paper's loss, :math:`\ell_a(y, ŷ) = (ŷ^2 - y^2)^2 / (4 (a + y^2))`.

    Its curvature :math:`f = (3ŷ^2 - y^2)/(a + y^2)` lies above -1, whatever a is, and reaches
    :math:`3ŷ^2/a` where a label vanishes: small a is stiff.

    Parameters
    ----------
    a : float
        Normalisation, > 0.

    Raises
    ------
    ValueError
        If a is not a finite number > 0.

    References
    ----------
    Bonnaire, Biroli & Cammarota, arXiv:2403.02418.

    Examples
    --------
    >>> loss = NormalizedIntensity(a=1.0)
    >>> float(loss.value(1.0, 2.0)), float(loss.derivative(1.0, 2.0)), float(loss.curvature(1.0, 2.0))
    (1.125, 3.0, 5.5)
    """

    a: float

    def __post_init__(self) -> None:
        """Check the normalisation."""
        object.__setattr__(self, "a", check("a", self.a))

    @staticmethod
    def l(y, yhat, a):  # noqa: E743
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

    @property
    def curvature_floor(self) -> float:
        """-1, approached at ŷ = 0 and large labels, never reached."""
        return -1.0

    @property
    def scale(self) -> float:
        """The root of a, where the normalisation takes over."""
        return min(1.0, math.sqrt(self.a))


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

    @staticmethod
    def l(y, yhat):  # noqa: E743
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

    @property
    def curvature_floor(self) -> float:
        """Unbounded below."""
        return -math.inf


def intensity_loss(a: float | None) -> Loss:
    """Return the loss of normalisation a, or the un-normalised one for ``None``.

    Parameters
    ----------
    a : float or None
        Normalisation > 0; ``None`` for the un-normalised loss.

    Returns
    -------
    Loss
        `NormalizedIntensity` or `Intensity`.

    Examples
    --------
    >>> intensity_loss(0.01)
    NormalizedIntensity(a=0.01)
    >>> intensity_loss(None)
    Intensity()
    """
    return Intensity() if a is None else NormalizedIntensity(a)
