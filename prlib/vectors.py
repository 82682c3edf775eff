"""Explicit vector instructions for compiled code: what a compiler does not find in a plain loop."""

from __future__ import annotations

from collections.abc import Callable

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

VECTOR_BYTES = 64
"""Width of a vector. Where the processor's is narrower, the compiler splits it."""


def lanes(bits: int) -> int:
    """Return how many numbers of 32 or 64 bits a vector holds."""
    return VECTOR_BYTES * 8 // bits


class Emitter:
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
        """Return a whole number."""
        return ir.Constant(self.index, value)

    def at(self, pointer: ir.Value, *terms: tuple[ir.Value | int, ir.Value | int]) -> ir.Value:
        """Return the pointer plus a sum of products."""
        for a, b in terms:
            left = a if isinstance(a, ir.Value) else self.const(a)
            right = b if isinstance(b, ir.Value) else self.const(b)
            pointer = self.builder.gep(pointer, [self.builder.mul(left, right)])
        return pointer

    def load(self, pointer: ir.Value) -> ir.Value:
        """Load a vector."""
        return self.builder.load(
            self.builder.bitcast(pointer, self.vector.as_pointer()), align=self.bytes
        )

    def store(self, value: ir.Value, pointer: ir.Value) -> None:
        """Store a vector."""
        self.builder.store(
            value, self.builder.bitcast(pointer, self.vector.as_pointer()), align=self.bytes
        )

    def broadcast(self, pointer: ir.Value) -> ir.Value:
        """Load one number into every place of a vector."""
        one = self.builder.insert_element(
            ir.Constant(self.vector, ir.Undefined),
            self.builder.load(pointer, align=self.bytes),
            ir.Constant(ir.IntType(32), 0),
        )
        zeros = ir.Constant(ir.VectorType(ir.IntType(32), self.lanes), None)
        return self.builder.shuffle_vector(one, ir.Constant(self.vector, ir.Undefined), zeros)

    def fma(self, a: ir.Value, b: ir.Value, c: ir.Value) -> ir.Value:
        """Return ``a b + c``, rounded once."""
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


@intrinsic
def place(typing_context, array, offset):  # noqa: ARG001
    """Address of a number in a contiguous array, counted from its first."""

    def generate(context, builder, signature, arguments):
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        return builder.gep(data, [arguments[1]])

    return types.CPointer(array.dtype)(array, types.int64), generate
