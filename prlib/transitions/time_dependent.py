"""The Hessian at every time of the descent, and when an informative direction comes and goes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from prlib.channels import NOISELESS, Channel
from prlib.losses import Loss, takes_loss
from prlib.measures.computable import computable
from prlib.measures.curvatures import condensed
from prlib.measures.dynamical import (
    Estimate,
    Flow,
    MeanField,
    choose_flow,
    choose_steps,
    dynamical,
)
from prlib.measures.dynamical.mean_field import BATCHES, PATHS
from prlib.measures.label_measure import LabelMeasure
from prlib.parameters import check
from prlib.schemes import GradientFlow, Scheme, as_scheme
from prlib.spectra.bulk import Edge, left_edge, softness, stieltjes_inverse
from prlib.spectra.outlier import bbp, outlier, squared_overlap

TOLERANCE = 5e-4
"""Local error of a step of the flow: far below the sampling error of any default run."""

SCATTERED = 2048
"""Curvatures that are kept of a batch, which serves the errors alone."""


@dataclass(frozen=True)
class DynamicState:
    """What theory says of the descent and its Hessian at one time, with standard errors.

    Attributes
    ----------
    t : float
        Flow time.
    energy : float
        Energy per dimension.
    mu, left_edge, edge_kind, outlier, overlap2
        See `prlib.transitions.Spectrum`.
    bbp : float or None
        Left side of the condition of the transition: above 1 there is an outlier.
    variance : float or None
        N times the variance of the overlap with the signal; 1 at the start. ``None`` where the
        start has an overlap.
    amplification : float or None
        Mean overlap over the overlap at the start, where that is as small as chance makes it.
    gap : float or None
        The outlier less the left edge, whose errors are nearly the same; ``None`` without one.
    overlap : float
        Overlap m with the signal.
    log_distance : float
        Logarithm of 1 - ``|m|``. Its mean over batches says when they arrive, on average, where the
        mean overlap waits for the last.
    """

    t: float
    energy: float
    energy_error: float
    mu: float
    mu_error: float
    left_edge: float | None
    left_edge_error: float | None
    edge_kind: Literal["soft", "hard"]
    outlier: float | None
    outlier_error: float | None
    overlap2: float
    overlap2_error: float
    bbp: float | None
    bbp_error: float | None
    variance: float | None
    variance_error: float | None
    amplification: float | None
    amplification_error: float | None
    gap: float | None = None
    gap_error: float | None = None
    overlap: float = 0.0
    overlap_error: float = 0.0
    log_distance: float = 0.0
    log_distance_error: float = 0.0


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


@takes_loss
def dynamics(
    loss: Loss,
    alpha: float,
    time: float,
    *,
    scheme: str | Scheme = "flow",
    steps: ArrayLike | Flow | None = None,
    paths: int = PATHS,
    batches: int = BATCHES,
    tolerance: float = TOLERANCE,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
    channel: str | Channel = NOISELESS,
    overlap: float = 0.0,
) -> tuple[DynamicState, ...]:
    """Describe gradient descent from a random start, and its Hessian, at infinite size.

    There is one state a step, from time 0.

    Parameters
    ----------
    scheme : str or Scheme
        ``flow``, in the limit of small steps, or any other, step by step.
    steps : array_like or Flow, optional
        Any steps of the scheme, or those of a flow already chosen, in place of its own and of time.
    paths, batches : int
        Sample paths in all, and the independent batches they form.
    tolerance : float
        Local error of a step of the flow.
    seed : int
        Seed; the same seed gives the same digits.
    progress : callable, optional
        Called with the steps done and the steps in all.
    channel : Channel or str
        What is measured, or its id; its labels must have a density.
    overlap : float
        Overlap of the start with the signal, random but for it; without noise only.

    Raises
    ------
    ParameterError
        If an argument is not accepted, or the run does not fit into memory.
    FloatingPointError
        If the descent diverges: a step was too large for the curvature.

    Examples
    --------
    >>> states = dynamics(a=1.0, alpha=3.0, time=0.05, paths=1024, batches=4)
    >>> states[0].t, states[0].variance, states[-1].energy < states[0].energy
    (0.0, 1.0, True)
    >>> states = dynamics(a=1.0, alpha=3.0, time=0.05, paths=1024, batches=4, overlap=0.3)
    >>> states[0].overlap, 0.3 < states[-1].overlap < 0.4
    (0.3, True)
    """
    alpha = computable(loss, alpha)
    given = {"channel": Channel.read(channel), "overlap": check("overlap", overlap)}
    scheme = as_scheme(scheme)
    if steps is None:
        steps = schedule(loss, alpha, time, scheme, tolerance=tolerance, **given)
    options = {"paths": paths, "batches": batches, "seed": seed, "progress": progress}
    options["update"] = scheme.update
    return describe(dynamical(loss, alpha, steps, **options, **given))


def schedule(
    loss: Loss,
    alpha: float,
    time: float,
    scheme: Scheme,
    *,
    tolerance: float = TOLERANCE,
    announce: Callable[[int], None] | None = None,
    channel: Channel = NOISELESS,
    overlap: float = 0.0,
) -> Flow | NDArray[np.float64]:
    """Return the steps of a scheme up to a time, after announcing about how many there are."""
    if isinstance(scheme, GradientFlow):
        return choose_flow(
            loss,
            alpha,
            time,
            tolerance=tolerance,
            announce=announce,
            channel=channel,
            overlap=overlap,
        )
    steps = choose_steps(loss, alpha, time, scheme, channel=channel, overlap=overlap)
    if announce is not None:
        announce(len(steps))
    return steps


def describe(run: MeanField) -> tuple[DynamicState, ...]:
    """Describe a run of the dynamical theory at each of its recorded times."""
    return tuple(_state(run, index) for index in range(len(run)))


@takes_loss
def t_bbp(loss: Loss, alpha: float, *, time: float = 10.0, **options: Any) -> tuple[Crossing, ...]:
    """Find the times at which the outlier toward the signal appears and disappears.

    They come in order of time; there are none if the outlier is there, or absent, all the time.
    The arguments are those of `dynamics`.

    Examples
    --------
    >>> t_bbp(a=1.0, alpha=3.0, time=0.02, paths=1024, batches=4)
    ()
    """
    return crossings(dynamics(loss, alpha, time, **options))


def crossings(states: Sequence[DynamicState]) -> tuple[Crossing, ...]:
    """Find the times at which the condition of the transition is met, from a sequence of states.

    A change counts once the condition differs from 1 by two standard errors on the new side, so
    that a curve that lingers at the transition does not flicker.
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
    energy, mu, overlap = (_at(one, index) for one in (run.energy, run.mu, run.overlap))
    variance, amplification = (None, None), (None, None)
    if not run.batch_overlap.any():
        variance, amplification = _at(run.variance, index), _at(run.amplification, index)
    measure = condensed(run.measure(index))
    edge = left_edge(measure)
    position = condition = exit_ = gap = (None, None)
    overlap2 = (0.0, 0.0)
    if math.isfinite(edge.position):
        batches = [condensed(run.measure(index, i), SCATTERED) for i in range(len(run.y))]
        edges, conditions = _scatter_of_edge(measure, batches, edge)
        position = (edge.position, _error(edges))
        condition = (bbp(measure, edge.chi), _error(conditions))
        found = outlier(measure, edge)
        if found is not None:
            positions, overlaps = _scatter_of_outlier(measure, batches, found.chi)
            exit_ = (found.position, _error(positions))
            overlap2 = (found.overlap2, _error(overlaps))
            gap = (found.position - edge.position, _error(positions - edges))
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
        *gap,
        *overlap,
        *_at(run.log_distance, index),
    )


def _at(estimate: Estimate, index: int) -> tuple[float, float]:
    return float(estimate.value[index]), float(estimate.error[index])


def _error(batches: NDArray) -> float:
    return float(batches.std(ddof=1) / math.sqrt(len(batches)))


# How each batch by itself would move a result, to first order about that of all batches: solving
# anew for each would cost as many root searches, and find no outlier in some.


def _scatter_of_edge(
    whole: LabelMeasure, batches: Sequence[LabelMeasure], edge: Edge
) -> tuple[NDArray, NDArray]:
    # dz/dchi vanishes at a soft edge, and a hard one has the same chi everywhere.
    positions = _each(stieltjes_inverse, batches, edge.chi) - [batch.mu for batch in batches]
    conditions = _each(bbp, batches, edge.chi)
    if edge.kind == "soft":
        shift = _shift(softness, whole, batches, edge.chi)
        conditions += _slope(bbp, whole, edge.chi) * shift
    return positions, conditions


def _scatter_of_outlier(
    whole: LabelMeasure, batches: Sequence[LabelMeasure], chi: float
) -> tuple[NDArray, NDArray]:
    # An outlier sits where z = S, which is bbp = 1: bbp - 1 = chi (z - S).
    shift = _shift(bbp, whole, batches, chi)
    positions = _each(stieltjes_inverse, batches, chi) - [batch.mu for batch in batches]
    positions += _slope(stieltjes_inverse, whole, chi) * shift
    # Near the transition a batch may have no outlier of its own: its overlap is then zero.
    moved = zip(batches, chi + shift, strict=True)
    return positions, np.array([squared_overlap(batch, at) for batch, at in moved])


def _each(
    function: Callable[[LabelMeasure, float], float], batches: Sequence[LabelMeasure], chi: float
) -> NDArray:
    return np.array([function(batch, chi) for batch in batches])


def _slope(
    function: Callable[[LabelMeasure, float], float], whole: LabelMeasure, chi: float
) -> float:
    # Backwards: beyond chi a pole may be near.
    h = 1e-6 * chi
    return (function(whole, chi) - function(whole, chi - h)) / h


def _shift(
    function: Callable[[LabelMeasure, float], float],
    whole: LabelMeasure,
    batches: Sequence[LabelMeasure],
    chi: float,
) -> NDArray:
    """Shift in chi that brings a function to one in each batch."""
    return (1 - _each(function, batches, chi)) / _slope(function, whole, chi)
