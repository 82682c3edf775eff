"""The parameters of functions and commands: one registry of names, types, ranges and meanings.

Functions, command line and specs all check their arguments here, so the same bad value meets the
same sentence everywhere. A notebook's own parameters are declared in the notebook.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

LARGEST = 2**63
"""Whole numbers are less: tables and random numbers hold no larger one."""


class ParameterError(ValueError):
    """A parameter's value is not accepted; the message names it, the value and what is."""


@dataclass(frozen=True)
class Parameter:
    """One parameter: its name, its kind, what it accepts and what it means.

    Attributes
    ----------
    name : str
        The name used by functions, options, notebooks, table columns and axes alike.
    kind : {"number", "integer", "text", "flag"}
        The type of one value.
    accepts : str
        The accepted values, in words that complete "must be ...".
    help : str
        What the parameter means, in one line.
    valid : callable
        Whether a value of the right type lies in the accepted range.
    many : bool
        Whether the parameter is a list of such values.
    """

    name: str
    kind: str
    accepts: str
    help: str
    valid: Callable[[Any], bool] = lambda _: True
    many: bool = False

    def check(self, value: object) -> Any:
        """Return the value (a tuple, if `many`) in its own type, or raise a `ParameterError`."""
        if not self.many:
            return self._check_one(value)
        if isinstance(value, (str, bytes)) or not hasattr(value, "__iter__"):
            raise ParameterError(self._refusal(value))
        values = tuple(value)
        if not values:
            raise ParameterError(self._refusal(values))
        return tuple(self._check_one(one) for one in values)

    def _check_one(self, value: object) -> Any:
        try:
            converted = _CONVERSIONS[self.kind](value)
        except (TypeError, ValueError, OverflowError):
            raise ParameterError(self._refusal(value)) from None
        if not self.valid(converted):
            raise ParameterError(self._refusal(value))
        return converted

    def _refusal(self, value: object) -> str:
        what = f"a list, each {self.accepts}" if self.many else self.accepts
        if self.kind == "integer" and isinstance(value, numbers.Real) and value >= LARGEST:
            what += " and < 2**63"
        shown = repr(value) if len(repr(value)) <= 60 else repr(value)[:57] + "..."
        return f"{self.name} = {shown}: must be {what} ({self.help})"


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError
    number = float(value)
    if not math.isfinite(number):
        raise ValueError
    return number


def _integer(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError
    number = int(value)
    if number != value or number >= LARGEST:
        raise ValueError
    return number


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


_CONVERSIONS: dict[str, Callable[[Any], Any]] = {
    "number": _number,
    "integer": _integer,
    "text": _text,
    "flag": _flag,
}


def _positive(value: float) -> bool:
    return value > 0


def number_above_zero(name: str, meaning: str) -> Parameter:
    """Describe a finite number > 0."""
    return Parameter(name, "number", "a finite number > 0", meaning, _positive)


def _count(name: str, least: int, meaning: str) -> Parameter:
    return Parameter(name, "integer", f"a whole number >= {least}", meaning, lambda v: v >= least)


PARAMETERS: dict[str, Parameter] = {
    parameter.name: parameter
    for parameter in (
        number_above_zero("a", "normalisation of the loss"),
        number_above_zero("smoothing", "smoothing of the amplitude loss at zero"),
        number_above_zero("background", "background of the Poisson loss, in mean intensities"),
        number_above_zero("delta", "residual beyond which the pseudo-Huber loss is linear"),
        number_above_zero("sigma", "standard deviation of the noise"),
        number_above_zero("photons", "mean count of a measurement"),
        number_above_zero("size", "standard deviation of an outlier"),
        Parameter(
            "fraction",
            "number",
            "a number between 0 and 1",
            "fraction of the labels",
            lambda value: 0 < value < 1,
        ),
        Parameter(
            "share",
            "number",
            "a number above 0, at most 1",
            "share of the entries of X that are not zero",
            lambda value: 0 < value <= 1,
        ),
        number_above_zero("freedom", "degrees of freedom of Student's law"),
        Parameter(
            "ratio",
            "number",
            "a finite number >= 1",
            "length of the transforms over N",
            lambda value: value >= 1,
        ),
        number_above_zero("exponent", "exponent of the spectrum of the columns"),
        number_above_zero("alpha", "measurements per dimension, M/N"),
        number_above_zero("time", "flow time of the descent, the sum of its steps"),
        number_above_zero("step", "largest step of the descent"),
        Parameter(
            "safety",
            "number",
            "a number between 0 and 2",
            "step times curvature",
            lambda value: 0 < value < 2,
        ),
        Parameter(
            "beta",
            "number",
            "a number between 0 and 1",
            "part of the last displacement that a step keeps",
            lambda value: 0 < value < 1,
        ),
        Parameter(
            "batch",
            "number",
            "a number above 0, at most 1",
            "share of the measurements that a step sees",
            lambda value: 0 < value <= 1,
        ),
        number_above_zero("temperature", "temperature of the noise, for the total energy"),
        number_above_zero("cooling", "flow time at which the temperature has fallen to zero"),
        number_above_zero("hold", "flow time for which a start that holds keeps overlap zero"),
        number_above_zero("energy", "energy per dimension"),
        Parameter(
            "overlap",
            "number",
            "a number between -1 and 1",
            "overlap with the signal",
            lambda value: -1 < value < 1,
        ),
        _count("n", 2, "dimension N"),
        _count("paths", 1, "sample paths of the dynamical theory"),
        _count("replicas", 1, "independent instances"),
        _count("seed", 0, "seed of the random numbers"),
    )
}


def check(name: str, value: object) -> Any:
    """Return a value in the type of the parameter of that name, or raise a `ParameterError`.

    Examples
    --------
    >>> check("alpha", 3)
    3.0
    >>> check("alpha", -1)
    Traceback (most recent call last):
    ...
    prlib.parameters.ParameterError: alpha = -1: must be a finite number > 0 (measurements ...
    """
    return PARAMETERS[name].check(value)


def _told(number: int) -> str:
    return f"{number}" if number < 10**9 else f"{float(number):.2g}"


def check_measurements(n: int, alpha: float) -> int:
    """Return the number of measurements, the whole number nearest to ``alpha n``, at least one.

    Examples
    --------
    >>> check_measurements(512, 3.0)
    1536
    """
    if not alpha * n < LARGEST:
        raise ParameterError(f"n = {n}, alpha = {alpha:g}: give {alpha * n:.2g} measurements")
    measurements = round(alpha * n)
    if measurements < 1:
        raise ParameterError(
            f"n = {n}, alpha = {alpha:g}: give M = {measurements} measurements; must be at least "
            f"one, so n >= {_told(math.floor(0.5 / alpha) + 1)} at this alpha"
        )
    return measurements
