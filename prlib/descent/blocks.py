r"""Small matrix products held in vector registers: fields, and their back-projection.

A compiler vectorises a plain loop over one row well, but not several rows against several
estimates at once, where each number that is loaded should be used as often as registers allow. So
these are written as explicit vector instructions, for one width and number type at a time:

- `fields_block`: :math:`Z_{cr} \mathrel{+}= \sum_i X_{ri} W_{ci}` for R rows and C estimates;
- `back_block`: :math:`G_{ci} \mathrel{+}= \sum_r Q_{cr} X_{ri}` for C estimates and U vectors of i;
- `fused_block`: both at once, on different rows.

Each returns an intrinsic for compiled code. All strides are counted in numbers, all vectors are
`lanes` numbers wide, and the `count` of numbers is a positive multiple of that.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from prlib.vectors import Emitter


@cache
def fields_block(rows: int, columns: int) -> Any:
    """Return ``(x, ldx, w, ldw, count, z, ldz)``; R C + R + C vectors should fit the registers."""

    @intrinsic
    def block(typing_context, x, ldx, w, ldw, count, z, ldz):  # noqa: ARG001
        def generate(context, builder, _signature, arguments):
            px, sx, pw, sw, n, pz, sz = arguments
            emit = Emitter(builder, x.dtype)
            xs = [emit.at(px, (r, sx)) for r in range(rows)]
            ws = [emit.at(pw, (c, sw)) for c in range(columns)]
            zero = ir.Constant(emit.vector, [0.0] * emit.lanes)

            def body(i: ir.Value, sums: list[ir.Value]) -> list[ir.Value]:
                loaded = [emit.load(builder.gep(p, [i])) for p in xs]
                out = []
                for c, p in enumerate(ws):
                    weights = emit.load(builder.gep(p, [i]))
                    out += [emit.fma(loaded[r], weights, sums[c * rows + r]) for r in range(rows)]
                return out

            sums = emit.loop(n, emit.lanes, [zero] * (rows * columns), body)
            emit.add_totals(sums, pz, sz, rows, columns)
            return context.get_dummy_value()

        size = types.int64
        return types.void(x, size, w, size, size, z, size), generate

    return block


@cache
def back_block(columns: int, vectors: int) -> Any:
    """Return ``(q, ldq, x, ldx, rows, g, ldg)``; C U + U + 1 vectors should fit the registers."""

    @intrinsic
    def block(typing_context, q, ldq, x, ldx, rows, g, ldg):  # noqa: ARG001
        def generate(context, builder, _signature, arguments):
            pq, sq, px, sx, count, pg, sg = arguments
            emit = Emitter(builder, x.dtype)
            targets = [
                emit.at(pg, (c, sg), (u, emit.lanes))
                for c in range(columns)
                for u in range(vectors)
            ]
            qs = [emit.at(pq, (c, sq)) for c in range(columns)]

            def body(r: ir.Value, sums: list[ir.Value]) -> list[ir.Value]:
                row = emit.at(px, (r, sx))
                places = [emit.at(row, (u, emit.lanes)) for u in range(vectors)]
                loaded = [emit.load(place) for place in places]
                out = []
                for c in range(columns):
                    weight = emit.broadcast(builder.gep(qs[c], [r]))
                    out += [
                        emit.fma(loaded[u], weight, sums[c * vectors + u]) for u in range(vectors)
                    ]
                return out

            sums = emit.loop(count, 1, [emit.load(t) for t in targets], body)
            for value, target in zip(sums, targets, strict=True):
                emit.store(value, target)
            return context.get_dummy_value()

        size = types.int64
        return types.void(q, size, x, size, size, g, size), generate

    return block


@cache
def fused_block(rows: int, columns: int) -> Any:
    """Return ``(x, ldx, w, ldw, count, z, ldz, q, ldq, old, g, ldg)``.

    It is `fields_block` on R new rows x together with the back-projection of R old ones, which are
    in the cache already: while the new rows come from memory, the old ones keep the arithmetic
    busy. 2 R C + 2 C + 1 vectors should fit the registers.
    """

    @intrinsic
    def block(typing_context, x, ldx, w, ldw, count, z, ldz, q, ldq, old, g, ldg):  # noqa: ARG001, PLR0917
        def generate(context, builder, _signature, arguments):
            px, sx, pw, sw, n, pz, sz, pq, sq, po, pg, sg = arguments
            emit = Emitter(builder, x.dtype)
            xs, olds = ([emit.at(p, (r, sx)) for r in range(rows)] for p in (px, po))
            ws = [emit.at(pw, (c, sw)) for c in range(columns)]
            gs = [emit.at(pg, (c, sg)) for c in range(columns)]
            qs = [
                [emit.broadcast(emit.at(pq, (c, sq), (r, 1))) for r in range(rows)]
                for c in range(columns)
            ]
            zero = ir.Constant(emit.vector, [0.0] * emit.lanes)

            def body(i: ir.Value, sums: list[ir.Value]) -> list[ir.Value]:
                out = list(sums)
                here = [builder.gep(p, [i]) for p in gs]
                weights = [emit.load(builder.gep(p, [i])) for p in ws]
                back = [emit.load(p) for p in here]
                for r in range(rows):
                    new = emit.load(builder.gep(xs[r], [i]))
                    known = emit.load(builder.gep(olds[r], [i]))
                    for c in range(columns):
                        k = c * rows + r
                        out[k] = emit.fma(new, weights[c], out[k])
                        back[c] = emit.fma(known, qs[c][r], back[c])
                for value, target in zip(back, here, strict=True):
                    emit.store(value, target)
                return out

            sums = emit.loop(n, emit.lanes, [zero] * (rows * columns), body)
            emit.add_totals(sums, pz, sz, rows, columns)
            return context.get_dummy_value()

        size = types.int64
        signature = types.void(x, size, w, size, size, z, size, q, size, old, g, size)
        return signature, generate

    return block
