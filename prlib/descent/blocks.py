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

from collections.abc import Callable
from functools import cache
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

VECTOR_BYTES = 64
"""Width of a vector. Where the processor's is narrower, the compiler splits it."""


def lanes(bits: int) -> int:
    """Return how many numbers of 32 or 64 bits a vector holds."""
    return VECTOR_BYTES * 8 // bits


class _Emitter:
    """Shorthand for vector instructions on one number type."""

    def __init__(self, builder: ir.IRBuilder, number: types.Float) -> None:
        self.builder = builder
        self.scalar = ir.FloatType() if number.bitwidth == 32 else ir.DoubleType()
        self.bytes = number.bitwidth // 8
        self.lanes = lanes(number.bitwidth)
        self.vector = ir.VectorType(self.scalar, self.lanes)
        self.suffix = f"v{self.lanes}f{number.bitwidth}"
        self.index = ir.IntType(64)

    def const(self, value: int) -> ir.Constant:
        return ir.Constant(self.index, value)

    def at(self, pointer: ir.Value, *terms: tuple[ir.Value | int, ir.Value | int]) -> ir.Value:
        """Return the pointer plus a sum of products."""
        for a, b in terms:
            left = a if isinstance(a, ir.Value) else self.const(a)
            right = b if isinstance(b, ir.Value) else self.const(b)
            pointer = self.builder.gep(pointer, [self.builder.mul(left, right)])
        return pointer

    def load(self, pointer: ir.Value) -> ir.Value:
        return self.builder.load(
            self.builder.bitcast(pointer, self.vector.as_pointer()), align=self.bytes
        )

    def store(self, value: ir.Value, pointer: ir.Value) -> None:
        self.builder.store(
            value, self.builder.bitcast(pointer, self.vector.as_pointer()), align=self.bytes
        )

    def broadcast(self, pointer: ir.Value) -> ir.Value:
        one = self.builder.insert_element(
            ir.Constant(self.vector, ir.Undefined),
            self.builder.load(pointer, align=self.bytes),
            ir.Constant(ir.IntType(32), 0),
        )
        zeros = ir.Constant(ir.VectorType(ir.IntType(32), self.lanes), None)
        return self.builder.shuffle_vector(one, ir.Constant(self.vector, ir.Undefined), zeros)

    def fma(self, a: ir.Value, b: ir.Value, c: ir.Value) -> ir.Value:
        return self._call(f"llvm.fma.{self.suffix}", self.vector, [a, b, c])

    def total(self, value: ir.Value) -> ir.Value:
        """Sum of a vector, by halves: the compiler keeps the order of a plain sum."""
        half = self.lanes
        undefined = ir.Constant(self.vector, ir.Undefined)
        while half > 1:
            half //= 2
            mask = [half + i if i < half else 0 for i in range(self.lanes)]
            mask = ir.Constant(ir.VectorType(ir.IntType(32), self.lanes), mask)
            value = self.builder.fadd(value, self.builder.shuffle_vector(value, undefined, mask))
        return self.builder.extract_element(value, ir.Constant(ir.IntType(32), 0))

    def add_totals(
        self, sums: list[ir.Value], z: ir.Value, ldz: ir.Value, rows: int, columns: int
    ) -> None:
        """Add the total of each sum to its place in Z."""
        for c in range(columns):
            for r in range(rows):
                target = self.at(z, (c, ldz), (r, 1))
                value = self.builder.fadd(self.builder.load(target), self.total(sums[c * rows + r]))
                self.builder.store(value, target)

    def _call(self, name: str, result: ir.Type, arguments: list[ir.Value]) -> ir.Value:
        kind = ir.FunctionType(result, [a.type for a in arguments])
        function = self.builder.module.globals.get(name) or ir.Function(
            self.builder.module, kind, name
        )
        return self.builder.call(function, arguments)

    def loop(
        self,
        count: ir.Value,
        stride: int,
        carried: list[ir.Value],
        body: Callable[[ir.Value, list[ir.Value]], list[ir.Value]],
    ) -> list[ir.Value]:
        """Carry values through ``for i in range(0, count, stride)``; count is at least one."""
        before = self.builder.block
        block = self.builder.append_basic_block("block")
        after = self.builder.append_basic_block("done")
        self.builder.branch(block)
        self.builder.position_at_end(block)
        i = self.builder.phi(self.index)
        phis = [self.builder.phi(value.type) for value in carried]
        results = body(i, phis)
        i_next = self.builder.add(i, self.const(stride))
        more = self.builder.icmp_signed("<", i_next, count)
        end = self.builder.block
        self.builder.cbranch(more, block, after)
        i.add_incoming(self.const(0), before)
        i.add_incoming(i_next, end)
        for phi, first, result in zip(phis, carried, results, strict=True):
            phi.add_incoming(first, before)
            phi.add_incoming(result, end)
        self.builder.position_at_end(after)
        return results


@cache
def fields_block(rows: int, columns: int) -> Any:
    """Return ``(x, ldx, w, ldw, count, z, ldz)``; R C + R + C vectors should fit the registers."""

    @intrinsic
    def block(typing_context, x, ldx, w, ldw, count, z, ldz):  # noqa: ARG001
        def generate(context, builder, _signature, arguments):
            px, sx, pw, sw, n, pz, sz = arguments
            emit = _Emitter(builder, x.dtype)
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
            emit = _Emitter(builder, x.dtype)
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
            emit = _Emitter(builder, x.dtype)
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
