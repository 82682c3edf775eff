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
from prlib.problem import Problem

ROUNDING = 8.0
"""Rounding errors of the energy, in units of eps times the sum of loss and |residual field|.

A field that is off by eps of itself moves the loss by eps times residual times field.
"""

TRIALS = (0.35, 0.55, 0.75, 0.88, 0.95)
"""Where the bound on the curvature is tried, as fractions of the pole at -1/max f."""


def curvature_bound(z: NDArray, yhat: NDArray, f: NDArray, n: int, overlap: float) -> float:
    r"""Bound the largest eigenvalue of :math:`X^T \mathrm{diag}(f) X` at large N, in O(M).

    For every :math:`\chi` in :math:`(-1/\max f, 0)` the right edge of the bulk lies below
    :math:`z(\chi) = -1/\chi + \frac1N \sum_i f_i/(1 + f_i\chi)`, which is least at the edge itself.
    Beyond the edge, an eigenvalue in the plane of the signal and the estimate lies below the
    largest eigenvalue of :math:`\Gamma^{-1} K(\chi)`, with K and Gamma as in
    `prlib.spectra.outlier`, because K falls as chi rises to zero. So the larger of the two bounds
    the spectrum for any chi, and the least over a few of them is a good bound.

    Parameters
    ----------
    z, yhat, f : ndarray, shape (M,)
        Fields of the signal (zeros where it is not known), of the estimate, and curvatures.
    n : int
        Dimension N.
    overlap : float
        Overlap m of the estimate with the signal.

    Returns
    -------
    float
        The bound; 0 where no curvature is positive.

    References
    ----------
    J. W. Silverstein & S.-I. Choi, J. Multivariate Anal. 54, 295 (1995), for the edge; the
    companion's page on the descent for the rest.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((1200, 400)) / 20
    >>> f = np.ones(1200)
    >>> bound = curvature_bound(rng.standard_normal(1200), rng.standard_normal(1200), f, 400, 0.0)
    >>> bool(1 < bound / (1 + np.sqrt(3)) ** 2 < 1.02)
    True
    """
    top = float(f.max())
    if not top > 0:
        return 0.0
    # Components along the signal and along the part of the estimate orthogonal to it.
    rest = max(1 - overlap**2, 1e-6)
    across = (yhat - overlap * z) / np.sqrt(rest)
    least = np.inf
    for fraction in TRIALS:
        chi = -fraction / top
        weight = f / (1 + chi * f) / n
        k11, k12, k22 = ((weight * u) @ v for u, v in ((z, z), (z, across), (across, across)))
        plane = (k11 + k22) / 2 + np.hypot((k11 - k22) / 2, k12)
        least = min(least, max(-1 / chi + weight.sum(), plane))
    return float(least)


def advance(problem: Problem, batch: Batch, until: float, limits: Limits) -> None:
    r"""Descend to a given time, in place: :math:`w \leftarrow w - \eta (g - \mu w)`, then rescale.

    The step is `prlib.schemes.Scheme.length` of the `curvature_bound`, shortened to end at the time
    asked for. Descents that are still running when they get there can be advanced again.
    """
    z = np.zeros_like(problem.y) if problem.signal is None else problem.z
    for w, record in zip(batch.W, batch.records, strict=True):
        while record["status"] == RUNNING:
            direction, bound = _observe(problem, z, w, record)
            _judge(record, limits)
            if record["status"] != RUNNING or record["time"] >= until:
                break
            if record["steps"] >= limits.max_steps:
                record["status"] = STEPS
                break
            _step(w, record, direction, bound, until, limits)


def _observe(problem: Problem, z: NDArray, w: NDArray, record: np.void) -> tuple[NDArray, float]:
    loss, y, n = problem.loss, problem.y, problem.n
    yhat = problem.X @ w
    residual = loss.derivative(y, yhat)
    mu = float(residual @ yhat) / n
    overlap = np.nan if problem.signal is None else float(w @ problem.signal) / n
    direction = problem.X.T @ residual - mu * w
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
    bound = curvature_bound(z, yhat, loss.curvature(y, yhat), n, np.nan_to_num(overlap))
    return direction, bound - min(mu, 0.0)


def _judge(record: np.void, limits: Limits) -> None:
    if not (np.isfinite(record["energy"]) and np.isfinite(record["gradient_norm"])):
        record["status"] = DIVERGED
    elif record["time"] >= record["hold"]:
        if abs(record["overlap"]) >= limits.success:
            record["status"] = RECOVERED
        elif record["gradient_norm"] < limits.stationary:
            record["status"] = STATIONARY


def _step(
    w: NDArray, record: np.void, direction: NDArray, bound: float, until: float, limits: Limits
) -> None:
    held = record["time"] < record["hold"]
    goal = min(until, record["hold"]) if held else until
    eta = limits.scheme.length(bound)
    record["smallest_step"] = min(record["smallest_step"], eta)
    record["largest_step"] = max(record["largest_step"], eta)
    # Land on the goal exactly, and never a rounding error short of it.
    left = goal - record["time"]
    if eta >= left * (1 - limits.scheme.slack):
        eta, record["time"] = left, goal
    else:
        record["time"] += eta
    n = len(w)
    moved = w - eta * direction
    w[:] = moved * np.sqrt(n / float(moved @ moved))
    record["last_step"] = eta
    record["slope"] = eta * record["gradient_norm"] ** 2
    record["steps"] += 1
