"""Quadrature over labels and fields that resolves small scales and kinks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq

CUTOFF = 9.0
"""Largest node: the normal tail beyond it, even times its fourth power, is below 1e-14."""

ORDER = 12
"""Gauss-Legendre nodes a panel."""


class UnresolvedError(ValueError):
    """A law is too sharp to resolve, or there is none."""


@lru_cache(maxsize=64)
def half_normal(scale: float, order: int = ORDER) -> tuple[NDArray, NDArray]:
    r"""Nodes and weights for the mean of an even function of a standard normal variable.

    Panels grow geometrically from `scale` by factors of about two, with Gauss-Legendre nodes in
    each, so that poles at a distance of order `scale` from the origin or more cost no accuracy.

    Parameters
    ----------
    scale : float
        Smallest scale over which the function changes, > 0; 1 is enough for a polynomial.
    order : int
        Nodes a panel.

    Returns
    -------
    nodes, weights : ndarray
        Positive nodes, and weights that sum to one. Both are read-only.

    Examples
    --------
    >>> x, w = half_normal(0.1)
    >>> round(float(w @ x**4), 10)
    3.0
    """
    return on_panels(graded_edges(scale), order)


@lru_cache(maxsize=64)
def graded_edges(scale: float) -> NDArray:
    """Edges of panels of the half line, from 0 to `CUTOFF`, graded towards zero; see `half_normal`.

    They are read-only.
    """
    first = min(scale, 1.0) / 2
    panels = int(np.ceil(np.log2(CUTOFF / first)))
    edges = np.concatenate([[0.0], np.geomspace(first, CUTOFF, panels + 1)])
    # The factor of two suits poles; beyond two standard deviations the Gaussian itself asks
    # for panels of about one.
    edges = np.unique(np.concatenate([edges[edges < 2], np.linspace(2, CUTOFF, 6)]))
    edges.setflags(write=False)
    return edges


def on_panels(edges: NDArray, order: int = ORDER) -> tuple[NDArray, NDArray]:
    """Gauss-Legendre nodes on panels of the half line, weighted with the normal density.

    The weights are normalised to sum to one; both are read-only.
    """
    return _normal(*legendre(edges, order))


def half_normal_with_kinks(
    scale: float, kinks: ArrayLike, order: int = ORDER
) -> tuple[NDArray, NDArray]:
    r"""Quadrature of `half_normal` for a function with square-root singularities at known places.

    Around a kink c the variable is t with :math:`y = c \pm t^2`, in which :math:`|y - c|^{-1/2}`
    and every series in :math:`\sqrt{|y - c|}` are smooth.

    Parameters
    ----------
    scale, order
        See `half_normal`; the scale is that over which the function changes otherwise.
    kinks : array_like, shape (C,)
        Places of the singularities; those outside (0, `CUTOFF`) are left out.

    Examples
    --------
    >>> y, w = half_normal_with_kinks(1.0, [0.5])
    >>> round(float(w @ np.abs(y - 0.5) ** -0.5), 8)  # scipy.integrate.quad agrees
    2.28809974
    """
    kinks = np.sort([kink for kink in np.ravel(kinks) if 0 < kink < CUTOFF])
    if not len(kinks):
        return half_normal(scale, order)
    # What happens at a kink near zero happens over the distance to zero.
    edges = graded_edges(min(scale, float(kinks[0])))
    # Each kink governs the interval up to the middle between it and the next one.
    bounds = np.concatenate([[0.0], (kinks[1:] + kinks[:-1]) / 2, [CUTOFF]])
    nodes, weights = [], []
    for kink, low, high in zip(kinks, bounds[:-1], bounds[1:], strict=True):
        inner = edges[(edges > low) & (edges < high)]
        for sign, end in ((-1, low), (1, high)):
            distance = sign * (np.append(inner, end) - kink)
            t, w = legendre(np.sqrt(np.unique([0.0, *distance[distance > 0]])), order)
            nodes.append(kink + sign * t**2)
            weights.append(2 * t * w)
    return _normal(np.concatenate(nodes), np.concatenate(weights))


def sign_changes(
    function: Callable[[NDArray | float], NDArray], scale: float, last: float = CUTOFF
) -> Iterator[tuple[float, float]]:
    """Yield the labels at which a function passes zero, and about its slope there."""
    grid = _search_grid(scale, last)
    values = function(grid)
    for i in np.flatnonzero((values[1:] < 0) != (values[:-1] < 0)):
        slope = abs(values[i + 1] - values[i]) / (grid[i + 1] - grid[i])
        yield brentq(function, grid[i], grid[i + 1], xtol=1e-15, rtol=1e-14), slope


@lru_cache(maxsize=64)
def _search_grid(scale: float, last: float) -> NDArray:
    return np.geomspace(1e-4 * scale, last, 100)


def legendre(edges: NDArray, order: int = ORDER) -> tuple[NDArray, NDArray]:
    """Gauss-Legendre nodes and weights on panels.

    Parameters
    ----------
    edges : ndarray, shape (..., P + 1)
        Increasing ends of the panels; a row for each integral.
    order : int
        Nodes a panel.

    Returns
    -------
    nodes, weights : ndarray, shape (..., P * order)
        Nodes, and weights that sum to the length of the interval.

    Examples
    --------
    >>> x, w = legendre(np.array([0.0, 1.0, 3.0]))
    >>> round(float(w @ x**2), 12)
    9.0
    """
    x, w = _gauss(order)
    half = np.diff(edges)[..., None] / 2
    shape = (*edges.shape[:-1], -1)
    return (edges[..., :-1, None] + half * (1 + x)).reshape(shape), (half * w).reshape(shape)


@lru_cache(maxsize=64)
def _gauss(order: int) -> tuple[NDArray, NDArray]:
    return np.polynomial.legendre.leggauss(order)


def _normal(nodes: NDArray, weights: NDArray) -> tuple[NDArray, NDArray]:
    weights = weights * np.exp(-(nodes**2) / 2)
    weights /= weights.sum()
    nodes.setflags(write=False)
    weights.setflags(write=False)
    return nodes, weights
