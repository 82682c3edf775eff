"""How a descent steps: one object for the simulation and for the mean-field theory.

A scheme has a text id that reads back, `flow`, `flow(step=0.25)` or `descent(step=0.01)`, and says
how long a step may be where the Hessian has a given largest curvature. The theory follows `flow`
in the limit of small steps, and `descent` step by step.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from prlib.identifiers import identifier, normalized, read_identifier
from prlib.parameters import ParameterError, check


def step_length(step: float, safety: float, curvature: float) -> float:
    """Return the step rule's length; the compiled descent compiles this very function."""
    return step if step * curvature <= safety else safety / curvature


SCHEMES: dict[str, type[Scheme]] = {}
"""The schemes by name; a subclass that names itself, ``class Own(Scheme, name="own")``, enters."""


class Scheme(ABC):
    """A rule for steps along the gradient.

    A subclass is a frozen dataclass of numbers, its first the largest `step`.

    Attributes
    ----------
    step : float
        Largest step.
    safety : float
        Largest product of a step and the largest curvature; infinite for steps that do not adapt.
    slack : float
        By which fraction of itself a step is lengthened rather than leave a rest before a stop.
    """

    name: ClassVar[str]
    slack: ClassVar[float] = 1e-9
    step: float
    safety: float

    def __init_subclass__(cls, *, name: str, **kwargs: object) -> None:
        """Enter the registry."""
        super().__init_subclass__(**kwargs)
        cls.name = name
        SCHEMES[name] = cls

    @property
    def id(self) -> str:
        """Text that `as_scheme` reads back, without the numbers that have their default."""
        numbers = {f.name: getattr(self, f.name) for f in fields(self)}
        default = {f.name: f.default for f in fields(self)}
        return identifier(self.name, **{k: v for k, v in numbers.items() if v != default[k]})

    def __str__(self) -> str:
        return self.id

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

    def __post_init__(self) -> None:
        """Check the numbers."""
        object.__setattr__(self, "step", normalized(check("step", self.step)))
        try:
            good = 0 < self.safety < 2
        except TypeError:
            good = False
        if not good:
            raise ParameterError(
                f"safety = {self.safety!r}: must be a number between 0 and 2 (step times curvature)"
            )
        object.__setattr__(self, "safety", normalized(self.safety))

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

    def __post_init__(self) -> None:
        """Check the step."""
        object.__setattr__(self, "step", normalized(check("step", self.step)))

    def stops(self, times: ArrayLike) -> NDArray[np.float64]:
        """Return the nearest whole numbers of steps, in time."""
        return np.rint(np.asarray(times, dtype=float) / self.step) * self.step


def as_scheme(value: str | Scheme) -> Scheme:
    """Return a scheme by its id.

    Parameters
    ----------
    value : str or Scheme
        An id, as ``"flow"``, ``"flow(step=0.25)"``, ``"descent(step=0.01)"``, or the scheme.

    Raises
    ------
    ParameterError
        If there is no such scheme, or a number of it is out of range.

    Examples
    --------
    >>> as_scheme("descent(step=0.01)")
    GradientDescent(step=0.01)
    >>> as_scheme("descent")
    Traceback (most recent call last):
    ...
    prlib.parameters.ParameterError: scheme = 'descent': needs step, as in descent(step=0.01)
    """
    if isinstance(value, Scheme):
        return value
    try:
        name, values, named = read_identifier(value)
        kind = SCHEMES[name]
    except (AttributeError, KeyError, ValueError):
        raise ParameterError(f"scheme = {value!r}: must be {_accepted()}") from None
    numbers = [f.name for f in fields(kind)]
    if len(values) + len(named) > len(numbers) or set(named) & set(numbers[: len(values)]):
        raise ParameterError(f"scheme = {value!r}: must be {_accepted()}")
    given = {**dict(zip(numbers, values, strict=False)), **named}
    for number in given:
        if number not in numbers:
            raise ParameterError(
                f"scheme = {value!r}: {name} has no {number}; it has {', '.join(numbers)}"
            )
    try:
        return kind(**given)
    except ParameterError as error:
        raise ParameterError(f"scheme = {value!r}: {error}") from None
    except TypeError:
        raise ParameterError(
            f"scheme = {value!r}: needs {numbers[0]}, as in {name}({numbers[0]}=0.01)"
        ) from None


def _accepted() -> str:
    return " or ".join(
        f"{name}({', '.join(f'{f.name}=NUMBER' for f in fields(kind))})"
        for name, kind in SCHEMES.items()
    )
