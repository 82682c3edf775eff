"""The lowest eigenvector without the signal: as low in energy, with no information."""

from numpy.typing import NDArray

from prlib.descent.starts.spectral import spectral
from prlib.descent.starts.start import Start, on_sphere, without_signal
from prlib.problem import Problem


def deflated(problem: Problem, point: NDArray) -> NDArray:
    """Start at overlap zero, free from the beginning."""
    return on_sphere(without_signal(problem, spectral(problem, point)))


START = Start(
    "deflated",
    deflated,
    holds=False,
    label="$v_1$ without signal",
    phrase="starts along v1 without its component along the signal",
    colour="grey",
    marker="v",
    source="a control of the spectral start",
)
