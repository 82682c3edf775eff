"""The random point itself: overlap of order one over the root of N."""

from numpy.typing import NDArray

from prlib.descent.starts.start import Start
from prlib.problem import Problem


def random(problem: Problem, point: NDArray) -> NDArray:
    """Start at the random point."""
    del problem
    return point


START = Start(
    "random",
    random,
    holds=False,
    label="random",
    phrase="random starts",
    colour="blue",
    marker="o",
    source='Bonnaire, Biroli & Cammarota, arXiv:2403.02418: the "artless" start',
)
