r"""The mean response of the residuals, by one backward sweep a path.

The response of one path obeys

.. math:: \frac{d r_t}{d\omega_s} = f_t \Big(\delta_{ts} + \sum_{k=s}^{t-1} R_w(t,k)\,
          \frac{d r_k}{d\omega_s}\Big),

which, swept forward, keeps a triangle of T²/2 numbers for every path and reads all of it at every
step: bound by memory. Only the last row is ever averaged, and for fixed t that row is a gradient.
The backward sweep :math:`p_t = f_t, \; p_k = f_k \sum_{j=k+1}^{t} R_w(j,k)\, p_j` gives
:math:`p_s = d r_t/d\omega_s` with the same arithmetic, and remembers nothing but the curvatures.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

LANES = 64
"""Paths swept together: a row of 64 doubles fills whole vector registers and stays in cache."""


# Contraction and reassociation let the compiler fuse and vectorise the sums; their order is
# still fixed once compiled, so a seed gives the same digits whatever the number of threads.
_compiled = njit(nogil=True, cache=True, fastmath={"contract", "reassoc"})


@_compiled
def _gather(memory: NDArray, p: NDArray, k: int, t: int, total: NDArray) -> None:
    # sum over j in (k, t] of R(j, k) p_j. Four rows a pass: the running total is loaded and
    # stored a quarter as often.
    for i in range(LANES):
        total[i] = 0.0
    j = k + 1
    while j + 4 <= t + 1:
        m0, m1, m2, m3 = memory[k, j], memory[k, j + 1], memory[k, j + 2], memory[k, j + 3]
        for i in range(LANES):
            total[i] += m0 * p[j, i] + m1 * p[j + 1, i] + m2 * p[j + 2, i] + m3 * p[j + 3, i]
        j += 4
    while j <= t:
        m0 = memory[k, j]
        for i in range(LANES):
            total[i] += m0 * p[j, i]
        j += 1


@_compiled
def _average(p: NDArray, share: NDArray, means: NDArray, squares: NDArray) -> None:
    for k in range(p.shape[0]):
        first = 0.0
        second = 0.0
        for i in range(LANES):
            part = p[k, i] * share[i]
            first += part
            second += part * part
        means[k] += first
        squares[k] += second


@_compiled
def mean_response(
    curvature: NDArray, memory: NDArray, shares: NDArray, means: NDArray, scatter: NDArray
) -> None:
    r"""Write the means of :math:`dr_t/d\omega_s` and :math:`z^2\,dr_t/d\omega_s` for all s <= t.

    Parameters
    ----------
    curvature : ndarray, shape (t + 1, S)
        Curvature f of every path at every step so far; S a multiple of `LANES`.
    memory : ndarray, shape (t + 1, t + 1)
        Response of the weights, :math:`R_w(j,k)` at ``[k, j]``, for j > k.
    shares : ndarray, shape (2, S)
        Probabilities of the paths, and those times the squares of the signal's field.
    means : ndarray, shape (2, t + 1)
        Overwritten with the two means over paths.
    scatter : ndarray, shape (2, t + 1)
        Overwritten with the variances of those means, as if the paths were independent.
    """
    t = curvature.shape[0] - 1
    paths = curvature.shape[1]
    p = np.empty((t + 1, LANES))
    total = np.empty(LANES)
    means[:] = 0.0
    scatter[:] = 0.0
    for start in range(0, paths, LANES):
        end = start + LANES
        p[t] = curvature[t, start:end]
        for k in range(t - 1, -1, -1):
            _gather(memory, p, k, t, total)
            p[k] = curvature[k, start:end] * total
        for row in range(2):
            _average(p, shares[row, start:end], means[row], scatter[row])
    scatter -= means**2 / paths
