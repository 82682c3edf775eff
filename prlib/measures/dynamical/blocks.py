r"""Sample paths in blocks: their history, and the averages over them that the theory takes.

At every time a path reads all its past three times: its field remembers the residuals, its residual
is correlated with them, and its response is swept back through the curvatures. A block keeps a few
thousand paths in tiles of `LANES`, the history of a tile in one piece, and goes over each tile
while it is in the cache. Blocks are what threads share, so that few large batches occupy all cores;
sums are taken block by block in their order, so that the digits do not depend on the threads.

The response of one path obeys

.. math:: \frac{d r_t}{d\omega_s} = f_t \Big(\delta_{ts} + \sum_{k=s}^{t-1} R_w(t,k)\,
          \frac{d r_k}{d\omega_s}\Big),

which, swept forward, keeps a triangle of T²/2 numbers for every path and reads all of it at every
step: bound by memory. Only the last row is ever averaged, and for fixed t that row is a gradient.
The backward sweep :math:`p_t = f_t, \; p_k = f_k \sum_{j=k+1}^{t} R_w(j,k)\, p_j` gives
:math:`p_s = d r_t/d\omega_s` with the same arithmetic, and remembers nothing but the curvatures.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from prlib.losses import Loss

LANES = 64
"""Paths of a tile, swept together: whole vector registers, a history that stays in cache."""

BLOCK = 4096
"""Most paths of a block."""

STORED = np.float32
"""Precision of histories and sweeps; fields at the current time and all sums are float64. A stored
number is off by 6e-8 of itself, in each path another way."""

# Contraction and reassociation let the compiler fuse and vectorise the sums; their order is
# still fixed once compiled, so a seed gives the same digits whatever the number of threads.
_compiled = njit(nogil=True, cache=True, fastmath={"contract", "reassoc"})


@dataclass(frozen=True, eq=False)
class Sums:
    r"""Sums over paths, weighted with their shares and with those times the signal's field squared.

    Attributes
    ----------
    energy, mu : float
        Of the loss, and of residual times field.
    drive : ndarray, shape (2, t + 1)
        Of :math:`r_t r_s`.
    response, squares : ndarray, shape (2, t + 1)
        Of :math:`dr_t/d\omega_s`, and of the squares of its terms.
    products, product_squares : ndarray, shape (2, rank)
        Of the residual times each Gaussian variable, and of the squares of its terms.
    """

    energy: float
    mu: float
    drive: NDArray[np.float64]
    response: NDArray[np.float64]
    squares: NDArray[np.float64]
    products: NDArray[np.float64]
    product_squares: NDArray[np.float64]

    def __add__(self, other: Sums) -> Sums:
        return Sums(*(a + b for a, b in zip(vars(self).values(), vars(other).values(), strict=True)))


class Block:
    """Some paths of one batch, and all that is remembered of them.

    Parameters
    ----------
    loss : Loss
        The loss.
    y : ndarray, shape (n,)
        Labels; n a multiple of `LANES`.
    shares : ndarray, shape (2, n)
        What a path counts in means, and that times the square of the signal's field.
    capacity : int
        Times that there is room for at first.
    """

    def __init__(self, loss: Loss, y: NDArray, shares: NDArray, capacity: int) -> None:
        tiles = len(y) // LANES
        self.loss, self.y, self.shares = loss, y, shares
        self.yhat = self.curvature = np.zeros(len(y))
        self._residuals, self._curvatures = (
            np.empty((tiles, capacity, LANES), STORED) for _ in range(2)
        )
        self._variables = np.empty((tiles, 8, LANES), STORED)
        self._rank = 0

    def enter(self, variable: NDArray) -> None:
        """Take in one more Gaussian variable, shape (n,)."""
        if self._rank == self._variables.shape[1]:
            self._variables = _longer(self._variables)
        self._variables[:, self._rank] = variable.reshape(-1, LANES)
        self._rank += 1

    def advance(self, noise: NDArray, memory: NDArray) -> Sums:
        """Move to the next time.

        Parameters
        ----------
        noise : ndarray, shape (rank,)
            Coefficients of the Gaussian variables in the noise of the field.
        memory : ndarray, shape (t + 1, t + 1)
            Response of the weights at time t + 1 or before to a field at k, at ``[k, :]``; float64.

        Returns
        -------
        Sums
            At the new time.
        """
        t, rank = len(memory) - 1, self._rank
        if t == self._residuals.shape[1]:
            self._residuals, self._curvatures = map(_longer, (self._residuals, self._curvatures))
        yhat = np.zeros(len(self.y))
        _combine(self._variables, noise, yhat)
        _combine(self._residuals, memory[:t, t].copy(), yhat)
        # Rounded before it is used: correlations are then those of one set of numbers, and the
        # covariance that they make stays positive, down to the rounding of float64.
        residual = self.loss.derivative(self.y, yhat).astype(STORED)
        self.yhat, self.curvature = yhat, self.loss.curvature(self.y, yhat)
        self._residuals[:, t] = residual.reshape(-1, LANES)
        self._curvatures[:, t] = self.curvature.reshape(-1, LANES)
        pairs = self.shares * residual
        sums = Sums(
            float(self.shares[0] @ self.loss.value(self.y, yhat)),
            float(pairs[0] @ yhat),
            *(np.zeros((2, t + 1)) for _ in range(3)),
            *(np.zeros((2, rank)) for _ in range(2)),
        )
        _correlate(self._residuals, pairs, sums.drive)
        _correlate_squares(self._variables, pairs, sums.products, sums.product_squares)
        sweep(self._curvatures, memory.astype(STORED), self.shares, sums.response, sums.squares)
        return sums


def _longer(history: NDArray) -> NDArray:
    return np.concatenate([history, np.empty_like(history)], axis=1)


@_compiled
def _combine(history: NDArray, row: NDArray, total: NDArray) -> None:
    # total += sum over s of row_s history_s, per path; four times a pass over the total.
    for tile in range(history.shape[0]):
        into = total[tile * LANES : (tile + 1) * LANES]
        past = history[tile]
        s = 0
        while s + 4 <= len(row):
            m0, m1, m2, m3 = row[s], row[s + 1], row[s + 2], row[s + 3]
            for i in range(LANES):
                into[i] += (
                    m0 * past[s, i] + m1 * past[s + 1, i] + m2 * past[s + 2, i] + m3 * past[s + 3, i]
                )
            s += 4
        while s < len(row):
            for i in range(LANES):
                into[i] += row[s] * past[s, i]
            s += 1


@_compiled
def _correlate(history: NDArray, pairs: NDArray, sums: NDArray) -> None:
    # sums[row, s] += sum over paths of pairs[row] history_s.
    for tile in range(history.shape[0]):
        first = pairs[0, tile * LANES : (tile + 1) * LANES]
        second = pairs[1, tile * LANES : (tile + 1) * LANES]
        for s in range(sums.shape[1]):
            a = 0.0
            b = 0.0
            for i in range(LANES):
                value = history[tile, s, i]
                a += first[i] * value
                b += second[i] * value
            sums[0, s] += a
            sums[1, s] += b


@_compiled
def _correlate_squares(history: NDArray, pairs: NDArray, sums: NDArray, squares: NDArray) -> None:
    for tile in range(history.shape[0]):
        for row in range(2):
            pair = pairs[row, tile * LANES : (tile + 1) * LANES]
            for s in range(sums.shape[1]):
                a = 0.0
                b = 0.0
                for i in range(LANES):
                    value = pair[i] * history[tile, s, i]
                    a += value
                    b += value * value
                sums[row, s] += a
                squares[row, s] += b


@_compiled
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


@_compiled
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


@_compiled
def sweep(
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
