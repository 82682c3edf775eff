r"""The gradient step and its bound in plain NumPy: what the compiled kernel is held against."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from prlib.descent.batch import (
    DIVERGED,
    RECOVERED,
    RUNNING,
    STATIONARY,
    STEPS,
    Batch,
    Limits,
)
from prlib.descent.noise import Noise
from prlib.measures.label_measure import LabelMeasure
from prlib.problem import Problem
from prlib.schemes import temperature_at
from prlib.spectra.bulk import stieltjes_inverse
from prlib.spectra.outlier import in_plane

ROUNDING = 8.0
"""Rounding errors of the energy, in units of eps times the sum of loss and |residual field|.

A field that is off by eps of itself moves the loss by eps times residual times field.
"""

TRIALS = (0.35, 0.55, 0.75, 0.88, 0.95)
"""Where the bound on the curvature is tried, as fractions of the pole at -1/max f."""


def curvature_bound(law: LabelMeasure) -> float:
    r"""Bound the largest eigenvalue of :math:`X^T \mathrm{diag}(f) X` at large N, in O(M).

    For every :math:`\chi` in :math:`(-1/\max f, 0)` the right edge of the bulk lies below
    :math:`z(\chi)`, which is least at the edge itself. Beyond the edge, an eigenvalue in the plane
    of the signal and the estimate lies below the largest eigenvalue of
    :math:`\Gamma^{-1} K(\chi)`, with K and Gamma as in `prlib.spectra.outlier`, because K falls as
    chi rises to zero. So the larger of the two bounds the spectrum for any chi, and the least over
    a few of them is a good bound; it is 0 where no curvature is positive.

    References
    ----------
    J. W. Silverstein & S.-I. Choi, J. Multivariate Anal. 54, 295 (1995), for the edge; the
    companion's page on the descent for the rest.

    Examples
    --------
    >>> from prlib.losses import NormalizedIntensity
    >>> from prlib.measures import initial
    >>> from prlib.spectra.bulk import right_edge_bound
    >>> law = initial(NormalizedIntensity(1.0), 3.0)
    >>> bool(0.99 < curvature_bound(law) / right_edge_bound(law, TRIALS) < 1.3)
    True
    """
    top = float(law.curvature.max())
    if not top > 0:
        return 0.0
    chis = [-fraction / top for fraction in TRIALS]
    planes = (in_plane(law, chi, both=True)[-1] for chi in chis)
    bounds = (stieltjes_inverse(law, chi) for chi in chis)
    return float(min(map(max, bounds, planes)))


def advance(problem: Problem, batch: Batch, until: float, limits: Limits, noise: Noise) -> None:
    r"""Descend to a given time, in place, by steps that are a `prlib.schemes.Update` each.

    Their length is `prlib.schemes.Scheme.length` of the `curvature_bound`, shortened to end at the
    time asked for. Descents that are still running when they get there can be advanced again.
    """
    z = np.zeros_like(problem.y) if problem.signal is None else problem.z
    for b, (w, last, record) in enumerate(zip(batch.W, batch.last, batch.records, strict=True)):
        while record["status"] == RUNNING:
            noise.ready(b, int(record["steps"]))
            now = int(record["steps"]) % noise.masks.shape[1]
            direction, yhat = _observe(problem, w, record, noise.masks[b, now])
            _judge(record, limits)
            if record["status"] != RUNNING or record["time"] >= until:
                break
            if record["steps"] >= limits.max_steps:
                record["status"] = STEPS
                break
            law = _law(problem, z, yhat, float(np.nan_to_num(record["overlap"])))
            bound = curvature_bound(law) - min(record["mu"], 0.0)
            white = noise.white[b, now]
            if record["time"] < record["hold"] and len(white):
                white = white - (white @ problem.signal / problem.n) * problem.signal
            _step(w, last, record, direction, white, bound, until, limits)


def _law(problem: Problem, z: NDArray, yhat: NDArray, overlap: float) -> LabelMeasure:
    y, weights = problem.y.astype(float), np.full(problem.m, 1 / problem.m)
    floor = problem.loss.curvature_floor
    return LabelMeasure(problem.loss, problem.alpha, z, y, yhat, weights, overlap, floor)


def _observe(
    problem: Problem, w: NDArray, record: np.void, mask: NDArray
) -> tuple[NDArray, NDArray]:
    loss, y, n = problem.loss, problem.y, problem.n
    yhat = problem.X @ w
    residual = loss.derivative(y, yhat)
    mu = float(residual @ yhat) / n
    overlap = np.nan if problem.signal is None else float(w @ problem.signal) / n
    direction = problem.X.T @ (residual * mask if len(mask) else residual) - mu * w
    if record["time"] < record["hold"]:
        direction -= (direction @ problem.signal / n) * problem.signal
    energy = float(np.sum(loss.value(y, yhat), dtype=np.float64)) / n
    doubt = np.sum(np.abs(residual * yhat), dtype=np.float64) / n + energy
    rounding = ROUNDING * float(np.finfo(w.dtype).eps) * float(doubt)
    if record["last_step"] > 0:
        fall, doubt = record["energy"] - energy, rounding + record["rounding"]
        record["rises"] += fall < -doubt
        if record["slope"] > 100 * doubt:
            # Along a parabola a step eta falls by slope (1 - eta c / 2): solve for eta c.
            sharpness = 2 * (1 - fall / record["slope"])
            record["sharpness"] = max(record["sharpness"], sharpness)
        record["last_step"] = 0.0
    record["energy"], record["rounding"] = energy, rounding
    record["mu"], record["overlap"] = mu, overlap
    record["gradient_norm"] = np.sqrt(float(direction @ direction) / n)
    return direction, yhat


def _judge(record: np.void, limits: Limits) -> None:
    if not (np.isfinite(record["energy"]) and np.isfinite(record["gradient_norm"])):
        record["status"] = DIVERGED
    elif record["time"] >= record["hold"]:
        if abs(record["overlap"]) >= limits.success:
            record["status"] = RECOVERED
        elif record["gradient_norm"] < limits.stationary:
            record["status"] = STATIONARY


def _step(
    w: NDArray,
    last: NDArray,
    record: np.void,
    direction: NDArray,
    white: NDArray,
    bound: float,
    until: float,
    limits: Limits,
) -> None:
    update = limits.scheme.update
    held = record["time"] < record["hold"]
    goal = min(until, record["hold"]) if held else until
    eta = limits.scheme.length(bound)
    record["smallest_step"] = min(record["smallest_step"], eta)
    record["largest_step"] = max(record["largest_step"], eta)
    warmth = temperature_at(update.temperature, update.cooling, record["time"])
    # Land on the goal exactly, and never a rounding error short of it.
    left = goal - record["time"]
    if eta >= left * (1 - limits.scheme.slack):
        eta, record["time"] = left, goal
    else:
        record["time"] += eta
    n = len(w)
    moved = w - eta * direction
    if update.inertia:
        point = moved.copy() if update.ahead else w.copy()
        moved += update.inertia * (point - last)
        last[:] = point
    if warmth > 0:
        moved += np.sqrt(2 * warmth * eta) * white
    w[:] = moved * np.sqrt(n / float(moved @ moved))
    record["last_step"] = eta
    record["slope"] = eta * record["gradient_norm"] ** 2 if update.plain else 0.0
    record["steps"] += 1
