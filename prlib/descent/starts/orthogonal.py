"""A point of the equator: the random point without the overlap that it has by chance."""

from numpy.typing import NDArray

from prlib.descent.starts.start import Start, on_sphere, without_signal
from prlib.problem import Problem


def orthogonal(problem: Problem, point: NDArray) -> NDArray:
    """Start at overlap zero, free from the beginning."""
    return on_sphere(without_signal(problem, point))


START = Start(
    "orthogonal",
    orthogonal,
    holds=False,
    label="random without signal",
    phrase="random starts without their component along the signal",
    colour="purple",
    marker="<",
    source="a control of the constrained start, which begins at the same point",
)
