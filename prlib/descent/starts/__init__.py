"""Where a descent starts, one file a start: whatever module here has a `START` is one.

This is the only list of them: command line, sweeps, figures and glossary read `STARTS`.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from numpy.typing import NDArray

from prlib.descent.starts.start import Start
from prlib.parameters import ParameterError
from prlib.problem import Problem

__all__ = ["STARTS", "Start", "as_start", "starting_point"]

_ORDER = ("random", "spectral", "constrained", "optimal", "deflated", "orthogonal", "wide")


def _found() -> dict[str, Start]:
    modules = (import_module(f"{__name__}.{module.name}") for module in iter_modules(__path__))
    starts = {m.START.name: m.START for m in modules if hasattr(m, "START")}
    order = {name: place for place, name in enumerate(_ORDER)}
    return dict(sorted(starts.items(), key=lambda item: order.get(item[0], len(order))))


STARTS: dict[str, Start] = _found()
"""The starts by name."""


def as_start(value: str | Start) -> Start:
    """Return a start by its name.

    Raises
    ------
    ParameterError
        If there is none of that name.

    Examples
    --------
    >>> as_start("spectral").phrase
    'starts along v1 of the Hessian'
    """
    if isinstance(value, Start):
        return value
    if not isinstance(value, str) or value not in STARTS:
        raise ParameterError(
            f"start = {value!r}: must be one of {', '.join(STARTS)} (where the descent starts)"
        )
    return STARTS[value]


def starting_point(problem: Problem, point: NDArray, start: str | Start) -> NDArray:
    """Return where a start begins that is made of a random point, in the type of X.

    Examples
    --------
    >>> import numpy as np
    >>> from prlib.losses import NormalizedIntensity
    >>> from prlib.problem import random_on_sphere
    >>> rng = np.random.default_rng(0)
    >>> problem = Problem.random(NormalizedIntensity(1.0), n=60, alpha=3.0, rng=rng)
    >>> w = starting_point(problem, random_on_sphere(60, rng), "optimal")
    >>> bool(abs(problem.overlap(w)) > 0.5)
    True
    """
    return as_start(start).function(problem, point).astype(problem.X.dtype)
