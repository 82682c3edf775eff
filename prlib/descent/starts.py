"""Where a descent starts: each function takes an instance and a random point of the sphere.

All starts of one instance are made of the same random point, so that comparisons between them are
paired.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from prlib.parameters import check
from prlib.problem import Problem
from prlib.spectra.numerical import lowest_eigenpairs, lowest_of_weighted


def _on_sphere(v: NDArray) -> NDArray:
    return v * float(np.sqrt(len(v) / float(v @ v)))


def _without_signal(problem: Problem, v: NDArray) -> NDArray:
    signal = problem.signal.astype(np.float64)
    return v - (v @ signal) / (signal @ signal) * signal


def random(problem: Problem, point: NDArray) -> NDArray:
    """Start at the random point itself: overlap of order one over the root of N.

    Parameters
    ----------
    problem : Problem
        The instance.
    point : ndarray, shape (N,)
        A random point of the sphere.

    Returns
    -------
    ndarray, shape (N,)
        The point.

    References
    ----------
    Bonnaire, Biroli & Cammarota, arXiv:2403.02418: the "artless" start.
    """
    del problem
    return point


def spectral(problem: Problem, point: NDArray) -> NDArray:
    r"""Start along v1, the lowest eigenvector of the Hessian at the random point.

    Parameters
    ----------
    problem : Problem
        The instance.
    point : ndarray, shape (N,)
        A random point of the sphere.

    Returns
    -------
    ndarray, shape (N,)
        :math:`\sqrt N v_1`; its sign is arbitrary, as is the signal's.

    References
    ----------
    Bonnaire, Biroli & Cammarota, arXiv:2403.02418, the experiments with spectral initialisation.
    """
    return _on_sphere(lowest_eigenpairs(problem, point).vectors[0])


def optimal(problem: Problem, point: NDArray) -> NDArray:
    r"""Start along the optimal spectral estimate, the field's reference.

    The top eigenvector of :math:`X^T \mathrm{diag}(1 - 1/y^2) X`, the preprocessing that is best at
    every alpha and recovers weakly above alpha = 1/2. The pole is cut off by
    :math:`1/(y^2 + 10^{-3})`, which bounds the spectrum.

    Parameters
    ----------
    problem : Problem
        The instance.
    point : ndarray, shape (N,)
        A random point of the sphere; the estimate does not depend on it.

    Returns
    -------
    ndarray, shape (N,)
        The estimate on the sphere; its sign is arbitrary.

    References
    ----------
    M. Mondelli & A. Montanari, Found. Comput. Math. 19, 703 (2019), arXiv:1708.05932;
    Y. M. Lu & G. Li, Inf. Inference 9, 507 (2020), arXiv:1702.06435;
    W. Luo, W. Alghamdi & Y. M. Lu, IEEE Trans. Signal Process. 67, 2347 (2019), arXiv:1811.04420.
    """
    del point
    y = problem.y
    return _on_sphere(lowest_of_weighted(problem.X, 1 / (y * y + 1e-3) - 1).vectors[0])


def orthogonal(problem: Problem, point: NDArray) -> NDArray:
    """Start on the equator: the random point without the overlap that it has by chance.

    Parameters
    ----------
    problem : Problem
        The instance.
    point : ndarray, shape (N,)
        A random point of the sphere.

    Returns
    -------
    ndarray, shape (N,)
        A point of the sphere at overlap zero. Its updates are free from the beginning.

    References
    ----------
    A control of this companion for the constrained start, which begins at the same point.
    """
    return _on_sphere(_without_signal(problem, point))


def constrained(problem: Problem, point: NDArray) -> NDArray:
    """Start on the equator, and stay there for a time.

    The descent then keeps its overlap at zero for a time, by updates without a component along
    the signal, which brings it to threshold states before it is set free.

    Parameters
    ----------
    problem : Problem
        The instance.
    point : ndarray, shape (N,)
        A random point of the sphere.

    Returns
    -------
    ndarray, shape (N,)
        A point of the sphere at overlap zero.

    References
    ----------
    Bonnaire, Biroli & Cammarota, arXiv:2403.02418, the experiments with constrained dynamics.
    """
    return orthogonal(problem, point)


def deflated(problem: Problem, point: NDArray) -> NDArray:
    """Start along v1 without its signal component: as low in energy as v1, with no information.

    Parameters
    ----------
    problem : Problem
        The instance.
    point : ndarray, shape (N,)
        A random point of the sphere.

    Returns
    -------
    ndarray, shape (N,)
        A point of the sphere at overlap zero. Its updates are free from the beginning.

    References
    ----------
    A control of this companion for the spectral start.
    """
    return _on_sphere(_without_signal(problem, spectral(problem, point)))


FUNCTIONS: dict[str, Callable[[Problem, NDArray], NDArray]] = {
    "random": random,
    "spectral": spectral,
    "constrained": constrained,
    "optimal": optimal,
    "deflated": deflated,
    "orthogonal": orthogonal,
}
"""The functions of the names in `prlib.parameters.STARTS`."""


def starting_point(problem: Problem, point: NDArray, start: str) -> NDArray:
    """Return where a named start begins.

    Parameters
    ----------
    problem : Problem
        The instance.
    point : ndarray, shape (N,)
        A random point of the sphere.
    start : str
        One of `prlib.parameters.STARTS`.

    Returns
    -------
    ndarray, shape (N,)
        A point of the sphere, of the type of X.

    Raises
    ------
    ValueError
        If there is no such start.

    Examples
    --------
    >>> from prlib.losses import NormalizedIntensity
    >>> from prlib.problem import random_on_sphere
    >>> rng = np.random.default_rng(0)
    >>> problem = Problem.random(NormalizedIntensity(1.0), n=60, alpha=3.0, rng=rng)
    >>> w = starting_point(problem, random_on_sphere(60, rng), "optimal")
    >>> bool(abs(problem.overlap(w)) > 0.5)
    True
    """
    return FUNCTIONS[check("start", start)](problem, point).astype(problem.X.dtype)
