r"""The compiled descent: one pass over X a step, for several descents at once.

A block of rows is multiplied with all estimates, turned into residuals, and multiplied back while
it is still in the cache, so X is read from memory once a step. The step rule, the ends and the
record are those of `prlib.descent.reference`, which this module is held against.

Compiled code is kept on disk. The kernel knows a loss only as the address of a function over a
block of measurements, so a new loss compiles that function alone. The cache on disk watches this
file and the formulas of the losses: after a change in `tiles`, `batch` or the constants of
`reference`, touch this file.
"""

from __future__ import annotations

import hashlib
from functools import cache

import numpy as np
from numba import cfunc, get_num_threads, njit, prange, set_num_threads, types
from numba.extending import intrinsic, register_jitable
from numba.np.unsafe.ndarray import to_fixed_tuple

from prlib.descent.batch import DIVERGED, RECOVERED, RUNNING, STATIONARY, STEPS, Batch, Limits
from prlib.descent.reference import ROUNDING, TRIALS
from prlib.descent.tiles import VECTOR_BYTES, back_tile, fields_tile, fused_tile
from prlib.losses import Loss
from prlib.problem import Problem

BLOCK_BYTES = 128 * 1024
"""Most bytes of X in a block: it stays in the second-level cache between its two uses."""

CHUNK = 1024
"""Numbers of a row multiplied at a time: six estimates of that length stay in the first level."""

# Everything but the assumption that no number is infinite or NaN: a descent may diverge.
_MATH = {"reassoc", "contract", "arcp", "nsz", "afn"}

_fields_4x6, _fields_4x3, _fields_4x2, _fields_8x1 = (
    fields_tile(rows, columns) for rows, columns in ((4, 6), (4, 3), (4, 2), (8, 1))
)
_fields_1x6, _fields_1x3, _fields_1x2, _fields_1x1 = (
    fields_tile(1, columns) for columns in (6, 3, 2, 1)
)
_fused_4x3, _fused_4x2, _fused_8x1 = fused_tile(4, 3), fused_tile(4, 2), fused_tile(8, 1)
_back_6, _back_3, _back_2, _back_1 = (back_tile(columns, 4) for columns in (6, 3, 2, 1))


@intrinsic
def _place(typing_context, array, offset):  # noqa: ARG001
    """Address of a number in a contiguous array, counted from its first."""

    def generate(context, builder, signature, arguments):
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        return builder.gep(data, [arguments[1]])

    return types.CPointer(array.dtype)(array, types.int64), generate


# --- the loss -------------------------------------------------------------------------------------


def _digest(loss: type[Loss]) -> int:
    codes = (getattr(loss, name).__code__ for name in ("l", "dl", "d2l"))
    text = repr([(code.co_code, code.co_consts, code.co_names) for code in codes])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:7], "little")


@cache
def block_function(loss: type[Loss], count: int, number: types.Float) -> object:
    """Compile a loss over a block of measurements of one descent.

    Parameters
    ----------
    loss : type
        A subclass of `Loss`.
    count : int
        How many parameters its formulas take.
    number : numba type
        float32 or float64.

    Returns
    -------
    numba cfunc
        ``(y, yhat, parameters, residual, curvature, sums)``: fills residual and curvature, adds
        the loss, the residual times the field, and its modulus to sums.
    """
    # Plain functions, not compiled ones: the disk cache is keyed by what a closure holds, and a
    # compiled function differs from process to process. The digest stands for their contents.
    l, dl, d2l = (register_jitable(getattr(loss, name)) for name in ("l", "dl", "d2l"))
    version = _digest(loss)
    row = types.Array(number, 1, "C")
    signature = types.void(row, row, types.Array(number, 1, "C"), row, row, types.float64[::1])

    def block(y, yhat, parameters, residual, curvature, sums):
        p = to_fixed_tuple(parameters, count)
        energy = along = rounding = 0.0
        for i in range(len(y)):
            r = dl(y[i], yhat[i], *p)
            residual[i] = r
            curvature[i] = d2l(y[i], yhat[i], *p)
            energy += l(y[i], yhat[i], *p)
            along += r * yhat[i]
            rounding += abs(r * yhat[i])
        sums[0] += energy
        sums[1] += along
        sums[2] += rounding + 0 * version

    return cfunc(signature, nopython=True, cache=True, error_model="numpy", fastmath=_MATH)(block)


# --- one pass over X ------------------------------------------------------------------------------

# What `_advance` calls is inlined into it by force. Otherwise the process that compiles and those
# that read its cache may bind a call to different copies, whose sums round differently.


@njit(cache=True, forceinline=True, error_model="numpy")
def _fields_6(X, W, c, row, end, start, count, Z):
    n, m, r = X.shape[1], Z.shape[1], row
    w = _place(W, c * n + start)
    while r + 4 <= end:
        _fields_4x6(_place(X, r * n + start), n, w, n, count, _place(Z, c * m + r), m)
        r += 4
    while r < end:
        _fields_1x6(_place(X, r * n + start), n, w, n, count, _place(Z, c * m + r), m)
        r += 1


@njit(cache=True, forceinline=True, error_model="numpy")
def _fields_3(X, W, c, row, end, start, count, Z):
    n, m, r = X.shape[1], Z.shape[1], row
    w = _place(W, c * n + start)
    while r + 4 <= end:
        _fields_4x3(_place(X, r * n + start), n, w, n, count, _place(Z, c * m + r), m)
        r += 4
    while r < end:
        _fields_1x3(_place(X, r * n + start), n, w, n, count, _place(Z, c * m + r), m)
        r += 1


@njit(cache=True, forceinline=True, error_model="numpy")
def _fields_2(X, W, c, row, end, start, count, Z):
    n, m, r = X.shape[1], Z.shape[1], row
    w = _place(W, c * n + start)
    while r + 4 <= end:
        _fields_4x2(_place(X, r * n + start), n, w, n, count, _place(Z, c * m + r), m)
        r += 4
    while r < end:
        _fields_1x2(_place(X, r * n + start), n, w, n, count, _place(Z, c * m + r), m)
        r += 1


@njit(cache=True, forceinline=True, error_model="numpy")
def _fields_1(X, W, c, row, end, start, count, Z):
    n, m, r = X.shape[1], Z.shape[1], row
    w = _place(W, c * n + start)
    while r + 8 <= end:
        _fields_8x1(_place(X, r * n + start), n, w, n, count, _place(Z, c * m + r), m)
        r += 8
    while r < end:
        _fields_1x1(_place(X, r * n + start), n, w, n, count, _place(Z, c * m + r), m)
        r += 1


@njit(cache=True, forceinline=True, error_model="numpy")
def _fields(X, W, B, row, end, aligned, Z):
    """Add the product of rows [row, end) of X with B estimates to Z (B, M)."""
    # Few estimates need no chunks, and sums in one order whoever shares the pass.
    chunk = CHUNK if B > 3 else aligned
    for start in range(0, aligned, max(chunk, 1)):
        count = min(chunk, aligned - start)
        c = 0
        while c < B:
            if B - c >= 6:
                _fields_6(X, W, c, row, end, start, count, Z)
                c += 6
            elif B - c >= 3:
                _fields_3(X, W, c, row, end, start, count, Z)
                c += 3
            elif B - c == 2:
                _fields_2(X, W, c, row, end, start, count, Z)
                c += 2
            else:
                _fields_1(X, W, c, row, end, start, count, Z)
                c += 1


@njit(cache=True, forceinline=True, error_model="numpy")
def _back(X, Q, B, row, end, whole, width, G):
    """Add the product of residuals Q (B, R) with rows [row, end) of X to G (B, N)."""
    n, size, rows = X.shape[1], Q.shape[1], end - row
    c = 0
    while c < B:
        left = B - c
        for i in range(0, whole, width):
            q, x, g = _place(Q, c * size), _place(X, row * n + i), _place(G, c * n + i)
            if left >= 6:
                _back_6(q, size, x, n, rows, g, n)
            elif left >= 3:
                _back_3(q, size, x, n, rows, g, n)
            elif left == 2:
                _back_2(q, size, x, n, rows, g, n)
            else:
                _back_1(q, size, x, n, rows, g, n)
        c += 6 if left >= 6 else 3 if left >= 3 else 2 if left == 2 else 1


@njit(cache=True, forceinline=True, error_model="numpy")
def _fused(X, W, B, row, rows, aligned, Z, Q, G):
    """Fields of a block of rows, together with the back-projection of the block before it."""
    n, m, size = X.shape[1], Z.shape[1], Q.shape[1]
    w, g = _place(W, 0), _place(G, 0)
    for j in range(0, rows, 8 if B == 1 else 4):
        x, old = _place(X, (row + j) * n), _place(X, (row + j - rows) * n)
        z, q = _place(Z, row + j), _place(Q, j)
        if B == 3:
            _fused_4x3(x, n, w, n, aligned, z, m, q, size, old, g, n)
        elif B == 2:
            _fused_4x2(x, n, w, n, aligned, z, m, q, size, old, g, n)
        else:
            _fused_8x1(x, n, w, n, aligned, z, m, q, size, old, g, n)


@njit(cache=True, forceinline=True, fastmath=_MATH, error_model="numpy")
def _tail_fields(X, W, B, row, end, aligned, Z):
    """Begin Z with the columns that do not fill a vector."""
    for b in range(B):
        for r in range(row, end):
            s = X.dtype.type(0)
            for i in range(aligned, X.shape[1]):
                s += X[r, i] * W[b, i]
            Z[b, r] = s


@njit(cache=True, forceinline=True, fastmath=_MATH, error_model="numpy")
def _tail_back(X, Q, B, row, end, done, G):
    """Back-project the columns that do not fill the vectors of a tile."""
    for b in range(B):
        for r in range(row, end):
            q = Q[b, r - row]
            for i in range(done, X.shape[1]):
                G[b, i] += q * X[r, i]


@njit(cache=True, forceinline=True, error_model="numpy", nogil=True)
def _pass(  # noqa: PLR0917
    X, y, W, B, first, last, rows, lanes, block, parameters, Z, F, Q, G, sums
):
    """Fields, residuals, curvatures and gradients of B descents over rows [first, last)."""
    n = X.shape[1]
    aligned = n - n % lanes
    whole = n - n % (4 * lanes)
    # Up to three descents wait for memory: their back-projection runs one block late, beside the
    # fields of the next. With more the arithmetic is what takes time, and larger tiles serve it.
    late = B <= 3 and aligned > 0
    G[:B] = 0
    sums[:B] = 0
    for row in range(first, last, rows):
        end = min(row + rows, last)
        full = end - row == rows
        _tail_fields(X, W, B, row, end, aligned, Z)
        if late and row > first and full:
            _fused(X, W, B, row, rows, aligned, Z, Q, G)
            _tail_back(X, Q, B, row - rows, row, aligned, G)
        else:
            if late and row > first:
                _back(X, Q, B, row - rows, row, whole, 4 * lanes, G)
                _tail_back(X, Q, B, row - rows, row, whole, G)
            _fields(X, W, B, row, end, aligned, Z)
        for b in range(B):
            block(y[row:end], Z[b, row:end], parameters, Q[b, : end - row], F[b, row:end], sums[b])
        if not late or end == last:
            _back(X, Q, B, row, end, whole, 4 * lanes, G)
            _tail_back(X, Q, B, row, end, whole, G)


@njit(cache=True, parallel=True, fastmath=_MATH, error_model="numpy")
def _pass_in_threads(  # noqa: PLR0917
    X, y, W, B, rows, lanes, block, parameters, Z, F, Q, G, sums
):
    threads = G.shape[0]
    m = X.shape[0]
    share = (m // threads // 8 + 1) * 8
    for t in prange(threads):
        first, last = min(m, t * share), min(m, (t + 1) * share)
        _pass(X, y, W, B, first, last, rows, lanes, block, parameters, Z, F, Q[t], G[t], sums[t])


# --- the step rule --------------------------------------------------------------------------------


@njit(cache=True, forceinline=True, fastmath=True, error_model="numpy")
def _largest(f):
    top = f[0]
    for i in range(len(f)):
        top = max(top, f[i])
    return top


@njit(cache=True, forceinline=True, fastmath=_MATH, error_model="numpy")
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


@njit(cache=True, forceinline=True, fastmath=_MATH, error_model="numpy")
def _dot(u, v):
    total = 0.0
    for i in range(len(u)):
        total += np.float64(u[i]) * np.float64(v[i])
    return total


@njit(cache=True, forceinline=True, fastmath=_MATH, error_model="numpy")
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


@njit(cache=True, forceinline=True, error_model="numpy")
def _judge(record, free, success, stationary):
    if not (np.isfinite(record["energy"]) and np.isfinite(record["gradient_norm"])):
        record["status"] = DIVERGED
    elif free:
        if abs(record["overlap"]) >= success:
            record["status"] = RECOVERED
        elif record["gradient_norm"] < stationary:
            record["status"] = STATIONARY


@njit(cache=True, forceinline=True, fastmath=_MATH, error_model="numpy")
def _step(w, g, record, free, bound, until, step, safety, slack):
    goal = until if free else min(until, record["hold"])
    eta = step if step * bound <= safety else safety / bound
    record["smallest_step"] = min(record["smallest_step"], eta)
    record["largest_step"] = max(record["largest_step"], eta)
    left = goal - record["time"]
    if eta >= left * (1 - slack):
        eta = left
        record["time"] = goal
    else:
        record["time"] += eta
    n = len(w)
    length = w.dtype.type(eta)
    for i in range(n):
        w[i] -= length * g[i]
    scale = w.dtype.type(np.sqrt(n / _dot(w, w)))
    for i in range(n):
        w[i] *= scale
    record["last_step"] = eta
    record["slope"] = eta * record["gradient_norm"] ** 2
    record["steps"] += 1


# --- the descent ----------------------------------------------------------------------------------


@njit(cache=True, forceinline=True)
def _gather(states, records, W, order):
    """Pack the running descents into the first rows of W; return how many there are."""
    active = 0
    for b in range(len(records)):
        if records[b]["status"] == RUNNING:
            order[active] = b
            W[active] = states[b]
            active += 1
    return active


@njit(cache=True, forceinline=True, error_model="numpy")
def _add_threads(G, sums, active):
    """Add what each thread found to the first one's."""
    for t in range(1, G.shape[0]):
        for k in range(active):
            sums[0, k] += sums[t, k]
            for i in range(G.shape[2]):
                G[0, k, i] += G[t, k, i]


@njit(cache=True, forceinline=True, error_model="numpy")
def _settle(z, signal, w, g, yhat, f, record, sums, until, limits, eps):
    """Judge one descent where it is, and take its step; return whether it leaves instead."""
    step, safety, slack, success, stationary, max_steps = limits
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
    _step(w, g, record, free, bound, until, step, safety, slack)
    return False


@njit(cache=True, nogil=True, error_model="numpy")
def _advance(  # noqa: PLR0917 - compiled code takes arrays, not the objects that hold them
    X, y, z, signal, states, records, until, limits, block, parameters, rows, lanes, eps,
    W, order, Z, F, Q, G, sums,
):  # fmt: skip
    """Advance every running descent to a time, the running ones packed in the first rows of W."""
    active = _gather(states, records, W, order)
    while active > 0:
        if G.shape[0] == 1:
            _pass(
                X, y, W, active, 0, len(y), rows, lanes, block, parameters, Z, F,
                Q[0], G[0], sums[0],
            )  # fmt: skip
        else:
            _pass_in_threads(X, y, W, active, rows, lanes, block, parameters, Z, F, Q, G, sums)
            _add_threads(G, sums, active)
        for k in range(active - 1, -1, -1):
            record = records[order[k]]
            if _settle(
                z, signal, W[k], G[0, k], Z[k], F[k], record, sums[0, k], until, limits, eps
            ):
                states[order[k]] = W[k]
                active -= 1
                W[k] = W[active]
                order[k] = order[active]


class Workspace:
    """The arrays that a descent works in, made once.

    Parameters
    ----------
    problem : Problem
        The instance.
    count : int
        How many descents share it.
    threads : int
        Threads that share the rows.
    """

    def __init__(self, problem: Problem, count: int, threads: int) -> None:
        self.X = np.ascontiguousarray(problem.X)
        dtype = self.X.dtype
        self.y = np.ascontiguousarray(problem.y, dtype)
        known = problem.signal is not None
        self.signal = np.ascontiguousarray(problem.signal if known else [], dtype)
        self.z = np.ascontiguousarray(problem.z if known else np.zeros_like(self.y), dtype)
        m, n = self.X.shape
        self.rows = int(np.clip(BLOCK_BYTES // (n * dtype.itemsize) // 8 * 8, 16, 64))
        self.lanes = VECTOR_BYTES // dtype.itemsize
        self.parameters = np.array(problem.loss.parameters, dtype)
        number = types.float32 if dtype == np.float32 else types.float64
        self.block = block_function(type(problem.loss), len(self.parameters), number)
        self.order = np.zeros(count, np.int64)
        self.W = np.zeros((count, n), dtype)
        self.Z, self.F = (np.zeros((count, m), dtype) for _ in range(2))
        self.Q = np.zeros((threads, count, self.rows), dtype)
        self.G = np.zeros((threads, count, n), dtype)
        self.sums = np.zeros((threads, count, 3))
        self.threads = threads

    def advance(self, batch: Batch, until: float, limits: Limits) -> None:
        """Descend to a given time, in place: see `prlib.descent.reference.advance`.

        Parameters
        ----------
        batch : Batch
            The descents.
        until : float
            Flow time.
        limits : Limits
            The step rule and the ends.
        """
        before = get_num_threads() if self.threads > 1 else 0
        if before:
            set_num_threads(min(self.threads, before))
        try:
            _advance(
                self.X, self.y, self.z, self.signal, batch.W, batch.records, until, limits.numbers,
                self.block, self.parameters, self.rows, self.lanes,
                float(np.finfo(self.X.dtype).eps), self.W, self.order, self.Z, self.F, self.Q,
                self.G, self.sums,
            )  # fmt: skip
        finally:
            if before:
                set_num_threads(before)
