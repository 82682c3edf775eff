"""The lowest eigenvector of the Hessian at the random point."""

from numpy.typing import NDArray

from prlib.descent.starts.start import Start, on_sphere
from prlib.problem import Problem
from prlib.spectra.eigenpairs import lowest_eigenpairs


def spectral(problem: Problem, point: NDArray) -> NDArray:
    r"""Start at :math:`\sqrt N v_1`; its sign is arbitrary, as is the signal's."""
    return on_sphere(lowest_eigenpairs(problem, point).vectors[0])


START = Start(
    "spectral",
    spectral,
    holds=False,
    label="$v_1$ of the Hessian",
    phrase="starts along v1 of the Hessian",
    colour="orange",
    marker="s",
    source="Bonnaire, Biroli & Cammarota, arXiv:2403.02418: spectral initialisation",
)
