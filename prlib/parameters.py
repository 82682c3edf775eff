"""The parameters a reader may set: one registry of names, types, ranges and meanings.

The Python functions, the command line and the notebooks all check their arguments here, so
the same bad value meets the same sentence everywhere.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


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
        """Return the value in its own type, or raise a `ParameterError` that explains.

        Parameters
        ----------
        value : object
            What was given.

        Returns
        -------
        float, int, str, bool or tuple of these
            The checked value.

        Raises
        ------
        ParameterError
            If the type or the range is wrong.
        """
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
    if number != value:
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


def _number_above_zero(name: str, meaning: str, *, many: bool = False) -> Parameter:
    return Parameter(name, "number", "a finite number > 0", meaning, _positive, many)


def _count(name: str, least: int, meaning: str, *, many: bool = False) -> Parameter:
    return Parameter(
        name, "integer", f"a whole number >= {least}", meaning, lambda v: v >= least, many
    )


PARAMETERS: dict[str, Parameter] = {
    parameter.name: parameter
    for parameter in (
        _number_above_zero("a", "normalisation of the loss"),
        _number_above_zero("a_wide", "normalisation with a wide window between the transitions"),
        _number_above_zero("a_hard", "normalisation of a loss whose bulk has a hard edge"),
        _number_above_zero("alpha_factor", "alpha in units of the transition at the start"),
        _number_above_zero("smoothing", "smoothing of the amplitude loss at zero"),
        _number_above_zero("background", "background of the Poisson loss, in mean intensities"),
        _number_above_zero("delta", "residual beyond which the pseudo-Huber loss is linear"),
        _number_above_zero("alpha", "measurements per dimension, M/N"),
        _number_above_zero("alphas", "measurements per dimension, M/N", many=True),
        _number_above_zero("alphas_large", "alphas of the large dimensions", many=True),
        _number_above_zero("alphas_small", "alphas of the small dimensions", many=True),
        _number_above_zero("alphas_random", "alphas of the random start alone", many=True),
        _number_above_zero("alphas_constrained", "alphas of the constrained start", many=True),
        _number_above_zero(
            "alphas_constrained_large",
            "alphas of the constrained start at large dimensions",
            many=True,
        ),
        _number_above_zero("alphas_below", "alphas below the first transition", many=True),
        _number_above_zero("alphas_above", "alphas above the first transition", many=True),
        _number_above_zero("alphas_wide", "alphas of the wide window", many=True),
        _number_above_zero("alphas_theory", "alphas of the theory", many=True),
        _number_above_zero("alphas_observed", "alphas of the observed descents", many=True),
        _number_above_zero("alphas_checked", "alphas run with other steps and paths", many=True),
        _number_above_zero("alphas_control", "alphas of the control", many=True),
        _number_above_zero("alphas_control_large", "the same at large dimensions", many=True),
        _count("sizes_control_large", 2, "large dimensions of the control", many=True),
        _number_above_zero("alpha_slow", "measurements per dimension of the late times"),
        _number_above_zero("alpha_unseen", "measurements per dimension of unseen dimensions"),
        _number_above_zero("time_by", "flow time by which a descent must have recovered"),
        _number_above_zero("time_soon", "a shorter one"),
        _number_above_zero("time", "flow time of the descent, the sum of its steps"),
        _number_above_zero("step", "largest step of the descent"),
        _number_above_zero(
            "constrained_time", "flow time for which the constrained start keeps overlap zero"
        ),
        _number_above_zero("hold", "flow time for which a start that holds keeps overlap zero"),
        _count("n", 2, "dimension N"),
        _count("sizes", 2, "dimensions N", many=True),
        _count("sizes_large", 2, "large dimensions N, where descents cost more", many=True),
        _count("sizes_paper", 2, "dimensions N that the paper names", many=True),
        _count("sizes_seen", 2, "dimensions N that a constant is fitted to", many=True),
        _count("sizes_unseen", 2, "dimensions N that no fit has seen", many=True),
        _count("n_observed", 2, "dimension of the observed descents"),
        _count("n_checked", 2, "dimension of the runs with other settings"),
        _count("replicas_checked", 1, "their independent instances"),
        _number_above_zero("alpha_checked_large", "measurements per dimension of large ones"),
        _count("n_checked_large", 2, "their dimension"),
        _number_above_zero(
            "alphas_late", "alphas run for twice the time at a large dimension", many=True
        ),
        _count("n_late", 2, "that dimension"),
        _count("sizes_held", 2, "dimensions at which a start is held twice as long", many=True),
        _number_above_zero("alphas_held", "their measurements per dimension", many=True),
        _count("n_slow", 2, "dimension of the simulated correlations"),
        _count("replicas_slow", 1, "their independent instances"),
        _count("paths", 1, "sample paths of the dynamical theory"),
        _count("theory_seed", 0, "seed of those paths"),
        _count("replicas_unseen", 1, "independent instances of unseen sizes, fewer beyond N = 512"),
        _count("replicas", 1, "independent instances"),
        _count("n_unseen", 2, "dimension N that no fit has seen"),
        _count("seed", 0, "seed of the random numbers"),
        Parameter("starts", "text", "the name of a start", "where descents start", many=True),
    )
}


def check(name: str, value: object) -> Any:
    """Check one value against the registry.

    Parameters
    ----------
    name : str
        A name in `PARAMETERS`.
    value : object
        What was given.

    Returns
    -------
    float, int, str, bool or tuple of these
        The value in the parameter's own type.

    Raises
    ------
    ParameterError
        In one line: the name, the value, what is accepted.

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


def check_positive(name: str, value: object, what: str) -> float:
    """Check a number that must be finite and > 0, and round it to 12 significant digits.

    Parameters
    ----------
    name : str
        Its name; one in `PARAMETERS` is explained from there.
    value : object
        What was given.
    what : str
        What it is a number of.

    Returns
    -------
    float
        So that 0.1 + 0.2 is 0.3, here and in the text that `short` makes of it.

    Raises
    ------
    ParameterError
        If it is anything else.
    """
    known = PARAMETERS.get(name, _number_above_zero(name, what))
    return float(short(known.check(value)))


def short(value: float) -> str:
    """Return the shortest text of a number that keeps 12 significant digits.

    Parameters
    ----------
    value : float
        A finite number.

    Returns
    -------
    str
        The text.

    Examples
    --------
    >>> short(0.1 + 0.2), short(1.0), short(1e-20)
    ('0.3', '1', '1e-20')
    """
    return f"{value:.12g}"


def check_measurements(n: int, alpha: float) -> int:
    """Return the number of measurements, the whole number nearest to ``alpha n``.

    Parameters
    ----------
    n : int
        Dimension.
    alpha : float
        Measurements per dimension.

    Returns
    -------
    int
        M >= 1.

    Raises
    ------
    ParameterError
        If not even one measurement is left.

    Examples
    --------
    >>> check_measurements(512, 3.0)
    1536
    """
    measurements = round(alpha * n)
    if measurements < 1:
        raise ParameterError(
            f"n = {n}, alpha = {alpha:g}: give M = {measurements} measurements; must be at least "
            f"one, so n >= {math.floor(0.5 / alpha) + 1} at this alpha"
        )
    return measurements
