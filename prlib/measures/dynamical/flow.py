r"""The gradient flow: a scheme for stiff relaxation, with steps chosen by an error estimate.

A few paths keep a curvature far above the rest (small labels, at small a), and an explicit
one-step scheme would crawl at the pace of those alone. The stabilised scheme of Runge, Kutta and
Chebyshev is of second order and takes, with s gradients, a step of about
:math:`\tfrac23 s^2/\lambda_{max}`; a stage is one more time of the theory, exact like any other.

References
----------
Sommeijer, Shampine & Verwer, RKC: an explicit solver for parabolic PDEs, J. Comput. Appl. Math.
88 (1998) 315.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.polynomial import chebyshev
from numpy.typing import NDArray

from prlib.channels import NOISELESS, Channel
from prlib.losses import Loss
from prlib.measures.computable import computable
from prlib.measures.dynamical.paths import SamplePaths
from prlib.measures.dynamical.solver import Solver, workers
from prlib.measures.random_start import initial
from prlib.parameters import ParameterError, check
from prlib.spectra.bulk import right_edge_bound
from prlib.threads import one_blas_thread

PILOT_PATHS = 1024
"""Paths of the pilot run that chooses the steps."""

GROWTH = 1.25
"""Largest ratio of a step to the one before."""

MARGIN = 2.0
"""How far the stages must reach beyond the largest curvature at the start of a step: a path's own
may rise before its end."""

MOST_STAGES = 40
MOST_TIMES = 4000
"""Times (stages of all steps) after which the pilot gives up."""


@dataclass(frozen=True, eq=False)
class Flow:
    """Steps of the gradient flow and the stages that each is made of.

    Attributes
    ----------
    steps : ndarray, shape (T,)
        Steps, in flow time.
    stages : ndarray of int, shape (T,)
        Stages of each, >= 2, for the paths of the pilot. A run with more paths meets rarer, larger
        curvatures, and adds stages where they ask for it.
    """

    steps: NDArray[np.float64]
    stages: NDArray[np.int_]

    @property
    def times(self) -> int:
        """Times of the theory, the start included and added stages not."""
        return 1 + int(self.stages.sum())

    def halved(self) -> Flow:
        """Return the same flow with every step cut in two."""
        stages = [stages_for(stability(s) / 2) for s in self.stages]
        return Flow(np.repeat(self.steps / 2, 2), np.repeat(stages, 2))


@dataclass(frozen=True)
class Stage:
    """Coefficients of one stage: weights and velocities at the step's start and at two stages.

    Attributes
    ----------
    start, last, before : float
        Coefficients of w at the start of the step, at the last stage and at the one before.
    velocity_start, velocity_last : float
        Coefficients of the velocity, in units of the step.
    """

    start: float
    last: float
    before: float
    velocity_start: float
    velocity_last: float


@lru_cache(maxsize=64)
def stability(stages: int) -> float:
    """Largest step times curvature at which the scheme is stable.

    Parameters
    ----------
    stages : int
        Stages s >= 2.

    Returns
    -------
    float
        About ``(2/3) (s**2 - 1)``.

    Examples
    --------
    >>> [round(stability(s), 1) for s in (2, 5, 10)]
    [2.0, 15.7, 64.7]
    """
    w0, first, second = _chebyshev(stages)
    return float((1 + w0) * second[stages] / first[stages])


def stages_for(reach: float) -> int:
    """Fewest stages that are stable at a step times curvature.

    Parameters
    ----------
    reach : float
        Step times largest curvature.

    Returns
    -------
    int
        Stages, >= 2.
    """
    stages = 2
    while stability(stages) < reach:
        stages += 1
    return stages


def _chebyshev(stages: int) -> tuple[float, NDArray, NDArray]:
    w0 = 1 + 2 / 13 / stages**2
    units = np.eye(stages + 1)
    first = [chebyshev.chebval(w0, chebyshev.chebder(unit, 1)) for unit in units]
    second = [chebyshev.chebval(w0, chebyshev.chebder(unit, 2)) for unit in units]
    return w0, np.array(first), np.array(second)


@lru_cache(maxsize=64)
def scheme(stages: int) -> tuple[Stage, ...]:
    """Coefficients of all stages of one step.

    Parameters
    ----------
    stages : int
        Stages s >= 2.

    Returns
    -------
    tuple of Stage
        One a stage.
    """
    w0, first, second = _chebyshev(stages)
    w1 = first[stages] / second[stages]
    b = np.empty(stages + 1)
    b[2:] = second[2:] / first[2:] ** 2
    b[:2] = b[2]
    a = 1 - b * np.array([chebyshev.chebval(w0, unit) for unit in np.eye(stages + 1)])
    made = [Stage(1.0, 0.0, 0.0, float(b[1] * w1), 0.0)]
    for j in range(2, stages + 1):
        ratio = 2 * b[j] / b[j - 1]
        last, before, velocity = ratio * w0, -b[j] / b[j - 2], ratio * w1
        numbers = (1 - last - before, last, before, -a[j - 1] * velocity, velocity)
        made.append(Stage(*map(float, numbers)))
    return tuple(made)


def flow_step(solver: Solver, step: float, least: int = 2) -> int:
    """Take one step of the flow, with as many stages as the curvature now asks for.

    Parameters
    ----------
    solver : Solver
        State of the theory; it moves.
    step : float
        Step in flow time.
    least : int
        Fewest stages.

    Returns
    -------
    int
        The stages taken.
    """
    start = solver.t
    stages = max(least, stages_for(MARGIN * step * largest_curvature(solver)))
    for made_of in stage_terms(start, step, stages):
        solver.advance(made_of, on_sphere=solver.t + 1 == start + stages)
    return stages


def stage_terms(start: int, step: float, stages: int) -> Iterator[list[tuple[int, float, float]]]:
    """Give what each stage of a step is made of.

    Parameters
    ----------
    start : int
        Time at which the step starts; each stage is one more.
    step : float
        Step in flow time.
    stages : int
        Stages s >= 2.

    Yields
    ------
    list of (int, float, float)
        Times, with coefficients of their weights and velocities: see `Solver.advance`.
    """
    for last, stage in enumerate(scheme(stages), start):
        terms = {start: (stage.start, step * stage.velocity_start)}
        for time, weight, velocity in (
            (last, stage.last, step * stage.velocity_last),
            (last - 1, stage.before, 0.0),
        ):
            if weight or velocity:
                known = terms.get(time, (0.0, 0.0))
                terms[time] = (known[0] + weight, known[1] + velocity)
        yield [(time, *coefficients) for time, coefficients in terms.items()]


# Its matrices are small: threads of linear algebra would wait for each other more than they do.
@one_blas_thread()
def choose_flow(
    loss: Loss,
    alpha: float,
    time: float,
    *,
    tolerance: float = 1e-4,
    seed: int = 0,
    announce: Callable[[int], None] | None = None,
    channel: Channel = NOISELESS,
) -> Flow:
    r"""Choose the steps of the gradient flow up to a time, with a pilot run of few paths.

    The local error of a step is about :math:`\eta^3\, |\dddot w|/15`, and the theory knows the root
    mean square of the third derivative from the two-time correlation, without sampling w.

    Parameters
    ----------
    loss : Loss
        The loss.
    alpha : float
        Measurements per dimension.
    time : float
        Flow time to reach.
    tolerance : float
        Local error of a step, relative to the norm of w.
    seed : int
        Seed of the pilot.
    announce : callable, optional
        Called once, as early as can be, with about how many times the flow will take.
    channel : Channel
        What is measured.

    Returns
    -------
    Flow
        Steps that sum to `time`: tiny at first, growing as the descent slows down.

    Raises
    ------
    ParameterError
        If the time is not positive or out of reach.
    """
    alpha, time = computable(loss, alpha), check("time", time)
    steps: list[float] = []
    stages: list[int] = []
    reached = [0]
    with ThreadPoolExecutor(workers()) as pool:
        drawn = SamplePaths(1, PILOT_PATHS, seed, "sobol", loss.scale, channel)
        solver = Solver(loss, alpha, drawn, 128, pool)
        step = 0.1 / largest_curvature(solver)
        while (left := time - math.fsum(steps)) > 1e-9 * time:
            # Two equal last steps rather than a long one and a sliver.
            step = min(step, stability(MOST_STAGES) / (MARGIN * largest_curvature(solver)))
            step = left if step >= left else min(step, left / 2)
            steps.append(step)
            stages.append(flow_step(solver, step))
            reached.append(solver.t)
            expected = _expected(solver.t, steps, stages, time)
            if expected > MOST_TIMES * _doubt(len(steps)):
                raise ParameterError(
                    f"time = {time:g}: takes about {expected:.2g} gradients at alpha = {alpha:g}, "
                    f"and at most {MOST_TIMES} are taken; must be less"
                )
            if announce is not None and len(steps) == _FORESEEN:
                announce(int(expected))
            error = _error(solver, steps, reached)
            step *= min(GROWTH, 0.9 * (tolerance / max(error, 1e-30)) ** (1 / 3))
    if announce is not None and len(steps) < _FORESEEN:
        announce(solver.t + 1)
    return Flow(np.array(steps), np.array(stages))


def expected_times(loss: Loss, alpha: float, time: float, tolerance: float) -> int:
    """Return about how many times a flow takes, without a pilot run.

    A product of powers, fitted to pilots of losses of all kinds: those of the paper's family with
    a from 0.001 to 1 take between two thirds and one and a half times as many.

    Examples
    --------
    >>> from prlib.losses import NormalizedIntensity
    >>> loss = NormalizedIntensity(1.0)
    >>> taken = choose_flow(loss, 3.0, 1.0, tolerance=1e-3).times
    >>> 0.6 < expected_times(loss, 3.0, 1.0, 1e-3) / taken < 1.6
    True
    """
    steepest = right_edge_bound(initial(loss, alpha))
    stiff = 3.4 * steepest**0.2 * alpha**0.44
    return 1 + round(stiff * (1 + time) ** 0.54 * tolerance**-0.105)


_FORESEEN = 25


def _expected(reached: int, steps: list[float], stages: list[int], time: float) -> float:
    """Return the times in all, if steps go on to grow as the root of time."""
    done = math.fsum(steps)
    rest = 4 / 3 * stages[-1] * done / steps[-1] * ((time / done) ** 0.75 - 1)
    return reached + max(rest, 0.0)


def _doubt(steps: int) -> float:
    # Early steps grow faster than that: the first guesses are too high by up to these factors.
    return 20.0 if steps < 10 else 8.0 if steps < _FORESEEN else 3.0 if steps < 50 else 1.0


def _error(solver: Solver, steps: list[float], reached: list[int]) -> float:
    if len(steps) < 3:
        # Too few times for a third difference; the first steps are tiny by construction.
        return 0.0
    times = np.cumsum([0.0, *steps[-3:]])
    gaps = times[:, None] - times + np.eye(4)
    third = 6 / gaps.prod(axis=1)
    covariance = solver.weights.covariance.mean(axis=0)[np.ix_(reached[-4:], reached[-4:])]
    return steps[-1] ** 3 / 15 * math.sqrt(max(third @ covariance @ third, 0.0))


def largest_curvature(solver: Solver) -> float:
    """Bound on the largest curvature of the landscapes now, over the paths sampled; at least 1.

    Each batch is a landscape of its own, and one of few paths may be steeper than all together.
    """
    bounds = [
        right_edge_bound(solver.measure(batch)) - float(solver.mu[batch, solver.t])
        for batch in range(len(solver.y))
    ]
    return max(1.0, *bounds)
