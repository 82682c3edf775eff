"""Quadrature over a standard normal variable that resolves a small scale near zero."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

CUTOFF = 9.0
"""Largest node: the normal tail beyond it, even times its fourth power, is below 1e-14."""

ORDER = 12
"""Gauss-Legendre nodes a panel."""


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
    first = min(scale, 1.0) / 2
    panels = int(np.ceil(np.log2(CUTOFF / first)))
    edges = np.concatenate([[0.0], np.geomspace(first, CUTOFF, panels + 1)])
    # The factor of two suits poles; beyond two standard deviations the Gaussian itself asks
    # for panels of about one.
    edges = np.unique(np.concatenate([edges[edges < 2], np.linspace(2, CUTOFF, 6)]))
    return on_panels(edges, order)


def on_panels(edges: NDArray, order: int = ORDER) -> tuple[NDArray, NDArray]:
    """Gauss-Legendre nodes on given panels, weighted with twice the normal density.

    Parameters
    ----------
    edges : ndarray, shape (P + 1,)
        Increasing ends of the panels, from 0 to about `CUTOFF`.
    order : int
        Nodes a panel.

    Returns
    -------
    nodes, weights : ndarray, shape (P * order,)
        Nodes, and weights normalised to sum to one. Both are read-only.
    """
    x, w = np.polynomial.legendre.leggauss(order)
    half = np.diff(edges)[:, None] / 2
    nodes = (edges[:-1, None] + half * (1 + x)).ravel()
    weights = (half * w).ravel() * np.exp(-(nodes**2) / 2)
    weights /= weights.sum()
    nodes.setflags(write=False)
    weights.setflags(write=False)
    return nodes, weights
