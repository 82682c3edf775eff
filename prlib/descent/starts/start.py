"""What a start is, and the two operations that starts are made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from prlib.parameters import ParameterError
from prlib.problem import Problem


@dataclass(frozen=True)
class Start:
    """A place where descents start, and all that is said and drawn of it.

    Attributes
    ----------
    name : str
        Name at the command line, in specs and in tables.
    function : callable
        ``function(problem, point) -> point``: takes the instance and a random point of the sphere,
        shape (N,), and returns a point of the sphere. All starts of one instance are made of the
        same random point, so that comparisons between them are paired.
    holds : bool
        Whether the descent is then held at overlap zero for a time.
    label : str
        What legends call it; mathematics between dollars.
    phrase : str
        What descents from it come from, in a sentence: "random starts".
    colour : str
        Name of a colour of the book's palette.
    marker : str
        Matplotlib's letter for a marker.
    source : str
        Where it comes from.
    """

    name: str
    function: Callable[[Problem, NDArray], NDArray]
    holds: bool
    label: str
    phrase: str
    colour: str
    marker: str
    source: str


def on_sphere(v: NDArray) -> NDArray:
    """Rescale to squared norm N."""
    return v * float(np.sqrt(len(v) / float(v @ v)))


def without_signal(problem: Problem, v: NDArray) -> NDArray:
    """Take the component along the signal away."""
    if problem.signal is None:
        raise ParameterError(
            "start: needs a signal, and the problem has none; must be one that makes no use of it"
        )
    signal = problem.signal.astype(np.float64)
    return v - (v @ signal) / (signal @ signal) * signal
