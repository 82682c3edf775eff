"""The compiled descent: one pass over X a step, for several descents at once.

The step rule, the ends and the record are those of `prlib.descent.reference`, which this module is
held against. The kernel knows a loss only as the address of a function over a block of
measurements, so a new loss compiles that function alone.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np
from numba import njit

from prlib import schemes, vectors, walsh
from prlib.compiled import Threads, compiled, digest_of_sources
from prlib.descent import batch, blocks, products, reference
from prlib.descent.batch import DIVERGED, RECOVERED, RUNNING, STATIONARY, STEPS, Batch, Limits
from prlib.descent.formulas import block_function
from prlib.descent.noise import Noise
from prlib.descent.products import MATH, one_pass, one_pass_in_threads
from prlib.descent.reference import ROUNDING, TRIALS
from prlib.parameters import ParameterError
from prlib.problem import Problem
from prlib.schemes import step_length, temperature_at
from prlib.sensing.hadamard import Transforms
from prlib.vectors import VECTOR_BYTES
from prlib.walsh import product, product_in_threads

BLOCK_BYTES = 128 * 1024
"""Most bytes of X in a block: it stays in the second-level cache between its two uses."""

# --- the step rule --------------------------------------------------------------------------------


@njit(forceinline=True, fastmath=True, error_model="numpy")
def _largest(f):
    top = f[0]
    for i in range(len(f)):
        top = max(top, f[i])
    return top


@njit(forceinline=True, fastmath=MATH, error_model="numpy")
def _curvature_bound(z, yhat, f, n, overlap):
    """See `prlib.descent.reference.curvature_bound`."""
    top = np.float64(_largest(f))
    if not top > 0:
        return 0.0
    number = z.dtype.type
    m, scale = number(overlap), number(1 / np.sqrt(max(1 - overlap**2, 1e-6)))
    least = np.inf
    for fraction in TRIALS:
        chi = -fraction / top
        x, one = number(chi), number(1)
        total = k11 = k12 = k22 = number(0)
        for i in range(len(z)):
            weight = f[i] / (one + x * f[i])
            across = (yhat[i] - m * z[i]) * scale
            total += weight
            k11 += weight * z[i] * z[i]
            k12 += weight * z[i] * across
            k22 += weight * across * across
        plane = (k11 + k22) / 2 + np.sqrt(((k11 - k22) / 2) ** 2 + k12**2)
        least = min(least, max(-1 / chi + total / n, plane / n))
    return least


@njit(forceinline=True, fastmath=MATH, error_model="numpy")
def _dot(u, v):
    total = 0.0
    for i in range(len(u)):
        total += np.float64(u[i]) * np.float64(v[i])
    return total


@njit(forceinline=True, fastmath=MATH, error_model="numpy")
def _observe(w, g, signal, free, record, sums, eps):
    """Turn a gradient into a direction along the sphere, and judge the step that led here."""
    n = len(w)
    mu = sums[1] / n
    overlap = _dot(w, signal) / n if len(signal) else np.nan
    number = w.dtype.type
    pull = number(mu)
    for i in range(n):
        g[i] -= pull * w[i]
    if not free:
        along = number(_dot(g, signal) / n)
        for i in range(n):
            g[i] -= along * signal[i]
    energy = sums[0] / n
    rounding = ROUNDING * eps * (sums[2] / n + energy)
    if record["last_step"] > 0:
        fall = record["energy"] - energy
        doubt = rounding + record["rounding"]
        if fall < -doubt:
            record["rises"] += 1
        if record["slope"] > 100 * doubt:
            record["sharpness"] = max(record["sharpness"], 2 * (1 - fall / record["slope"]))
        record["last_step"] = 0.0
    record["energy"], record["rounding"] = energy, rounding
    record["mu"], record["overlap"] = mu, overlap
    record["gradient_norm"] = np.sqrt(_dot(g, g) / n)


@njit(forceinline=True, error_model="numpy")
def _judge(record, free, success, stationary):
    if not (np.isfinite(record["energy"]) and np.isfinite(record["gradient_norm"])):
        record["status"] = DIVERGED
    elif free:
        if abs(record["overlap"]) >= success:
            record["status"] = RECOVERED
        elif record["gradient_norm"] < stationary:
            record["status"] = STATIONARY


_length = njit(forceinline=True, error_model="numpy")(step_length)
_temperature = njit(forceinline=True, error_model="numpy")(temperature_at)


@njit(forceinline=True, fastmath=MATH, error_model="numpy")
def _step(w, g, last, white, signal, record, free, bound, until, steps, slack):
    step, reach, inertia, ahead, temperature, cooling, plain = steps
    goal = until if free else min(until, record["hold"])
    eta = _length(step, reach, bound)
    record["smallest_step"] = min(record["smallest_step"], eta)
    record["largest_step"] = max(record["largest_step"], eta)
    warmth = _temperature(temperature, cooling, record["time"])
    left = goal - record["time"]
    if eta >= left * (1 - slack):
        eta = left
        record["time"] = goal
    else:
        record["time"] += eta
    n = len(w)
    length = w.dtype.type(eta)
    if inertia > 0:
        kept = w.dtype.type(inertia)
        for i in range(n):
            here = w[i]
            moved = here - length * g[i]
            point = moved if ahead else here
            w[i] = moved + kept * (point - last[i])
            last[i] = point
    else:
        for i in range(n):
            w[i] -= length * g[i]
    if warmth > 0:
        size = w.dtype.type(np.sqrt(2 * warmth * eta))
        along = w.dtype.type(0.0 if free else _dot(white, signal) / n)
        for i in range(n):
            w[i] += size * white[i]
        if not free:
            for i in range(n):
                w[i] -= size * along * signal[i]
    scale = w.dtype.type(np.sqrt(n / _dot(w, w)))
    for i in range(n):
        w[i] *= scale
    record["last_step"] = eta
    record["slope"] = eta * record["gradient_norm"] ** 2 if plain else 0.0
    record["steps"] += 1


# --- the descent ----------------------------------------------------------------------------------


@njit(forceinline=True, error_model="numpy")
def _copy(source, target):
    # Assigned as a slice it would compile the text of its error message, for seconds.
    for i in range(len(source)):
        target[i] = source[i]


@njit(forceinline=True)
def _gather(states, records, W, order):
    """Pack the running descents into the first rows of W; return how many there are."""
    active = 0
    for b in range(len(records)):
        if records[b]["status"] == RUNNING:
            order[active] = b
            _copy(states[b], W[active])
            active += 1
    return active


@njit(inline="always", error_model="numpy")
def _settle(z, signal, w, g, last, white, yhat, f, record, sums, until, steps, limits, eps):  # noqa: PLR0917
    """Judge one descent where it is, and take its step; return whether it leaves instead."""
    slack, success, stationary, max_steps = limits
    free = record["time"] >= record["hold"]
    _observe(w, g, signal, free, record, sums, eps)
    _judge(record, free, success, stationary)
    if record["status"] != RUNNING or record["time"] >= until:
        return True
    if record["steps"] >= max_steps:
        record["status"] = STEPS
        return True
    overlap = record["overlap"] if len(signal) else 0.0
    bound = _curvature_bound(z, yhat, f, len(w), overlap) - min(record["mu"], 0.0)
    _step(w, g, last, white, signal, record, free, bound, until, steps, slack)
    return False


@njit(inline="always", error_model="numpy")
def _alone(X, y, W, active, rows, lanes, block, parameters, masks, Z, F, Q, G, sums):  # noqa: PLR0917
    one_pass(
        X, y, W, active, 0, len(y), rows, lanes, block, parameters, masks, Z, F, Q[0], G[0],
        sums[0],
    )  # fmt: skip


@njit(forceinline=True, error_model="numpy")
def _shared(X, y, W, active, rows, lanes, block, parameters, masks, Z, F, Q, G, sums):  # noqa: PLR0917
    one_pass_in_threads(X, y, W, active, rows, lanes, block, parameters, masks, Z, F, Q, G, sums)
    for t in range(1, G.shape[0]):
        for k in range(active):
            sums[0, k] += sums[t, k]
            for i in range(G.shape[2]):
                G[0, k, i] += G[t, k, i]


@njit(forceinline=True, error_model="numpy")
def _transformed(X, y, W, active, rows, lanes, block, parameters, masks, Z, F, Q, G, sums):  # noqa: ARG001, PLR0917
    forward, adjoint, work = X
    for k in range(active):
        product(forward, W[k], Z[k], work)
        sums[0, k] = 0
        block(y, Z[k], parameters, Q[0, 0], F[k], sums[0, k])
        if masks.shape[1] > 0:
            Q[0, 0] *= masks[k]
        product(adjoint, Q[0, 0], G[0, k], work)


@njit(forceinline=True, error_model="numpy")
def _transformed_in_threads(
    X, y, W, active, _rows, _lanes, block, parameters, masks, Z, F, Q, G, sums
):
    forward, adjoint, work = X
    for k in range(active):
        product_in_threads(forward, W[k], Z[k], work)
        sums[0, k] = 0
        block(y, Z[k], parameters, Q[0, 0], F[k], sums[0, k])
        if masks.shape[1] > 0:
            Q[0, 0] *= masks[k]
        product_in_threads(adjoint, Q[0, 0], G[0, k], work)


def _advance(  # noqa: PLR0917 - compiled code takes arrays, not the objects that hold them
    X, y, z, signal, states, last, records, until, turns, steps, limits, block, parameters, rows,
    lanes, eps, white, drawn, W, order, masks, Z, F, Q, G, sums,
):  # fmt: skip
    """Advance every running descent to a time, the running ones packed in the first rows of W.

    After a number of turns it stops for new noise; it returns how many are on their way.
    """
    active = _gather(states, records, W, order)
    while active > 0 and turns > 0:
        turns -= 1
        if masks.shape[1] > 0:
            for k in range(active):
                _copy(drawn[order[k], records[order[k]]["steps"] % drawn.shape[1]], masks[k])
        _pass(X, y, W, active, rows, lanes, block, parameters, masks, Z, F, Q, G, sums)
        for k in range(active - 1, -1, -1):
            b = order[k]
            record = records[b]
            fresh = white[b, record["steps"] % white.shape[1]]
            if _settle(
                z, signal, W[k], G[0, k], last[b], fresh, Z[k], F[k], record, sums[0, k],
                until, steps, limits, eps,
            ):  # fmt: skip
                _copy(W[k], states[b])
                active -= 1
                _copy(W[active], W[k])
                order[k] = order[active]
    for k in range(active):
        _copy(W[k], states[order[k]])
    return active


_pass = None
"""What `_advance` calls, see `Workspace`. A kernel for one thread has nothing of Numba's threads in
it, and may be used after a fork."""

_SOURCES = digest_of_sources(
    batch, blocks, products, reference, schemes, vectors, walsh, sys.modules[__name__]
)


class Workspace:
    """The arrays that a descent works in, made once.

    Parameters
    ----------
    problem : Problem
        The instance.
    count : int
        How many descents share it.
    threads : int
        Threads that share the rows; more than one are refused after a fork.
    noise : Noise
        What chance adds to their steps.
    """

    def __init__(self, problem: Problem, count: int, threads: int, noise: Noise) -> None:
        m, n, dtype = problem.m, problem.n, np.dtype(problem.X.dtype)
        self.dtype, self.threads = dtype, threads
        self.lanes = VECTOR_BYTES // dtype.itemsize
        if isinstance(problem.X, Transforms):
            self.X = problem.X.forward, problem.X.adjoint, walsh.workspace(problem.X.length, dtype)
            self.one_pass = _transformed if threads == 1 else _transformed_in_threads
            # Threads share a product, so that one gradient and the residuals of one do.
            shares, residuals, self.rows = 1, (1, 1, m), m
        else:
            self.X = np.ascontiguousarray(problem.X)
            self.one_pass = _alone if threads == 1 else _shared
            self.rows = int(np.clip(BLOCK_BYTES // (n * dtype.itemsize) // 8 * 8, 16, 64))
            shares, residuals = threads, (threads, count, self.rows)
        self.y = np.ascontiguousarray(problem.y, dtype)
        known = problem.signal is not None
        self.signal = np.ascontiguousarray(problem.signal if known else [], dtype)
        self.z = np.ascontiguousarray(problem.z if known else np.zeros_like(self.y), dtype)
        with np.errstate(over="ignore"):
            self.parameters = np.array(problem.loss.parameters, dtype)
        if not np.isfinite(self.parameters).all():
            raise ParameterError(f"loss = {problem.loss.id}: is beyond the range of {dtype.name}")
        self.block = block_function(type(problem.loss), len(self.parameters), dtype)
        self.order = np.zeros(count, np.int64)
        self.W = np.zeros((count, n), dtype)
        self.noise = noise
        self.masks = np.zeros((count, noise.masks.shape[2]), dtype)
        self.Z, self.F = (np.zeros((count, m), dtype) for _ in range(2))
        self.Q = np.zeros(residuals, dtype)
        self.G = np.zeros((shares, count, n), dtype)
        self.sums = np.zeros((shares, count, 3))
        self.kernel: Callable | None = None

    def advance(self, batch: Batch, until: float, limits: Limits) -> None:
        """Descend to a given time, in place: see `prlib.descent.reference.advance`."""
        with Threads.of(self.threads):
            while self._turn(batch, until, limits):
                pass

    def _turn(self, batch: Batch, until: float, limits: Limits) -> int:
        running = np.flatnonzero(batch.records["status"] == RUNNING)
        counts = [self.noise.ready(b, int(batch.records["steps"][b])) for b in running]
        arguments = (
            self.X, self.y, self.z, self.signal, batch.W, batch.last, batch.records, float(until),
            min(counts, default=1), limits.steps, limits.numbers, self.block, self.parameters,
            self.rows, self.lanes, float(np.finfo(self.dtype).eps), self.noise.white,
            self.noise.masks, self.W, self.order, self.masks, self.Z, self.F, self.Q, self.G,
            self.sums,
        )  # fmt: skip
        if self.kernel is None:
            options = {"nogil": True, "error_model": "numpy"}
            self.kernel = compiled(_advance, arguments, _SOURCES, _pass=self.one_pass, **options)
        return self.kernel(*arguments)
