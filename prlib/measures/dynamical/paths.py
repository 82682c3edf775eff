r"""Sample paths: labels, and the correlated Gaussian noise of a field as it unfolds in time."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri
from scipy.stats import qmc

from prlib.channels import NOISELESS, Channel
from prlib.parameters import ParameterError

Sampling = Literal["sobol", "random", "plain"]

FRESH = 1e-8
"""Conditional variance of the noise above which a new Gaussian variable is drawn for it.

What is left out is independent of everything else, so it costs results this variance to first
order, not its root."""

RESOLVED = 1e-7
"""Standard deviation, relative to the largest, of a combination of the variables that is told from
rounding. One below is left alone: a fresh variable stands in for it, and the covariance is off by
this much. Solving for all of them would divide rounding by their variances, which fall below it:
the noise would then have a variance that no covariance has, and the descent runs away."""

QUASI_DIMENSIONS = 32
"""Coordinates of a path that are quasi-random: the label, then the Gaussians in order of entry."""


LARGEST_LABEL = 6.0
"""Labels end here: the probability beyond is 2e-9."""

SPREAD = 0.3
"""Fraction of the paths whose labels are spread evenly over scales."""

WIDENED = 1.2
"""Standard deviation with which the first Gaussian is drawn."""


class SamplePaths:
    r"""Labels and Gaussian variables of B independent batches of S paths.

    The law is symmetric in the sign of the label and in the joint sign of all Gaussians, and the
    averages that the theory takes are even in both. A mirrored path would repeat its twin's
    contribution exactly, so one quadrant of (label, first Gaussian) stands for all four. With an
    overlap the law keeps only the joint sign of both: half of the plane stands for all of it, and
    paths come in pairs with opposite Gaussians. What they pull toward the signal at overlap zero
    then cancels, as it does in the law, and no more than rounding is mistaken for an overlap.

    Parameters
    ----------
    batches, paths : int
        B and S; S a power of two.
    seed : int
        Seed; each batch has its own independent stream.
    sampling : {"sobol", "random", "plain"}
        Scrambled Sobol points, independently for each batch; independent points; or independent
        points of the law itself, without importance.
    scale : float
        Smallest scale of the label over which the loss changes.
    channel : Channel
        What is measured; its labels must have a density.
    paired : bool
        Whether paths come in pairs, as they do with an overlap; S is then two at least.

    Raises
    ------
    ParameterError
        If some labels have a probability of their own, or pairs are asked of noisy ones.

    Attributes
    ----------
    z, y, weights : ndarray, shape (B, S)
        Signal's fields, labels, and the probabilities of the paths, which sum to one in each batch.
        Without noise the label is the field, and >= 0; with noise z is the root of its mean square.
    """

    def __init__(
        self,
        batches: int,
        paths: int,
        seed: int,
        sampling: Sampling,
        scale: float = 1.0,
        channel: Channel = NOISELESS,
        *,
        paired: bool = False,
    ) -> None:
        if paired and channel != NOISELESS:
            raise ParameterError(
                f"channel = {channel.id!r}: must be {NOISELESS.id} where the start has an overlap"
            )
        if len(channel.atoms()[0]):
            raise ParameterError(
                f"channel = {channel.id!r}: gives labels a finite probability, which sample paths "
                "do not draw; must be one whose labels have a density"
            )
        self._streams = [
            np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(batches)
        ]
        self._paired, self._size = paired, paths // 2 if paired else paths
        start = np.stack([self._points(rng, sampling) for rng in self._streams])
        importance = np.ones((2, batches, self._size))
        if sampling != "plain":
            unit = min(scale, channel.scale) / channel.width if channel != NOISELESS else scale
            start[:, 0], importance[0] = _labels(start[:, 0], unit)
            start[:, 1], importance[1] = _widened(start[:, 1])
        weights = importance.prod(axis=0)
        self.z = self.y = start[:, 0]
        if channel != NOISELESS:
            self.y = channel.width * start[:, 0]
            density, square = channel.law(self.y.ravel())
            self.z = np.sqrt(square).reshape(self.y.shape)
            weights = weights * density.reshape(self.y.shape)
        if paired:
            self.y, weights = np.tile(self.y, 2), np.tile(weights, 2)
            self.z = self.y
        self.weights = weights / weights.sum(axis=1, keepdims=True)
        self._gaussians = [list(batch[1:]) for batch in start]

    def _points(self, rng: np.random.Generator, sampling: Sampling) -> NDArray:
        # Points of the quadrant: standard normals, the first two of them positive.
        if sampling != "sobol":
            points = rng.standard_normal((QUASI_DIMENSIONS, self._size))
            points[:2] = np.abs(points[:2])
            return points
        uniform = qmc.Sobol(QUASI_DIMENSIONS, scramble=True, rng=rng).random(self._size).T
        uniform[:2] = (1 + uniform[:2]) / 2
        # The points may hold an exact zero, whose normal quantile is infinite.
        return ndtri(np.clip(uniform, 2.0**-34, 1 - 2.0**-34))

    def streams(self, batch: int, count: int) -> list[np.random.Generator]:
        """Streams of random numbers that are independent of the paths and of each other."""
        return self._streams[batch].spawn(count)

    def gaussian(self, batch: int, index: int) -> NDArray:
        """Gaussian variable of a batch in order of entry, shape (S,); the late ones only once."""
        if index < QUASI_DIMENSIONS - 1:
            drawn = self._gaussians[batch][index]
        else:
            drawn = self._streams[batch].standard_normal(self._size)
        return np.concatenate([drawn, -drawn]) if self._paired else drawn


def _labels(normal: NDArray, scale: float) -> tuple[NDArray, NDArray]:
    # Small labels are rare and their residuals large: some paths are spread evenly in
    # arcsinh(y/scale), as many in each octave above the scale. The rest keep the law itself, so
    # that no weight exceeds 1/(1 - SPREAD) where importance does not pay.
    reach = np.arcsinh(LARGEST_LABEL / scale)
    rank = 2 * ndtr(normal) - 1
    low, high = np.zeros_like(rank), np.full_like(rank, LARGEST_LABEL)
    for _ in range(60):
        y = (low + high) / 2
        below = (1 - SPREAD) * (2 * ndtr(y) - 1) + SPREAD * np.arcsinh(y / scale) / reach < rank
        low, high = np.where(below, y, low), np.where(below, high, y)
    density = np.sqrt(2 / np.pi) * np.exp(-(y**2) / 2)
    return y, density / ((1 - SPREAD) * density + SPREAD / (reach * np.hypot(y, scale)))


def _widened(normal: NDArray) -> tuple[NDArray, NDArray]:
    # The first residuals grow as the cube of the field: their squares live in its tail.
    return WIDENED * normal, np.exp(-(WIDENED**2 - 1) * normal**2 / 2)


class Noise:
    r"""Gaussian noise :math:`\omega_t` of covariance :math:`C_w`, drawn one time after another.

    The covariance is smooth in time, hence of low numerical rank: a plain Cholesky factor breaks
    down after some ten steps. Here the noise is conditioned on the times at which a variable was
    drawn, and a new variable enters only where the conditional variance exceeds `FRESH`.

    Parameters
    ----------
    paths : SamplePaths
        Source of the variables.
    batch : int
        Which batch.
    white : bool
        Whether steps add white noise: then no combination of times is known from the others, and
        the variables, one a step, are solved for one by one.
    """

    def __init__(self, paths: SamplePaths, batch: int, *, white: bool = False) -> None:
        self._paths, self._batch, self._white = paths, batch, white
        self._times: list[int] = []
        self._factor = self._inverse = np.zeros((0, 0))
        self._fresh: NDArray | None = None
        self._coefficients = np.zeros((8, 8))

    @property
    def rank(self) -> int:
        """Variables drawn so far."""
        return len(self._times)

    def next(self, covariance: NDArray) -> NDArray:
        r"""Write the noise at the next time as a combination of the variables drawn.

        Parameters
        ----------
        covariance : ndarray, shape (t + 1,)
            :math:`C_w(t, s)` for all s <= t.

        Returns
        -------
        ndarray, shape (rank,)
            Coefficient of each variable; `fresh` tells whether one more was drawn.
        """
        row = self._inverse @ covariance[self._times]
        left = covariance[-1] - row @ row
        self._fresh = None
        if left > FRESH:
            row = np.append(row, np.sqrt(left))
            self._enter(row, len(covariance) - 1)
        self._remember(row, len(covariance) - 1)
        return row

    def fresh(self) -> NDArray | None:
        """Variable of every path that entered at the last time, shape (S,), if one did."""
        return self._fresh

    def consistent(
        self, response: NDArray, scatter: NDArray, products: NDArray, noise: NDArray
    ) -> NDArray[np.float64]:
        r"""Reconcile a sampled response with the residuals that were sampled beside it.

        Integration by parts ties the response to the Gaussians :math:`z_j` of which the noise is
        made, :math:`\omega_k = \sum_j X_{kj} z_j`:

        .. math:: E[r_t z_j] = \sum_k E\Big[\frac{dr_t}{d\omega_k}\Big] X_{kj} .

        The left side is the better sampled: late in a descent the derivative grows without bound
        on paths near a divide, the residual does not. And where it holds within the sample, so
        does :math:`dE/dt = -|v|^2 \le 0`, without which a batch may run away. The response moved
        least, in units of its own scatter, to agree with the left side within the latter's.

        Parameters
        ----------
        response : ndarray, shape (t + 1,)
            Sampled means of the derivative.
        scatter : ndarray, shape (t + 1,)
            Their variances.
        products, noise : ndarray, shape (rank,)
            Sampled means of the left side, and their variances.

        Returns
        -------
        ndarray, shape (t + 1,)
            The reconciled response.
        """
        X = self._coefficients[: len(response), : self.rank]
        weighted = X * scatter[:, None]
        normal = X.T @ weighted
        normal[np.diag_indices(self.rank)] += noise
        return response + weighted @ np.linalg.solve(normal, products - X.T @ response)

    def _remember(self, row: NDArray, time: int) -> None:
        times, columns = self._coefficients.shape
        more = (times if time >= times else 0, columns if len(row) > columns else 0)
        self._coefficients = np.pad(self._coefficients, ((0, more[0]), (0, more[1])))
        self._coefficients[time, : len(row)] = row

    def _enter(self, row: NDArray, time: int) -> None:
        rank = self.rank
        factor = np.zeros((rank + 1, rank + 1))
        factor[:rank, :rank] = self._factor
        factor[rank] = row
        if self._white:
            inverse = np.pad(self._inverse, (0, 1))
            inverse[rank] = np.append(-row[:-1] @ self._inverse, 1.0) / row[-1]
        else:
            inverse = np.linalg.pinv(factor, rcond=RESOLVED)
        self._factor, self._inverse = factor, inverse
        self._fresh = self._paths.gaussian(self._batch, rank)
        self._times.append(time)
