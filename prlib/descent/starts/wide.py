"""The lowest eigenvector of the Hessian of the loss at a = 1, whatever loss is descended.

That Hessian sees the signal from far fewer measurements than those of small a, whose threshold
states in turn let go of it first: where to look and how to go on are two choices.
"""

from numpy.typing import NDArray

from prlib.descent.starts.spectral import spectral
from prlib.descent.starts.start import Start
from prlib.losses import NormalizedIntensity
from prlib.problem import Problem

LOOK = NormalizedIntensity(1.0)
"""The loss whose Hessian is looked at; near a = 1 its transition is at the fewest measurements."""


def wide(problem: Problem, point: NDArray) -> NDArray:
    """Start along its lowest eigenvector at the random point."""
    return spectral(Problem(LOOK, problem.X, problem.y, problem.signal), point)


START = Start(
    "wide",
    wide,
    holds=False,
    label="$v_1$ at a = 1",
    phrase="starts along v1 of the Hessian at a = 1",
    colour="sky",
    marker="P",
    source="our own: the spectral start of another loss than that of the descent",
)
