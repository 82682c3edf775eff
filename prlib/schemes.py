"""How a descent steps: one object for the simulation and for the mean-field theory.

A scheme has a text id that reads back, `flow`, `flow(step=0.25)` or `momentum(beta=0.9)`, says how
long a step may be where the Hessian has a given largest curvature, and what the step is made of
beside the gradient. The theory follows `flow` in the limit of small steps, all others step by step.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from prlib.named import Named


def step_length(step: float, safety: float, curvature: float) -> float:
    """Return the step rule's length; the compiled descent compiles this very function."""
    return step if step * curvature <= safety else safety / curvature


def temperature_at(temperature: float, cooling: float, time: float) -> float:
    """Return a temperature that falls to zero at a steady rate; compiled as `step_length` is."""
    return temperature * max(0.0, 1 - time / cooling)


@dataclass(frozen=True)
class Update:
    r"""What a step is made of beside the gradient.

    From the point w, where the gradient is taken, a step :math:`\eta` leads to

    .. math:: w' = p' + \beta (p' - p) + \sqrt{2 T \eta}\, \xi, \qquad
              p' = w - \eta (g - \mu w),

    and then to the sphere, with standard normals :math:`\xi`. What was the last p' is p in the next
    step, and at first p = w: this is Nesterov's method. For the heavy ball, which remembers the
    displacement alone, it is :math:`w' = p' + \beta (w - w_{last}) + \dots`.

    Attributes
    ----------
    inertia : float
        :math:`\beta`.
    ahead : bool
        Whether the gradient is taken ahead, as Nesterov does.
    temperature : float
        T, for the total energy L.
    cooling : float
        Flow time at which the temperature has fallen to zero.
    batch : float
        Share b of the measurements whose residuals enter g, drawn anew each step, and divided by b.
    """

    inertia: float = 0.0
    ahead: bool = False
    temperature: float = 0.0
    cooling: float = math.inf
    batch: float = 1.0

    @property
    def plain(self) -> bool:
        """Whether a step is along the gradient alone."""
        return self == GRADIENT


GRADIENT = Update()
"""Nothing beside the gradient."""


class Scheme(Named, family="scheme"):
    """A rule for steps; flow time is the sum of their lengths.

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

    @property
    def update(self) -> Update:
        """What a step is made of beside the gradient."""
        return GRADIENT

    @property
    def reach(self) -> float:
        """Largest product of a step and the curvature of what it sees: a batch is steeper."""
        return self.safety * self.update.batch

    def length(self, curvature: float) -> float:
        """Return the step where the Hessian's largest eigenvalue is at most `curvature`."""
        return step_length(self.step, self.reach, curvature)

    def stops(self, times: ArrayLike) -> NDArray[np.float64]:
        """Return the times nearest to the given ones at which a descent can stop.

        Steps that adapt are shortened to land there, others are whole.
        """
        times = np.asarray(times, dtype=float)
        return times if math.isfinite(self.safety) else np.rint(times / self.step) * self.step


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


@dataclass(frozen=True)
class Momentum(Scheme, name="momentum"):
    r"""The heavy ball: a step keeps a part of the displacement before it.

    :math:`w' = w - \eta (g - \mu w) + \beta (w - w_{last})`; where the gradient changes slowly, a
    unit of time is worth :math:`1/(1-\beta)` of the flow's.

    Attributes
    ----------
    beta : float
        The part that is kept.
    step, safety : float
        See `GradientFlow`.

    References
    ----------
    Polyak, USSR Comput. Math. Math. Phys. 4, 1 (1964).

    Examples
    --------
    >>> as_scheme("momentum(0.9)").update.inertia
    0.9
    """

    beta: float
    step: float = 0.5
    safety: float = 1.0

    @property
    def update(self) -> Update:
        """A part of the last displacement."""
        return Update(inertia=self.beta)


@dataclass(frozen=True)
class Nesterov(Scheme, name="nesterov"):
    r"""Nesterov's method: the gradient is taken where the displacement leads.

    The estimate is the point where the gradient is taken, see `Update`.

    Attributes
    ----------
    beta : float
        The part of the displacement that is kept.
    step, safety : float
        See `GradientFlow`.

    References
    ----------
    Nesterov, Soviet Math. Dokl. 27, 372 (1983).
    """

    beta: float
    step: float = 0.5
    safety: float = 1.0

    @property
    def update(self) -> Update:
        """A part of the last displacement, the gradient being taken ahead."""
        return Update(inertia=self.beta, ahead=True)


@dataclass(frozen=True)
class Langevin(Scheme, name="langevin"):
    r"""Langevin dynamics: a step adds :math:`\sqrt{2 T \eta}\,\xi`, white noise at temperature T.

    At small steps it samples :math:`e^{-L/T}` on the sphere. Rescaling to the sphere is what Itô's
    term does: it takes off the :math:`T \eta` by which the noise lengthens w.

    Attributes
    ----------
    temperature : float
        T.
    step, safety : float
        See `GradientFlow`.
    """

    temperature: float
    step: float = 0.5
    safety: float = 1.0

    @property
    def update(self) -> Update:
        """White noise."""
        return Update(temperature=self.temperature)


@dataclass(frozen=True)
class Annealed(Scheme, name="annealed"):
    """Langevin dynamics whose temperature falls to zero at a steady rate; then gradient flow.

    Attributes
    ----------
    temperature : float
        At the start.
    cooling : float
        Flow time at which it is zero.
    step, safety : float
        See `GradientFlow`.

    Examples
    --------
    >>> update = Annealed(temperature=0.2, cooling=10.0).update
    >>> temperature_at(update.temperature, update.cooling, 5.0)
    0.1
    """

    temperature: float
    cooling: float
    step: float = 0.5
    safety: float = 1.0

    @property
    def update(self) -> Update:
        """White noise that fades."""
        return Update(temperature=self.temperature, cooling=self.cooling)


@dataclass(frozen=True)
class StochasticGradient(Scheme, name="sgd"):
    """Stochastic gradient descent: each step sees every measurement with probability b.

    Residuals are divided by b, so that the mean step is that of gradient descent. A measurement
    that is seen is 1/b times as steep, and steps are shorter by as much.

    Attributes
    ----------
    batch : float
        The share b.
    step, safety : float
        See `GradientFlow`.

    References
    ----------
    Mignacco, Krzakala, Urbani & Zdeborová, arXiv:2006.06098, for its mean-field theory.
    """

    batch: float
    step: float = 0.5
    safety: float = 1.0

    @property
    def update(self) -> Update:
        """A part of the measurements."""
        return Update(batch=self.batch)


SCHEMES: dict[str, type[Scheme]] = Scheme.members
"""The schemes by name; a subclass that names itself, ``class Own(Scheme, name="own")``, enters."""

as_scheme = Scheme.read
