r"""Two fast Walsh-Hadamard transforms with random signs between them, compiled.

A transform of length L is an array of rows, one tile each: across the numbers of a tile, which is
in the cache, and across the rows, a few columns at a time. The two commute, so that
:math:`H D H` needs three passes over the array: tiles, columns (with the signs D between the end of
one transform and the beginning of the other), tiles. What goes in is scattered into a tile just
before its pass, and what comes out is gathered just after it. Tiles and columns are independent and
their sums have one order, so nothing depends on the number of threads.

As in `prlib.descent.products`, nothing here is cached on disk by itself.

References
----------
B. J. Fino & V. R. Algazi, IEEE Trans. Comput. C-25, 1142 (1976).
"""

from __future__ import annotations

import sys
import threading
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import njit, prange, types
from numba.extending import intrinsic
from numpy.typing import NDArray

from prlib import vectors
from prlib.compiled import Threads, compiled, digest_of_sources
from prlib.vectors import VECTOR_BYTES, Emitter, place

SMALLEST = 128
"""Least length of a transform: eight vectors of single precision."""

_TILE_BYTES = 32 * 1024
"""Most bytes of a tile: it is in the first-level cache while its numbers are combined."""

_COLUMN_BYTES = 64 * 1024
"""Most bytes of the columns that are combined at a time, where a vector of each row is not more."""

_PAD_BYTES = 64
"""Bytes between rows: were they a power of two apart, a column would fill a few places of the cache
only."""


class Side(NamedTuple):
    """Where numbers go into the transform, or come out of it: by blocks, rising places in each.

    Attributes
    ----------
    places : ndarray of int32
        Places in the transform.
    order : ndarray of int32
        Which number is at each place.
    signs : ndarray of int8
        Its sign.
    starts : ndarray of int64, shape (blocks, rows + 1)
        Where in `places` those of each tile begin, and where the last end.
    """

    places: NDArray[np.int32]
    order: NDArray[np.int32]
    signs: NDArray[np.int8]
    starts: NDArray[np.int64]


def side(
    places: list[NDArray],
    numbers: list[NDArray],
    signs: list[NDArray],
    length: int,
    dtype: np.dtype,
) -> Side:
    """Return the side with given numbers at given places, a list of each for every block."""
    ends = np.arange(0, length + 1, tile_of(length, dtype))
    order = [np.argsort(p) for p in places]
    rising = [p[o] for p, o in zip(places, order, strict=True)]
    first = np.cumsum([0, *map(len, places)])
    starts = [np.searchsorted(p, ends) + at for p, at in zip(rising, first, strict=False)]
    sorted_, signed = (
        np.concatenate([values[o] for values, o in zip(found, order, strict=True)])
        for found in (numbers, signs)
    )
    return Side(
        np.concatenate(rising).astype(np.int32), sorted_.astype(np.int32), signed, np.array(starts)
    )


def tile_of(length: int, dtype: np.dtype) -> int:
    """Return how many numbers a tile holds."""
    return min(length, _TILE_BYTES // dtype.itemsize)


_kept = threading.local()


def workspace(length: int, dtype: np.dtype) -> NDArray:
    """Return this thread's array for transforms of a length, with rows a pad apart."""
    tile = tile_of(length, dtype)
    shape = (length // tile, tile + _PAD_BYTES // dtype.itemsize)
    found = getattr(_kept, "array", None)
    if found is None or found.shape != shape or found.dtype != dtype:
        found = _kept.array = np.empty(shape, dtype)
    return found


@cache
def _butterflies(radix: int, *, within: bool) -> Any:
    """Return ``(x, step, count)``: transforms across R numbers, `step` apart, for each of `count`.

    With `within` the numbers of each vector are transformed among themselves before.
    """

    @intrinsic
    def block(typing_context, x, step, count):  # noqa: ARG001
        def generate(context, builder, _signature, arguments):
            px, apart, n = arguments
            emit = Emitter(builder, x.dtype)
            streams = [emit.at(px, (k, apart)) for k in range(radix)]

            def body(i: ir.Value, _: list[ir.Value]) -> list[ir.Value]:
                here = [builder.gep(p, [i]) for p in streams]
                values = [emit.load(p) for p in here]
                if within:
                    values = [_within(emit, value) for value in values]
                h = 1
                while h < radix:
                    for k in range(radix):
                        if not k & h:
                            a, b = values[k], values[k + h]
                            values[k], values[k + h] = builder.fadd(a, b), builder.fsub(a, b)
                    h *= 2
                for value, target in zip(values, here, strict=True):
                    emit.store(value, target)
                return []

            emit.loop(n, emit.lanes, [], body)
            return context.get_dummy_value()

        return types.void(x, types.int64, types.int64), generate

    return block


def _within(emit: Emitter, value: ir.Value) -> ir.Value:
    h = 1
    while h < emit.lanes:
        mask = ir.Constant(
            ir.VectorType(ir.IntType(32), emit.lanes), [i ^ h for i in range(emit.lanes)]
        )
        other = emit.builder.shuffle_vector(value, ir.Constant(emit.vector, ir.Undefined), mask)
        signs = ir.Constant(emit.vector, [-1.0 if i & h else 1.0 for i in range(emit.lanes)])
        value = emit.fma(value, signs, other)  # a sign is exact: it rounds once, as a sum does
        h *= 2
    return value


_first_8 = _butterflies(8, within=True)
_by_8, _by_4, _by_2 = (_butterflies(radix, within=False) for radix in (8, 4, 2))


@njit(forceinline=True, error_model="numpy")
def _across(x, at, h, rows, apart, width):
    """Transform across rows that begin `apart`, the first h of them done: `width` numbers each."""
    while h < rows:
        radix = min(8, rows // h)
        # Rows without a gap are one.
        lines, run = (1, h * width) if apart == width else (h, width)
        for first in range(0, rows, radix * h):
            for line in range(first, first + lines):
                p = place(x, at + line * apart)
                if radix == 8:
                    _by_8(p, h * apart, run)
                elif radix == 4:
                    _by_4(p, h * apart, run)
                else:
                    _by_2(p, h * apart, run)
        h *= radix


@njit(forceinline=True, error_model="numpy")
def _transform_tile(x, at, tile, lanes):
    for first in range(at, at + tile, 8 * lanes):
        _first_8(place(x, first), lanes, lanes)
    _across(x, at, 8, tile // lanes, lanes, lanes)


@njit(forceinline=True, error_model="numpy")
def _put_in(t, work, tile, lanes, b, places, order, signs, starts, source, scale):
    row = work[t]
    for j in range(tile):
        row[j] = 0
    for k in range(starts[b, t], starts[b, t + 1]):
        row[places[k] - t * tile] = scale * signs[k] * source[order[k]]
    _transform_tile(work, t * work.shape[1], tile, lanes)


@njit(forceinline=True, error_model="numpy")
def _mix(column, width, work, tile, flips, b):
    rows, pitch = work.shape
    _across(work, column, 1, rows, pitch, width)
    for r in range(rows):
        row, flip = work[r, column : column + width], flips[b, r * tile + column :]
        for j in range(width):
            row[j] *= flip[j]
    _across(work, column, 1, rows, pitch, width)


@njit(forceinline=True, error_model="numpy")
def _take_out(t, work, tile, lanes, b, places, order, signs, starts, target):
    _transform_tile(work, t * work.shape[1], tile, lanes)
    row = work[t]
    for k in range(starts[b, t], starts[b, t + 1]):
        target[order[k]] += signs[k] * row[places[k] - t * tile]


def _product(  # noqa: PLR0917 - compiled threads take arrays, not tuples of them
    work, tile, width, lanes, flips, scale,
    places, order, signs, starts, source, out_places, out_order, out_signs, out_starts, target,
):  # fmt: skip
    """Add the product of all blocks with a vector to a target."""
    for b in range(flips.shape[0]):
        for t in prange(work.shape[0]):
            _put_in(t, work, tile, lanes, b, places, order, signs, starts, source, scale)
        for c in prange(tile // width):
            _mix(c * width, width, work, tile, flips, b)
        for t in prange(work.shape[0]):
            _take_out(t, work, tile, lanes, b, out_places, out_order, out_signs, out_starts, target)


_alone = njit(forceinline=True, error_model="numpy")(_product)
_shared = njit(parallel=True, error_model="numpy")(_product)


@njit(forceinline=True, error_model="numpy")
def product(mixing, source, target, work):
    """Set a target to the product of all blocks with a vector, or of their adjoint."""
    inputs, outputs, flips, scale, tile, width, lanes = mixing
    places, order, signs, starts = inputs
    out_places, out_order, out_signs, out_starts = outputs
    target[:] = 0
    _alone(
        work, tile, width, lanes, flips, scale, places, order, signs, starts, source,
        out_places, out_order, out_signs, out_starts, target,
    )  # fmt: skip


@njit(forceinline=True, error_model="numpy")
def product_in_threads(mixing, source, target, work):
    """Share `product` among Numba's threads."""
    inputs, outputs, flips, scale, tile, width, lanes = mixing
    places, order, signs, starts = inputs
    out_places, out_order, out_signs, out_starts = outputs
    target[:] = 0
    _shared(
        work, tile, width, lanes, flips, scale, places, order, signs, starts, source,
        out_places, out_order, out_signs, out_starts, target,
    )  # fmt: skip


class Mixing(NamedTuple):
    """A product with blocks of transforms, for compiled code: see `mixing`."""

    inputs: Side
    outputs: Side
    flips: NDArray[np.int8]
    scale: np.floating
    tile: int
    width: int
    lanes: int


def mixing(
    inputs: Side, outputs: Side, flips: NDArray[np.int8], scale: float, dtype: np.dtype
) -> Mixing:
    """Gather what a product with blocks of transforms needs.

    Parameters
    ----------
    inputs, outputs : Side
        Where the vector goes in, and where the product comes out; exchanged, it is the adjoint.
    flips : ndarray of int8, shape (blocks, L)
        Signs between the two transforms of each block.
    scale : float
        What the transforms, sums without a factor, are multiplied by.
    dtype : dtype
        Precision.
    """
    length = flips.shape[1]
    tile, lanes = tile_of(length, dtype), VECTOR_BYTES // dtype.itemsize
    rows = length // tile
    width = min(tile, max(lanes, _COLUMN_BYTES // (rows * dtype.itemsize)))
    return Mixing(inputs, outputs, flips, dtype.type(scale), tile, width, lanes)


def _products(mixing, sources, targets, work):
    """Products with each row of the sources."""
    for k in range(len(sources)):
        _one(mixing, sources[k], targets[k], work)


_one = None
_SOURCES = digest_of_sources(vectors, sys.modules[__name__])


def products(mixing: Mixing, sources: NDArray, targets: NDArray, threads: int) -> None:
    """Set rows of targets, shape (k, M), to the products with rows of sources, shape (k, N)."""
    arguments = (mixing, sources, targets, workspace(mixing.flips.shape[1], sources.dtype))
    with Threads.of(threads):
        one = product if threads == 1 else product_in_threads
        compiled(_products, arguments, _SOURCES, _one=one, nogil=True, error_model="numpy")(
            *arguments
        )
