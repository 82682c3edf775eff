"""Steps of any scheme as the theory takes them, one time a step."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from prlib.channels import NOISELESS, Channel
from prlib.losses import Loss
from prlib.measures.computable import computable
from prlib.measures.dynamical.flow import MOST_TIMES, largest_curvature
from prlib.measures.dynamical.paths import SamplePaths
from prlib.measures.dynamical.solver import Solver, workers
from prlib.parameters import ParameterError, check
from prlib.schemes import Scheme, Update, temperature_at
from prlib.threads import one_blas_thread

PILOT_PATHS = 4096
"""Paths of the pilot run that chooses the steps: a run with more meets larger curvatures, and steps
are stable up to about twice the safety of a scheme."""


def take_step(solver: Solver, update: Update, time: float, step: float, before: float) -> None:
    r"""Take one step, and rescale to the sphere.

    In weights and velocities the step of `prlib.schemes.Update` is

    .. math:: (1 + \beta)(w_t + \eta_t v_t) - \beta (w_{t-1} + \eta_{t-1} v_{t-1})

    where the gradient is taken ahead, and :math:`w_t + \eta_t v_t + \beta (w_t - w_{t-1})` else.

    Parameters
    ----------
    solver : Solver
        State of the theory; it moves.
    update : Update
        What the step is made of.
    time : float
        Flow time now.
    step, before : float
        The step, and the one before.
    """
    t, inertia = solver.t, update.inertia
    ahead = inertia if update.ahead else 0.0
    # At first there is no displacement: p and w are one.
    terms = [(t, 1 + inertia if t else 1.0, (1 + ahead) * step)]
    if t and inertia:
        terms.append((t - 1, -inertia, -ahead * before))
    warmth = temperature_at(update.temperature, update.cooling, time)
    solver.advance(terms, on_sphere=True, noise=2 * warmth * step)


# Its matrices are small: threads of linear algebra would wait for each other more than they do.
@one_blas_thread()
def choose_steps(
    loss: Loss,
    alpha: float,
    time: float,
    scheme: Scheme,
    *,
    channel: Channel = NOISELESS,
    overlap: float = 0.0,
) -> NDArray[np.float64]:
    """Return the steps of a scheme up to a time: its lengths at the curvature of a pilot run.

    Parameters
    ----------
    loss, alpha, time, channel, overlap
        See `prlib.measures.dynamical.choose_flow`.
    scheme : Scheme
        The scheme.

    Raises
    ------
    ParameterError
        If the time takes no step, or too many.
    """
    alpha, time = computable(loss, alpha), float(scheme.stops(check("time", time)))
    least = max(1, round(time / scheme.step))
    if least > MOST_TIMES:
        raise ParameterError(
            f"time = {time:g}: takes {least:.3g} steps of {scheme.step:g}; must be at most "
            f"{MOST_TIMES} steps, so {MOST_TIMES * scheme.step:g}"
        )
    if not math.isfinite(scheme.safety):
        return np.full(least, scheme.step)
    steps: list[float] = []
    update = scheme.update
    with ThreadPoolExecutor(workers()) as pool:
        drawn = SamplePaths(1, PILOT_PATHS, 0, "sobol", loss.scale, channel, paired=overlap != 0)
        solver = Solver(loss, alpha, drawn, 128, pool, overlap, update)
        while (left := time - (done := math.fsum(steps))) > scheme.slack * time:
            if len(steps) == MOST_TIMES:
                raise ParameterError(
                    f"time = {time:g}: takes more than {MOST_TIMES} steps of {scheme}, which end "
                    f"at {done:.3g}; must be less"
                )
            step = min(scheme.length(largest_curvature(solver)), left)
            take_step(solver, update, done, step, steps[-1] if steps else 0.0)
            steps.append(step)
    return np.array(steps)
