r"""Losses of one measurement: a label y and a field ŷ, with two derivatives in ŷ.

A loss is one small class: a frozen dataclass whose fields are its numbers, three static formulas
``l``, ``dl`` and ``d2l``, and what the theory must know of it that arrays cannot tell (the least
curvature and the smallest scale). The formulas are plain arithmetic, so that the same source runs
on NumPy arrays in the theory and compiled in the descent.

The paper's family is `NormalizedIntensity`, with `Intensity` as its limit; `Amplitude`, `Poisson`
and `PseudoHuber` are what practitioners minimise.
"""

from __future__ import annotations

import math
import re
from abc import ABC, abstractmethod
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import ArrayLike, NDArray

from prlib.parameters import check

_DOUBLINGS, _HALVINGS = 60, 52
"""Doublings until a root is enclosed; halvings to float64 precision."""


class Loss(ABC):
    r"""A loss :math:`\ell(y, ŷ)`, even in y and in ŷ, so that the sign of the signal is free.

    A subclass is a frozen dataclass of floats. It gives the static formulas `l`, `dl`, `d2l`, each
    called as ``formula(y, yhat, *parameters)``, and `curvature_floor`; it may narrow `scale`.
    """

    @staticmethod
    @abstractmethod
    def l(y, yhat, *parameters):
        r"""Give the loss, :math:`\ell(y, ŷ)`."""

    @staticmethod
    @abstractmethod
    def dl(y, yhat, *parameters):
        r"""Give the first derivative in ŷ, :math:`\ell'(y, ŷ)`."""

    @staticmethod
    @abstractmethod
    def d2l(y, yhat, *parameters):
        r"""Give the second derivative in ŷ, :math:`f = \ell''(y, ŷ)`."""

    @property
    @abstractmethod
    def curvature_floor(self) -> float:
        """The infimum of the curvature over all labels and fields; ``-inf`` if unbounded."""

    def __str__(self) -> str:
        """Name it in words, with its numbers."""
        words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(self).__name__).lower()
        numbers = ", ".join(
            f"{field.name} = {getattr(self, field.name):g}" for field in fields(self)
        )
        return f"the {words.replace('lized', 'lised')} loss" + (numbers and f" with {numbers}")

    @property
    def scale(self) -> float:
        """The smallest label or field over which the curvature changes; quadratures resolve it."""
        return 1.0

    def jump(self, y: NDArray, chi: float) -> NDArray:
        r"""Return where the proximal map jumps to at h = 0: the largest :math:`ŷ = -\chi \ell'`.

        The root is sought on a grid and bisected; a loss with a closed form may override this.

        Parameters
        ----------
        y : ndarray, shape (K,)
            Labels.
        chi : float
            Response, > 0.

        Returns
        -------
        ndarray, shape (K,)
            :math:`ŷ_0(y) \ge 0`; zero where the map is continuous.

        Raises
        ------
        ValueError
            If :math:`ŷ + \chi \ell'` never turns positive: the loss falls too fast.
        """
        # The step below is h(ŷ) = ŷ + chi l', positive beyond its last root.
        y = np.asarray(y, dtype=float)[:, None]
        reach = 1.0 + np.abs(y)
        for _ in range(_DOUBLINGS):
            short = reach + chi * self.derivative(y, reach) <= 0
            if not np.any(short):
                break
            reach = np.where(short, 2 * reach, reach)
        else:
            raise ValueError(
                f"{self}: ŷ + chi l'(y, ŷ) must be positive at large fields (chi = {chi})"
            )
        grid = reach * np.concatenate([[0.0], np.geomspace(1e-9, 1.0, 240)])
        below = grid + chi * self.derivative(y, grid) < 0
        last = below.shape[1] - 1 - np.argmax(below[:, ::-1], axis=1)
        rows = np.flatnonzero(below.any(axis=1))
        low, high = grid[rows, last[rows]], grid[rows, last[rows] + 1]
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            negative = middle + chi * self.derivative(y[rows, 0], middle) < 0
            low, high = np.where(negative, middle, low), np.where(negative, high, middle)
        roots = np.zeros(len(y))
        roots[rows] = high
        return roots

    @property
    def parameters(self) -> tuple[float, ...]:
        """The numbers of the loss, in the order in which its formulas take them."""
        return tuple(getattr(self, field.name) for field in fields(self))

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
    >>> (
    ...     float(loss.value(1.0, 2.0)),
    ...     float(loss.derivative(1.0, 2.0)),
    ...     float(loss.curvature(1.0, 2.0)),
    ... )
    (1.125, 3.0, 5.5)
    >>> print(loss)
    the normalised intensity loss with a = 1
    """

    a: float

    def __post_init__(self) -> None:
        """Check the normalisation."""
        object.__setattr__(self, "a", check("a", self.a))

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

    Raises
    ------
    ValueError
        If smoothing is not a finite number > 0.

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

    smoothing: float

    def __post_init__(self) -> None:
        """Check the smoothing."""
        object.__setattr__(self, "smoothing", check("smoothing", self.smoothing))

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

    Raises
    ------
    ValueError
        If background is not a finite number > 0.

    References
    ----------
    Chen & Candès, Solving random quadratic systems of equations is nearly as easy as solving linear
    systems, arXiv:1505.05114 (the likelihood); the background is the usual one of photon counting.

    Examples
    --------
    >>> float(Poisson(background=0.5).curvature(1.0, 0.0))
    -2.0
    """

    background: float

    def __post_init__(self) -> None:
        """Check the background."""
        object.__setattr__(self, "background", check("background", self.background))

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

    Raises
    ------
    ValueError
        If delta is not a finite number > 0.

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

    delta: float

    def __post_init__(self) -> None:
        """Check delta."""
        object.__setattr__(self, "delta", check("delta", self.delta))

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
