"""One pass over X: the fields of several estimates, their residuals, and the gradients.

A block of rows is multiplied with all estimates, turned into residuals, and multiplied back while
it is still in the cache, so X is read from memory once a step.

Nothing here is cached on disk by itself: the kernel that calls it is, with all of it inlined by
force. Otherwise the process that compiles and those that read its cache may bind a call to
different copies, whose sums round differently; and a kernel that was compiled around a function
from the cache does not know that the function needs Numba's threads.
"""

from __future__ import annotations

from collections.abc import Callable

from numba import njit, prange

from prlib.descent.blocks import back_block, fields_block, fused_block
from prlib.vectors import place

CHUNK = 1024
"""Numbers of a row multiplied at a time: six estimates of that length stay in the first level."""

# Everything but the assumption that no number is infinite or NaN: a descent may diverge.
MATH = {"reassoc", "contract", "arcp", "nsz", "afn"}

_fused_4x3, _fused_4x2, _fused_8x1 = fused_block(4, 3), fused_block(4, 2), fused_block(8, 1)
_back_6, _back_3, _back_2, _back_1 = (back_block(columns, 4) for columns in (6, 3, 2, 1))


def _fields_of(rows: int, columns: int) -> Callable:
    """Fields of C estimates on a chunk of the rows [row, end), R rows at a time."""
    many, one = fields_block(rows, columns), fields_block(1, columns)

    @njit(forceinline=True, error_model="numpy")
    def fields(X, W, c, row, end, start, count, Z):
        n, m, r = X.shape[1], Z.shape[1], row
        w = place(W, c * n + start)
        while r + rows <= end:
            many(place(X, r * n + start), n, w, n, count, place(Z, c * m + r), m)
            r += rows
        while r < end:
            one(place(X, r * n + start), n, w, n, count, place(Z, c * m + r), m)
            r += 1

    return fields


_fields_6, _fields_3, _fields_2, _fields_1 = (
    _fields_of(rows, columns) for rows, columns in ((4, 6), (4, 3), (4, 2), (8, 1))
)


@njit(inline="always", error_model="numpy")
def fields(X, W, B, row, end, aligned, Z):
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


@njit(inline="always", error_model="numpy")
def back(X, Q, B, row, end, whole, width, G):
    """Add the product of residuals Q (B, R) with rows [row, end) of X to G (B, N)."""
    n, size, rows = X.shape[1], Q.shape[1], end - row
    c = 0
    while c < B:
        left = B - c
        for i in range(0, whole, width):
            q, x, g = place(Q, c * size), place(X, row * n + i), place(G, c * n + i)
            if left >= 6:
                _back_6(q, size, x, n, rows, g, n)
            elif left >= 3:
                _back_3(q, size, x, n, rows, g, n)
            elif left == 2:
                _back_2(q, size, x, n, rows, g, n)
            else:
                _back_1(q, size, x, n, rows, g, n)
        c += 6 if left >= 6 else 3 if left >= 3 else 2 if left == 2 else 1


@njit(inline="always", error_model="numpy")
def _fused(X, W, B, row, rows, aligned, Z, Q, G):
    """Fields of a block of rows, together with the back-projection of the block before it."""
    n, m, size = X.shape[1], Z.shape[1], Q.shape[1]
    w, g = place(W, 0), place(G, 0)
    for j in range(0, rows, 8 if B == 1 else 4):
        x, old = place(X, (row + j) * n), place(X, (row + j - rows) * n)
        z, q = place(Z, row + j), place(Q, j)
        if B == 3:
            _fused_4x3(x, n, w, n, aligned, z, m, q, size, old, g, n)
        elif B == 2:
            _fused_4x2(x, n, w, n, aligned, z, m, q, size, old, g, n)
        else:
            _fused_8x1(x, n, w, n, aligned, z, m, q, size, old, g, n)


@njit(forceinline=True, fastmath=MATH, error_model="numpy")
def _tail_fields(X, W, B, row, end, aligned, Z):
    """Begin Z with the columns that do not fill a vector."""
    for b in range(B):
        for r in range(row, end):
            s = X.dtype.type(0)
            for i in range(aligned, X.shape[1]):
                s += X[r, i] * W[b, i]
            Z[b, r] = s


@njit(forceinline=True, fastmath=MATH, error_model="numpy")
def _tail_back(X, Q, B, row, end, done, G):
    """Back-project the columns that do not fill the vectors of a block of registers."""
    for b in range(B):
        for r in range(row, end):
            q = Q[b, r - row]
            for i in range(done, X.shape[1]):
                G[b, i] += q * X[r, i]


@njit(forceinline=True, error_model="numpy", nogil=True)
def one_pass(  # noqa: PLR0917
    X, y, W, B, first, last, rows, lanes, block, parameters, masks, Z, F, Q, G, sums
):
    """Fields, residuals, curvatures and gradients of B descents over rows [first, last).

    Where there are masks, they multiply the residuals in the gradients alone.
    """
    n = X.shape[1]
    aligned = n - n % lanes
    whole = n - n % (4 * lanes)
    # Up to three descents wait for memory: their back-projection runs one block of rows late,
    # beside the fields of the next. With more, arithmetic takes the time: see `blocks`.
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
                back(X, Q, B, row - rows, row, whole, 4 * lanes, G)
                _tail_back(X, Q, B, row - rows, row, whole, G)
            fields(X, W, B, row, end, aligned, Z)
        for b in range(B):
            block(y[row:end], Z[b, row:end], parameters, Q[b, : end - row], F[b, row:end], sums[b])
            if masks.shape[1] > 0:
                for r in range(end - row):
                    Q[b, r] *= masks[b, row + r]
        if not late or end == last:
            back(X, Q, B, row, end, whole, 4 * lanes, G)
            _tail_back(X, Q, B, row, end, whole, G)


@njit(parallel=True, fastmath=MATH, error_model="numpy")
def one_pass_in_threads(  # noqa: PLR0917
    X, y, W, B, rows, lanes, block, parameters, masks, Z, F, Q, G, sums
):
    """Share `one_pass` among as many threads as G and the sums have places for."""
    threads = G.shape[0]
    m = X.shape[0]
    share = (m // threads // 8 + 1) * 8
    for t in prange(threads):
        first, last = min(m, t * share), min(m, (t + 1) * share)
        one_pass(
            X, y, W, B, first, last, rows, lanes, block, parameters, masks, Z, F, Q[t], G[t],
            sums[t],
        )  # fmt: skip
