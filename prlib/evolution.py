"""The Hessian at every time of the descent, and when an informative direction comes and goes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from prlib.losses import as_loss
from prlib.measures.dynamical import Flow, MeanField, choose_flow, dynamical
from prlib.measures.dynamical.mean_field import BATCHES, PATHS
from prlib.measures.label_measure import LabelMeasure
from prlib.parameters import check
from prlib.spectra.bulk import Edge, left_edge
from prlib.spectra.outlier import bbp, outlier

TOLERANCE = 5e-4
"""Local error of a step of the flow: far below the sampling error of any default run."""


@dataclass(frozen=True)
class DynamicState:
    """What theory says of the descent and its Hessian at one time; errors are standard errors.

    Attributes
    ----------
    t : float
        Flow time.
    energy, energy_error : float
        Energy per dimension.
    mu, mu_error : float
        Multiplier of the sphere.
    left_edge, left_edge_error : float or None
        Left edge of the bulk, after the shift by mu; ``None`` if it extends to minus infinity.
    edge : {"soft", "hard"}
        Kind of that edge.
    outlier, outlier_error : float or None
        Eigenvalue that leaves the bulk toward the signal; ``None`` if there is none.
    overlap2, overlap2_error : float
        Squared overlap of the lowest eigenvector with the signal: 0 without an outlier.
    bbp, bbp_error : float or None
        Left side of the condition of the transition: above 1 there is an outlier.
    variance, variance_error : float
        N times the variance of the overlap with the signal; 1 at the start.
    amplification, amplification_error : float
        Mean overlap over the overlap at the start.
    """

    t: float
    energy: float
    energy_error: float
    mu: float
    mu_error: float
    left_edge: float | None
    left_edge_error: float | None
    edge: Literal["soft", "hard"]
    outlier: float | None
    outlier_error: float | None
    overlap2: float
    overlap2_error: float
    bbp: float | None
    bbp_error: float | None
    variance: float
    variance_error: float
    amplification: float
    amplification_error: float


@dataclass(frozen=True)
class Crossing:
    """A time at which the outlier toward the signal appears or disappears.

    Attributes
    ----------
    t, error : float
        Flow time, and its standard error.
    event : {"appears", "disappears"}
        Which.
    """

    t: float
    error: float
    event: Literal["appears", "disappears"]


def dynamics(
    a: float | None,
    alpha: float,
    time: float,
    *,
    steps: ArrayLike | Flow | None = None,
    paths: int = PATHS,
    batches: int = BATCHES,
    tolerance: float = TOLERANCE,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[DynamicState, ...]:
    """Describe gradient descent from a random start, and its Hessian, at infinite size.

    Parameters
    ----------
    a : float or None
        Normalisation of the loss > 0; ``None`` for the un-normalised one.
    alpha : float
        Measurements per dimension > 0.
    time : float
        Flow time to reach, > 0.
    steps : array_like or Flow, optional
        Steps of a gradient descent to match, or of a flow already chosen; `time` is not used then.
    paths, batches : int
        Sample paths in all, and the independent batches they form.
    tolerance : float
        Local error of a step of the flow.
    seed : int
        Seed.
    progress : callable, optional
        Called with the steps done and the steps in all.

    Returns
    -------
    tuple of DynamicState
        One a step, from time 0.

    Raises
    ------
    ValueError
        If an argument is not accepted, or the run does not fit into memory.

    Examples
    --------
    >>> states = dynamics(a=1.0, alpha=3.0, time=0.05, paths=1024, batches=4)
    >>> states[0].t, states[0].variance, states[-1].energy < states[0].energy
    (0.0, 1.0, True)
    """
    loss, alpha = as_loss(a), check("alpha", alpha)
    schedule = choose_flow(loss, alpha, time, tolerance=tolerance) if steps is None else steps
    run = dynamical(
        loss, alpha, schedule, paths=paths, batches=batches, seed=seed, progress=progress
    )
    return describe(run)


def describe(run: MeanField) -> tuple[DynamicState, ...]:
    """Describe a run of the dynamical theory at each of its times.

    Parameters
    ----------
    run : MeanField
        The run.

    Returns
    -------
    tuple of DynamicState
        One a recorded time.
    """
    return tuple(_state(run, index) for index in range(len(run)))


def t_bbp(
    a: float | None,
    alpha: float,
    *,
    time: float = 10.0,
    paths: int = PATHS,
    batches: int = BATCHES,
    tolerance: float = TOLERANCE,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Crossing, ...]:
    """Find the times at which the outlier toward the signal appears and disappears along the flow.

    Parameters
    ----------
    a : float or None
        Normalisation of the loss > 0; ``None`` for the un-normalised one.
    alpha : float
        Measurements per dimension > 0.
    time : float
        Flow time up to which to look.
    paths, batches : int
        Sample paths in all, and the independent batches they form.
    tolerance : float
        Local error of a step of the flow.
    seed : int
        Seed.
    progress : callable, optional
        Called with the steps done and the steps in all.

    Returns
    -------
    tuple of Crossing
        In order of time; empty if the outlier is there, or absent, all the time.

    Raises
    ------
    ValueError
        If an argument is not accepted, or the run does not fit into memory.

    Examples
    --------
    >>> t_bbp(a=1.0, alpha=3.0, time=0.02, paths=1024, batches=4)
    ()
    """
    options = {"paths": paths, "batches": batches, "tolerance": tolerance, "seed": seed}
    return crossings(dynamics(a, alpha, time, progress=progress, **options))


def crossings(states: Sequence[DynamicState]) -> tuple[Crossing, ...]:
    """Find the times at which the condition of the transition is met, from a sequence of states.

    A change counts once the condition differs from 1 by two standard errors on the new side, so
    that a curve that lingers at the transition does not flicker.

    Parameters
    ----------
    states : sequence of DynamicState
        In order of time.

    Returns
    -------
    tuple of Crossing
        In order of time.
    """
    known = [state for state in states if state.bbp is not None]
    times = np.array([state.t for state in known])
    distance = np.array([state.bbp - 1 for state in known])
    errors = np.array([state.bbp_error for state in known])
    found = []
    sure = np.flatnonzero(np.abs(distance) > 2 * errors)
    for first, second in pairwise(sure):
        if distance[first] * distance[second] < 0:
            found.append(_crossing(times, distance, errors, first, second))
    return tuple(found)


def _crossing(
    times: NDArray, distance: NDArray, errors: NDArray, first: int, second: int
) -> Crossing:
    # Between two sure states the curve is a line up to its noise: fit it, weighting by errors.
    span = slice(first, second + 1)
    t, d, e = times[span], distance[span], np.maximum(errors[span], 1e-300)
    slope, offset = np.polyfit(t, d, 1, w=1 / e)
    t_cross = min(max(-offset / slope, t[0]), t[-1])
    return Crossing(
        float(t_cross),
        float(e.mean() / abs(slope)),
        "appears" if distance[second] > 0 else "disappears",
    )


def _state(run: MeanField, index: int) -> DynamicState:
    energy, mu, variance, amplification = (
        (float(estimate.value[index]), float(estimate.error[index]))
        for estimate in (run.energy, run.mu, run.variance, run.amplification)
    )
    measure = run.measure(index)
    edge = left_edge(measure)
    position = condition = exit_ = (None, None)
    overlap2 = (0.0, 0.0)
    if math.isfinite(edge.position):
        scatter = _Scatter(run, index)
        position = (edge.position, _error(scatter.position(edge.chi)))
        condition = (bbp(measure, edge.chi), _error(scatter.condition(edge)))
        found = outlier(measure, edge)
        if found is not None:
            positions, overlaps = scatter.outlier(found.chi)
            exit_ = (found.position, _error(positions))
            overlap2 = (found.overlap2, _error(overlaps))
    return DynamicState(
        float(run.times[index]),
        *energy,
        *mu,
        *position,
        edge.kind,
        *exit_,
        *overlap2,
        *condition,
        *variance,
        *amplification,
    )


def _error(batches: NDArray) -> float:
    return float(batches.std(ddof=1) / math.sqrt(len(batches)))


@dataclass(frozen=True)
class _Scatter:
    # How each batch by itself would move a result, to first order about that of all batches:
    # solving anew for each would cost as many root searches, and find no outlier in some.
    run: MeanField
    index: int

    @cached_property
    def _whole(self) -> LabelMeasure:
        return self.run.measure(self.index)

    @cached_property
    def _f(self) -> NDArray:
        return self._whole.curvature.reshape(self.run.y.shape)

    @cached_property
    def _mu(self) -> NDArray:
        return self.run.batch_mu[:, self.index]

    def _mean(self, values: NDArray) -> NDArray:
        return self.run.alpha * np.sum(self.run.weights * values, axis=1)

    def position(self, chi: float) -> NDArray:
        # dz/dchi vanishes at a soft edge, and a hard one has the same chi everywhere.
        return -1 / chi + self._mean(self._f / (1 + self._f * chi)) - self._mu

    def condition(self, edge: Edge) -> NDArray:
        x = self._f * edge.chi / (1 + self._f * edge.chi)
        away = 1 - self.run.y**2
        value = self._mean(away * x)
        if edge.kind == "hard":
            return value
        soft = self._mean(x**2) - 1
        # chi d/dchi of x is x(1 - x).
        slope_soft = self._mean(2 * x**2 * (1 - x)).mean()
        slope = self._mean(away * x * (1 - x)).mean()
        return value - slope / slope_soft * soft

    def outlier(self, chi: float) -> tuple[NDArray, NDArray]:
        y2, g = self.run.y**2, self._f / (1 + self._f * chi)
        z, s = -1 / chi + self._mean(g), self._mean(y2 * g)
        z_slope = 1 / chi**2 - self._mean(g**2).mean()
        s_slope = -self._mean(y2 * g**2).mean()
        shift = -(z - s) / (z_slope - s_slope)
        moved = self._f / (1 + self._f * (chi + shift[:, None]))
        z_moved = 1 / (chi + shift) ** 2 - self._mean(moved**2)
        s_moved = -self._mean(y2 * moved**2)
        # Near the transition a batch may have no outlier of its own: its overlap is then zero.
        overlaps = np.where(z_moved > 0, z_moved / (z_moved - s_moved), 0.0)
        return z + z_slope * shift - self._mu, overlaps
