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

from collections.abc import Callable
from functools import partial

import numpy as np
from numba import njit
from numpy.typing import NDArray

from prlib.compiled import cached

LANES = 64
"""Paths of a tile, swept together: whole vector registers, a history that stays in cache."""

# Contraction and reassociation let the compiler fuse and vectorise the sums; their order is
# still fixed once compiled, so a seed gives the same digits whatever the number of threads.
_inner = partial(njit, nogil=True, fastmath={"contract", "reassoc"})


def compiled(function: Callable) -> Callable:
    """Compile a function and keep it on disk, with all that it calls inside.

    What it calls is not kept by itself: one such, linked into another, may be a stale one.
    """
    return cached(lambda *, keep: _inner(cache=keep)(function))


@_inner()
def _gather(memory: NDArray, p: NDArray, k: int, t: int, total: NDArray) -> None:
    # total_q = sum over j in [k + 4, t] of R(j, k + q) p_j for four rows q at once: a block of
    # four by four takes twelve passes through the cache for sixteen products.
    t0, t1, t2, t3 = total[0], total[1], total[2], total[3]
    total[:] = 0
    j = k + 4
    while j + 4 <= t + 1:
        a0, a1, a2, a3 = memory[k, j], memory[k, j + 1], memory[k, j + 2], memory[k, j + 3]
        b0, b1 = memory[k + 1, j], memory[k + 1, j + 1]
        b2, b3 = memory[k + 1, j + 2], memory[k + 1, j + 3]
        c0, c1 = memory[k + 2, j], memory[k + 2, j + 1]
        c2, c3 = memory[k + 2, j + 2], memory[k + 2, j + 3]
        d0, d1 = memory[k + 3, j], memory[k + 3, j + 1]
        d2, d3 = memory[k + 3, j + 2], memory[k + 3, j + 3]
        p0, p1, p2, p3 = p[j], p[j + 1], p[j + 2], p[j + 3]
        for i in range(LANES):
            x0, x1, x2, x3 = p0[i], p1[i], p2[i], p3[i]
            t0[i] += a0 * x0 + a1 * x1 + a2 * x2 + a3 * x3
            t1[i] += b0 * x0 + b1 * x1 + b2 * x2 + b3 * x3
            t2[i] += c0 * x0 + c1 * x1 + c2 * x2 + c3 * x3
            t3[i] += d0 * x0 + d1 * x1 + d2 * x2 + d3 * x3
        j += 4
    while j <= t:
        a0, b0, c0, d0 = memory[k, j], memory[k + 1, j], memory[k + 2, j], memory[k + 3, j]
        for i in range(LANES):
            x0 = p[j, i]
            t0[i] += a0 * x0
            t1[i] += b0 * x0
            t2[i] += c0 * x0
            t3[i] += d0 * x0
        j += 1


@_inner()
def _average(p: NDArray, share: NDArray, means: NDArray, squares: NDArray) -> None:
    for k in range(p.shape[0]):
        first = 0.0
        second = 0.0
        for i in range(LANES):
            part = share[i] * p[k, i]
            first += part
            second += part * part
        means[k] += first
        squares[k] += second


@compiled
def mean_response(
    curvatures: NDArray, memory: NDArray, shares: NDArray, means: NDArray, squares: NDArray
) -> None:
    r"""Add the means of :math:`dr_t/d\omega_s` and :math:`z^2\,dr_t/d\omega_s` for all s <= t.

    Parameters
    ----------
    curvatures : ndarray, shape (tiles, capacity, LANES)
        Curvature f of every path at every step so far.
    memory : ndarray, shape (t + 1, t + 1)
        Response of the weights, :math:`R_w(j,k)` at ``[k, j]``, for j > k; of the same precision.
    shares : ndarray, shape (2, tiles * LANES)
        What a path counts in either mean.
    means, squares : ndarray, shape (2, t + 1)
        Added to: the two means over paths, and the squares of their terms.
    """
    t = memory.shape[0] - 1
    p = np.empty((t + 1, LANES), curvatures.dtype)
    total = np.empty((4, LANES), curvatures.dtype)
    for tile in range(curvatures.shape[0]):
        f = curvatures[tile]
        p[t] = f[t]
        k = t - 4
        while k >= 0:
            _gather(memory, p, k, t, total)
            m01, m02, m03 = memory[k, k + 1], memory[k, k + 2], memory[k, k + 3]
            m12, m13, m23 = memory[k + 1, k + 2], memory[k + 1, k + 3], memory[k + 2, k + 3]
            for i in range(LANES):
                x3 = f[k + 3, i] * total[3, i]
                x2 = f[k + 2, i] * (total[2, i] + m23 * x3)
                x1 = f[k + 1, i] * (total[1, i] + m12 * x2 + m13 * x3)
                p[k + 3, i], p[k + 2, i], p[k + 1, i] = x3, x2, x1
                p[k, i] = f[k, i] * (total[0, i] + m01 * x1 + m02 * x2 + m03 * x3)
            k -= 4
        for s in range(k + 3, -1, -1):
            total[0] = 0
            for j in range(s + 1, t + 1):
                m01 = memory[s, j]
                for i in range(LANES):
                    total[0, i] += m01 * p[j, i]
            for i in range(LANES):
                p[s, i] = f[s, i] * total[0, i]
        for row in range(2):
            share = shares[row, tile * LANES : (tile + 1) * LANES]
            _average(p, share, means[row], squares[row])
