"""One forward sweep of the mean-field theory: sample paths and two-time functions in step."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import reduce
from operator import add

import numpy as np
from numpy.typing import NDArray

from prlib.losses import Loss
from prlib.measures.dynamical.blocks import BLOCK, Block, Sums
from prlib.measures.dynamical.paths import Noise, SamplePaths
from prlib.measures.dynamical.recursion import Component, Term
from prlib.measures.label_measure import LabelMeasure
from prlib.schemes import GRADIENT, Update


class Solver:
    r"""State of the theory after some steps, for B independent batches of S paths.

    Each batch is a theory of its own, closed on its own averages: the scatter of any result over
    batches is its statistical error, the feedback of the sampling on itself included.

    Parameters
    ----------
    loss : Loss
        The loss.
    alpha : float
        Measurements per dimension.
    paths : SamplePaths
        Labels and Gaussians.
    capacity : int
        Times that there is room for at first.
    pool : ThreadPoolExecutor
        Where the blocks are advanced.
    overlap : float
        Overlap with the signal at the start.
    update : Update
        What steps are made of.

    Attributes
    ----------
    t : int
        The last time evaluated.
    weights, signal : Component
        Two-time functions of a component of w that is orthogonal to the signal, and of what the
        one along it fluctuates by at overlap zero.
    overlap : ndarray, shape (B, capacity)
        Overlap with the signal: its own recursion is driven by :math:`\alpha E[r z]`.
    energy, mu : ndarray, shape (B, capacity)
        Energy per dimension and multiplier of the sphere.
    """

    def __init__(
        self,
        loss: Loss,
        alpha: float,
        paths: SamplePaths,
        capacity: int,
        pool: ThreadPoolExecutor,
        overlap: float = 0.0,
        update: Update = GRADIENT,
    ) -> None:
        self.loss, self.alpha, self._pool = loss, alpha, pool
        self.z, self.y = paths.z, paths.y
        batches, size = paths.y.shape
        self.weights, self.signal = Component(batches, capacity), Component(batches, capacity)
        self.energy, self.mu, self.overlap, self._pull = np.zeros((4, batches, capacity))
        self.overlap[:, 0] = overlap
        self.weights.covariance[:, 0, 0] = 1 - overlap**2
        self._shares = np.stack([paths.weights, paths.weights * paths.z**2], axis=1)
        self._spans = [slice(at, at + BLOCK) for at in range(0, size, BLOCK)]
        self._blocks = [
            [
                Block(loss, z[at], y[at], alpha * shares[:, at], capacity, update.batch, rng)
                for at, rng in zip(self._spans, paths.streams(batch, len(self._spans)), strict=True)
            ]
            for batch, (z, y, shares) in enumerate(zip(paths.z, paths.y, self._shares, strict=True))
        ]
        white = update.temperature > 0 or update.batch < 1
        self._noise = [Noise(paths, batch, white=white) for batch in range(batches)]
        self.t = 0
        self._evaluate()

    @property
    def ranks(self) -> list[int]:
        """Gaussian variables in use, per batch."""
        return [noise.rank for noise in self._noise]

    @property
    def yhat(self) -> NDArray[np.float64]:
        """Field of every path now, shape (B, S)."""
        return np.stack([np.concatenate([block.yhat for block in row]) for row in self._blocks])

    def measure(self, batch: int) -> LabelMeasure:
        """Law of labels and fields of one batch now."""
        yhat = np.concatenate([block.yhat for block in self._blocks[batch]])
        nodes = (self.z[batch], self.y[batch], yhat, self._shares[batch, 0])
        overlap = float(self.overlap[batch, self.t])
        return LabelMeasure(self.loss, self.alpha, *nodes, overlap, self.loss.curvature_floor)

    def correlation(self, times: Sequence[int]) -> NDArray[np.float64]:
        r"""Two-time correlation :math:`w_t \cdot w_s/N` at some times, shape (B, T, T)."""
        m = self.overlap[:, times]
        orthogonal = self.weights.covariance[np.ix_(range(len(m)), times, times)]
        return orthogonal + m[:, :, None] * m[:, None]

    def advance(
        self, terms: Sequence[tuple[int, float, float]], *, on_sphere: bool, noise: float = 0.0
    ) -> None:
        r"""Take one step of a scheme, and average over the paths at the new time.

        Parameters
        ----------
        terms : sequence of (int, float, float)
            Earlier times j with coefficients of :math:`w_j` and of the flow's velocity there,
            :math:`v_j = \mu_j w_j - g_j`.
        on_sphere : bool
            Whether the new weights are rescaled to the sphere.
        noise : float
            Variance of the white noise that they are given before.
        """
        t = self.t
        if t + 1 == self.mu.shape[1]:
            self._grow(2 * (t + 1))
        made_of = [Term(j, weight + c * self.mu[:, j], c) for j, weight, c in terms]
        variance = self.weights.advance(t, made_of, noise)
        self.signal.advance(t, made_of, noise)
        overlap = sum(
            term.weight * self.overlap[:, term.time] - term.gradient * self._pull[:, term.time]
            for term in made_of
        )
        if on_sphere:
            norm = np.sqrt(variance + overlap**2)
            self.weights.rescale(t + 1, norm)
            self.signal.rescale(t + 1, norm)
            overlap /= norm
        self.overlap[:, t + 1] = overlap
        self.t += 1
        self._evaluate()

    def _evaluate(self) -> None:
        t, now = self.t, self.t + 1
        tasks = []
        for batch, noise in enumerate(self._noise):
            row = noise.next(self.weights.covariance[batch, t, :now])
            fresh = noise.fresh()
            memory = np.ascontiguousarray(self.weights.memory[batch, :now, :now])
            for block, span in zip(self._blocks[batch], self._spans, strict=True):
                variable = None if fresh is None else fresh[span]
                tasks.append((block, variable, row, memory, self.overlap[batch, t]))
        found = list(self._pool.map(_advance, tasks))
        for batch, noise in enumerate(self._noise):
            sums = reduce(add, found[batch * len(self._spans) : (batch + 1) * len(self._spans)])
            self.energy[batch, t], self.mu[batch, t] = sums.energy, sums.mu
            # At overlap zero one quadrant stands for all four in means that are even alone.
            self._pull[batch, t] = sums.pull if self.overlap[batch, 0] else 0.0
            scatter = sums.squares - sums.response**2 / self.y.shape[1]
            for row, component in enumerate((self.weights, self.signal)):
                drive, response = component.drive[batch], component.response[batch]
                drive[t, :now] = drive[:now, t] = sums.drive[row]
                response[t, :now] = noise.consistent(
                    sums.response[row], scatter[row], sums.products[row], sums.product_squares[row]
                )

    def _grow(self, capacity: int) -> None:
        self.weights.grow(capacity)
        self.signal.grow(capacity)
        more = capacity - self.mu.shape[1]
        for name in ("energy", "mu", "overlap", "_pull"):
            setattr(self, name, np.pad(getattr(self, name), ((0, 0), (0, more))))


def _advance(task: tuple[Block, NDArray | None, NDArray, NDArray, float]) -> Sums:
    block, variable, *state = task
    if variable is not None:
        block.enter(variable)
    # A descent that diverges is refused by its energy.
    with np.errstate(over="ignore", invalid="ignore"):
        return block.advance(*state)


def workers() -> int:
    """Processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
