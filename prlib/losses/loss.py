r"""What a loss of one measurement is: a label y and a field ŷ, with two derivatives in ŷ.

A loss is one small class: a frozen dataclass whose fields are its numbers, three static formulas
``l``, ``dl`` and ``d2l``, and what the theory must know of it that arrays cannot tell (the least
curvature and the smallest scale). The formulas are plain arithmetic, so that the same source runs
on NumPy arrays in the theory and compiled in the descent.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import fields
from functools import cached_property, wraps
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from prlib.identifiers import identifier
from prlib.named import Named
from prlib.parameters import ParameterError

_DOUBLINGS, _HALVINGS = 60, 52
"""Doublings until a root is enclosed; halvings to float64 precision."""

R = TypeVar("R")


class Loss(Named, family="loss"):
    r"""A loss :math:`\ell(y, ŷ)`, even in y and in ŷ, so that the sign of the signal is free.

    A subclass is a frozen dataclass of floats. It gives the static formulas `l`, `dl`, `d2l`, each
    called as ``formula(y, yhat, *parameters)``, and `curvature_floor`; it may narrow `scale`.

    Attributes
    ----------
    name : str
        Its name in text ids; that of the class in lower case if it gives none.

    Raises
    ------
    ParameterError
        If a number of the loss is not finite and > 0, or a loss of prlib has the name already.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True)
    ... class ScaledQuartic(Loss):
    ...     strength: float
    ...     l = staticmethod(lambda y, yhat, c: c * (yhat**2 - y**2) ** 2)
    ...     dl = staticmethod(lambda y, yhat, c: 4 * c * yhat * (yhat**2 - y**2))
    ...     d2l = staticmethod(lambda y, yhat, c: 4 * c * (3 * yhat**2 - y**2))
    ...     curvature_floor = -np.inf
    >>> ScaledQuartic(0.25).id
    'scaled_quartic(strength=0.25)'
    >>> as_loss("scaled_quartic(strength=0.25)") == ScaledQuartic(0.25)
    True
    """

    @cached_property
    def id(self) -> str:
        """Text that `as_loss` reads back to an equal loss, such as ``normalized(a=0.01)``."""
        return identifier(self.name, **{f.name: getattr(self, f.name) for f in fields(self)})

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

    @property
    def names(self) -> dict[str, Any]:
        """What records of results call it: its id, and a, its normalisation if it has one."""
        return {"loss": self.id, "a": getattr(self, "a", None)}

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

        It is zero for labels whose map is continuous. The root is sought on a grid and bisected; a
        loss with a closed form may override this.

        Raises
        ------
        ValueError
            If :math:`ŷ + \chi \ell'` never turns positive: the loss falls too fast.
        """
        # The step below is h(ŷ) = ŷ + chi l', positive beyond its last root.
        y = np.asarray(y, dtype=float)[:, None]
        reach = 1.0 + np.abs(y)
        for _ in range(_DOUBLINGS):
            negative = reach + chi * self.derivative(y, reach) <= 0
            if not np.any(negative):
                break
            reach = np.where(negative, 2 * reach, reach)
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

    @cached_property
    def parameters(self) -> tuple[float, ...]:
        """The numbers of the loss, in the order in which its formulas take them."""
        return tuple(getattr(self, field.name) for field in fields(self))

    def value(self, y: ArrayLike, yhat: ArrayLike) -> NDArray:
        r"""Loss :math:`\ell(y, ŷ)`, elementwise."""
        return self.l(np.asarray(y), np.asarray(yhat), *self.parameters)

    def derivative(self, y: ArrayLike, yhat: ArrayLike) -> NDArray:
        r"""First derivative :math:`\ell'(y, ŷ)` in ŷ, elementwise."""
        return self.dl(np.asarray(y), np.asarray(yhat), *self.parameters)

    def curvature(self, y: ArrayLike, yhat: ArrayLike) -> NDArray:
        r"""Second derivative :math:`f = \ell''(y, ŷ)` in ŷ, elementwise."""
        return self.d2l(np.asarray(y), np.asarray(yhat), *self.parameters)


LOSSES: dict[str, type[Loss]] = Loss.members
"""The losses by their names, those of a reader's own too once they are defined."""


def as_loss(value: Loss | str | float | None) -> Loss:
    """Return the loss that a value stands for.

    Parameters
    ----------
    value : Loss, str, float or None
        A loss; its `Loss.id`; a number, for the paper's loss of that normalisation a; ``None``
        for the un-normalised one.

    Raises
    ------
    ParameterError
        If there is no such loss, or its numbers are not accepted.

    Examples
    --------
    >>> as_loss(0.01)
    NormalizedIntensity(a=0.01)
    >>> as_loss("amplitude(smoothing=0.3)").id
    'amplitude(smoothing=0.3)'
    """
    if isinstance(value, Loss):
        return value
    if value is None:
        return LOSSES["unnormalized"]()
    return Loss.read(value) if isinstance(value, str) else LOSSES["normalized"](value)


def takes_loss(function: Callable[..., R]) -> Callable[..., R]:
    """Let the first parameter of a function, a loss, be whatever `as_loss` reads, or ``a=``.

    It is then called as ``f(loss, ...)``, ``f("amplitude(smoothing=0.3)", ...)``, ``f(0.01, ...)``
    or ``f(a=0.01, ...)``.
    """

    @wraps(function)
    def taking(*args: Any, **kwargs: Any) -> R:
        given = [name for name in ("loss", "a") if name in kwargs]
        if len(given) + bool(args) != 1:
            raise ParameterError("loss: must be given once, as a loss, its text id, or a=")
        if given:
            return function(as_loss(kwargs.pop(given[0])), **kwargs)
        return function(as_loss(args[0]), *args[1:], **kwargs)

    return taking
