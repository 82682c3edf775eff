"""How a descent steps: one object for the simulation and for the mean-field theory.

A scheme has a text id that reads back, `flow`, `flow(step=0.25)` or `descent(step=0.01)`, and says
how long a step may be where the Hessian has a given largest curvature. The theory follows `flow`
in the limit of small steps, and `descent` step by step.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from prlib.named import Named


def step_length(step: float, safety: float, curvature: float) -> float:
    """Return the step rule's length; the compiled descent compiles this very function."""
    return step if step * curvature <= safety else safety / curvature


class Scheme(Named, family="scheme"):
    """A rule for steps along the gradient; its first number is the largest `step`.

    Attributes
    ----------
    step : float
        Largest step.
    safety : float
        Largest product of a step and the largest curvature; infinite for steps that do not adapt.
    slack : float
        By which fraction of itself a step is lengthened rather than leave a rest before a stop.
    """

    slack: ClassVar[float] = 1e-9
    step: float
    safety: float

    def length(self, curvature: float) -> float:
        """Return the step where the Hessian's largest eigenvalue is at most `curvature`."""
        return step_length(self.step, self.safety, curvature)

    @abstractmethod
    def stops(self, times: ArrayLike) -> NDArray[np.float64]:
        """Return the times nearest to the given ones at which a descent can stop."""


@dataclass(frozen=True)
class GradientFlow(Scheme, name="flow"):
    r"""Gradient flow: steps as large as stability allows, :math:`\min(\eta, s/\lambda_{max})`.

    Attributes
    ----------
    step : float
        Largest step eta.
    safety : float
        Step times curvature s, in (0, 2). The bound on the curvature holds at large N; at N = 32
        the curvature exceeds it by up to a fifth, and a step is stable up to twice its inverse.

    Examples
    --------
    >>> GradientFlow().id, GradientFlow(step=0.25).id
    ('flow', 'flow(step=0.25)')
    >>> GradientFlow().length(curvature=10.0)
    0.1
    """

    step: float = 0.5
    safety: float = 1.0

    def stops(self, times: ArrayLike) -> NDArray[np.float64]:
        """Return the times themselves: a step is shortened to land there."""
        return np.asarray(times, dtype=float)


@dataclass(frozen=True)
class GradientDescent(Scheme, name="descent"):
    r"""Gradient descent: every step is :math:`\eta`, whatever the curvature.

    Above :math:`\eta\lambda_{max} = 2` it does not settle; a trajectory's `sharpness` says so.

    Attributes
    ----------
    step : float
        The step eta.

    Examples
    --------
    >>> GradientDescent(0.01).id, GradientDescent(0.01).length(curvature=1e6)
    ('descent(step=0.01)', 0.01)
    >>> GradientDescent(0.1).stops([0.0, 0.26, 1.0]).round(3).tolist()
    [0.0, 0.3, 1.0]
    """

    slack: ClassVar[float] = 1e-3
    safety: ClassVar[float] = math.inf
    step: float

    def stops(self, times: ArrayLike) -> NDArray[np.float64]:
        """Return the nearest whole numbers of steps, in time."""
        return np.rint(np.asarray(times, dtype=float) / self.step) * self.step


SCHEMES: dict[str, type[Scheme]] = Scheme.members
"""The schemes by name; a subclass that names itself, ``class Own(Scheme, name="own")``, enters."""

as_scheme = Scheme.read
