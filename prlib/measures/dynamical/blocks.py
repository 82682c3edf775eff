r"""Sample paths in blocks: their history, and the averages over them that the theory takes.

At every time a path reads all its past three times: its field remembers the residuals, its residual
is correlated with them, and its response is swept back through the curvatures. A block keeps a few
thousand paths in tiles of `LANES`, the history of a tile in one piece, and goes over each tile
while it is in the cache. Blocks are what threads share, so that few large batches occupy all cores;
sums are taken block by block in their order, so that the digits do not depend on the threads.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from prlib.losses import Loss
from prlib.measures.dynamical.response import LANES, compiled, mean_response

BLOCK = 4096
"""Most paths of a block."""

STORED = np.float32
"""Precision of histories and sweeps; fields at the current time and all sums are float64. A stored
number is off by 6e-8 of itself, in each path another way."""


@dataclass(frozen=True, eq=False)
class Sums:
    r"""Sums over paths, weighted with their shares and with those times the signal's field squared.

    Attributes
    ----------
    energy, mu, pull : float
        Of the loss, and of the residual times the field and times the signal's field.
    drive : ndarray, shape (2, t + 1)
        Of :math:`r_t r_s`.
    response, squares : ndarray, shape (2, t + 1)
        Of :math:`dr_t/d\omega_s`, and of the squares of its terms.
    products, product_squares : ndarray, shape (2, rank)
        Of the residual times each Gaussian variable, and of the squares of its terms.
    """

    energy: float
    mu: float
    pull: float
    drive: NDArray[np.float64]
    response: NDArray[np.float64]
    squares: NDArray[np.float64]
    products: NDArray[np.float64]
    product_squares: NDArray[np.float64]

    def __add__(self, other: Sums) -> Sums:
        return Sums(
            *(a + b for a, b in zip(vars(self).values(), vars(other).values(), strict=True))
        )


class Block:
    """Some paths of one batch, and all that is remembered of them.

    Parameters
    ----------
    loss : Loss
        The loss.
    z, y : ndarray, shape (n,)
        Signal's fields and labels; n a multiple of `LANES`.
    shares : ndarray, shape (2, n)
        What a path counts in means, and that times the square of the signal's field.
    capacity : int
        Times that there is room for at first.
    seen : float
        Probability with which a measurement enters a step; its residual is divided by it.
    rng : Generator
        Decides which do.
    """

    def __init__(
        self,
        loss: Loss,
        z: NDArray,
        y: NDArray,
        shares: NDArray,
        capacity: int,
        seen: float,
        rng: np.random.Generator,
    ) -> None:
        self._seen, self._rng = seen, rng
        tiles = len(y) // LANES
        self.loss, self.z, self.y, self.shares = loss, z, y, shares
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

    def advance(self, noise: NDArray, memory: NDArray, overlap: float) -> Sums:
        """Move to the next time.

        Parameters
        ----------
        noise : ndarray, shape (rank,)
            Coefficients of the Gaussian variables in the noise of the field.
        memory : ndarray, shape (t + 1, t + 1)
            Response of the weights at time t + 1 or before to a field at k, at ``[k, :]``; float64.
        overlap : float
            What of the signal's field is in the field.

        Returns
        -------
        Sums
            At the new time.
        """
        t, rank = len(memory) - 1, self._rank
        if t == self._residuals.shape[1]:
            self._residuals, self._curvatures = map(_longer, (self._residuals, self._curvatures))
        yhat = overlap * self.z
        _combine(self._variables, noise, yhat)
        _combine(self._residuals, memory[:t, t].copy(), yhat)
        # Rounded before it is used: correlations are then those of one set of numbers, and the
        # covariance that they make stays positive, down to the rounding of float64.
        exact = self.loss.derivative(self.y, yhat)
        residual = exact.astype(STORED)
        self.yhat, self.curvature = yhat, self.loss.curvature(self.y, yhat)
        # What is not seen enters no mean: the means of all residuals are less noisy, but of other
        # forces than those that the paths have met, and batches would run away.
        curvature = self.curvature
        if self._seen < 1:
            chosen = (self._rng.random(len(self.y)) < self._seen) / STORED(self._seen)
            residual, curvature = chosen * residual, chosen * curvature
        self._residuals[:, t] = residual.reshape(-1, LANES)
        self._curvatures[:, t] = curvature.reshape(-1, LANES)
        pairs = self.shares * residual
        sums = Sums(
            float(self.shares[0] @ self.loss.value(self.y, yhat)),
            float(self.shares[0] @ (exact * yhat)),
            float(self.shares[0] @ (exact * self.z)),
            *(np.zeros((2, t + 1)) for _ in range(3)),
            *(np.zeros((2, rank)) for _ in range(2)),
        )
        _correlate(self._residuals, pairs, sums.drive)
        _correlate_squares(self._variables, pairs, sums.products, sums.product_squares)
        mean_response(
            self._curvatures, memory.astype(STORED), self.shares, sums.response, sums.squares
        )
        return sums


def _longer(history: NDArray) -> NDArray:
    return np.concatenate([history, np.empty_like(history)], axis=1)


@compiled
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
                    m0 * past[s, i]
                    + m1 * past[s + 1, i]
                    + m2 * past[s + 2, i]
                    + m3 * past[s + 3, i]
                )
            s += 4
        while s < len(row):
            for i in range(LANES):
                into[i] += row[s] * past[s, i]
            s += 1


@compiled
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


@compiled
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
