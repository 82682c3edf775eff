"""One forward sweep of the mean-field theory: sample paths and two-time functions in step."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from prlib.losses import Loss
from prlib.measures.dynamical.paths import Noise, SamplePaths
from prlib.measures.dynamical.recursion import Component, Term
from prlib.measures.dynamical.response import mean_response
from prlib.measures.label_measure import LabelMeasure


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
        Where the batches are swept.

    Attributes
    ----------
    t : int
        The last time evaluated.
    weights, signal : Component
        Two-time functions of a generic component of w and of the one along the signal.
    yhat : ndarray, shape (B, capacity, S)
        Fields of the paths.
    energy, mu : ndarray, shape (B, capacity)
        Energy per dimension and multiplier of the sphere.
    """

    def __init__(
        self, loss: Loss, alpha: float, paths: SamplePaths, capacity: int, pool: ThreadPoolExecutor
    ) -> None:
        self.loss, self.alpha, self._pool = loss, alpha, pool
        self.z, self.y = paths.z, paths.y
        batches, size = paths.y.shape
        self.weights, self.signal = Component(batches, capacity), Component(batches, capacity)
        self.yhat, self._residual, self._curvature = (
            np.zeros((batches, capacity, size)) for _ in range(3)
        )
        self.energy, self.mu = np.zeros((batches, capacity)), np.zeros((batches, capacity))
        self._noise = [Noise(paths, batch) for batch in range(batches)]
        self._shares = np.stack([paths.weights, paths.weights * paths.z**2], axis=1)
        self.t = 0
        self._evaluate()

    @property
    def ranks(self) -> list[int]:
        """Gaussian variables in use, per batch."""
        return [noise.rank for noise in self._noise]

    def measure(self) -> LabelMeasure:
        """Law of labels and fields now, over all batches."""
        weights = self._shares[:, 0] / len(self.y)
        nodes = (each.ravel() for each in (self.z, self.y, self.yhat[:, self.t], weights))
        return LabelMeasure(self.loss, self.alpha, *nodes, 0.0, self.loss.curvature_floor)

    def advance(self, terms: Sequence[tuple[int, float, float]], *, on_sphere: bool) -> None:
        r"""Take one step of a scheme, and average over the paths at the new time.

        Parameters
        ----------
        terms : sequence of (int, float, float)
            Earlier times j with coefficients of :math:`w_j` and of the flow's velocity there,
            :math:`v_j = \mu_j w_j - g_j`.
        on_sphere : bool
            Whether the new weights are rescaled to the sphere.
        """
        t = self.t
        if t + 1 == self.mu.shape[1]:
            self._grow(2 * (t + 1))
        made_of = [Term(j, weight + c * self.mu[:, j], c) for j, weight, c in terms]
        variance = self.weights.advance(t, made_of)
        self.signal.advance(t, made_of)
        if on_sphere:
            self.weights.rescale(t + 1, np.sqrt(variance))
            self.signal.rescale(t + 1, np.sqrt(variance))
        self.t += 1
        self._evaluate()

    def _evaluate(self) -> None:
        t, now = self.t, self.t + 1
        covariance = self.weights.covariance[:, t, :now]
        noise = np.stack([one.next(c) for one, c in zip(self._noise, covariance, strict=True)])
        memory = self.weights.memory[:, None, :t, t] @ self._residual[:, :t]
        yhat = noise + memory[:, 0]
        residual = self.loss.derivative(self.y, yhat)
        self.yhat[:, t], self._residual[:, t] = yhat, residual
        self._curvature[:, t] = self.loss.curvature(self.y, yhat)
        shares = self.alpha * self._shares[:, 0]
        self.energy[:, t] = np.sum(shares * self.loss.value(self.y, yhat), axis=1)
        self.mu[:, t] = np.sum(shares * residual * yhat, axis=1)
        self._correlate(residual)
        self._respond()

    def _correlate(self, residual: NDArray) -> None:
        t, now = self.t, self.t + 1
        pair = np.swapaxes(self.alpha * self._shares * residual[:, None], 1, 2)
        means = self._residual[:, :now] @ pair
        for component, mean in zip(
            (self.weights, self.signal), np.moveaxis(means, -1, 0), strict=True
        ):
            component.drive[:, t, :now] = component.drive[:, :now, t] = mean

    def _respond(self) -> None:
        t, now = self.t, self.t + 1

        def sweep(batch: int) -> None:
            means, scatter = np.empty((2, now)), np.empty((2, now))
            shares = self.alpha * self._shares[batch]
            mean_response(
                self._curvature[batch, :now],
                self.weights.memory[batch, :now, :now],
                shares,
                means,
                scatter,
            )
            noise, residual = self._noise[batch], self._residual[batch, t]
            for row, component in enumerate((self.weights, self.signal)):
                component.response[batch, t, :now] = noise.consistent(
                    means[row], scatter[row], shares[row] * residual
                )

        list(self._pool.map(sweep, range(self.y.shape[0])))

    def _grow(self, capacity: int) -> None:
        self.weights.grow(capacity)
        self.signal.grow(capacity)
        more = capacity - self.mu.shape[1]
        for name in ("yhat", "_residual", "_curvature"):
            setattr(self, name, np.pad(getattr(self, name), ((0, 0), (0, more), (0, 0))))
        for name in ("energy", "mu"):
            setattr(self, name, np.pad(getattr(self, name), ((0, 0), (0, more))))


def workers() -> int:
    """Processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
