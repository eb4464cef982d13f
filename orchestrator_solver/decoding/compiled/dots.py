"""Sums of products of a few rows with the weights of four outputs, as fast as memory or the processor allows.

Written in LLVM's own terms. They name no processor's instruction: what sums products of bytes in pairs (x86's
`vpdpwssd` or `vpmaddwd`, others' alike) is found by LLVM; numba alone would widen each factor to 32 bits before it
multiplies. And they fix the order of each sum, so that no row's depends on how many others there are.
"""

from collections.abc import Callable
from typing import Any

from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from ..linears import BLOCK

OUTPUTS, FACTORS = BLOCK
_BYTE, _SHORT, WHOLE, FLOAT = ir.IntType(8), ir.IntType(16), ir.IntType(32), ir.FloatType()
# Numbers in a register: with fewer registers, as processors without AVX-512 have, sums would be moved to memory.
LANES = 16 if binding.get_host_cpu_features().get("avx512f") else 8


class Floats:
    """Weights and rows of float32."""

    copied = False  # for our kernels alone, so that their weights can be in blocks
    size = LANES  # factors at once
    total = ir.VectorType(FLOAT, LANES)

    def weights(self, builder: Any, address: Any) -> Any:
        return loaded(builder, address, FLOAT, self.size)

    def others(self, builder: Any, address: Any) -> Any:
        return loaded(builder, address, FLOAT, self.size)

    def added(self, builder: Any, total: Any, weights: Any, others: Any) -> Any:
        kind = ir.FunctionType(self.total, [self.total] * 3)
        fused = cgutils.get_or_insert_function(builder.module, kind, f"llvm.fma.v{self.size}f32")
        return builder.call(fused, [weights, others, total])


class Halves(Floats):
    """Weights of bfloat16, which is the first half of float32."""

    copied = True

    def weights(self, builder: Any, address: Any) -> Any:
        whole = builder.zext(loaded(builder, address, _SHORT, self.size), ir.VectorType(WHOLE, self.size))
        return builder.bitcast(builder.shl(whole, ir.Constant(whole.type, [16] * self.size)), self.total)


class Bytes:
    """Weights of 8 bits and rows of 16, summed in 32."""

    copied = True
    size = FACTORS
    total = ir.VectorType(WHOLE, size // 2)

    def weights(self, builder: Any, address: Any) -> Any:
        return builder.sext(loaded(builder, address, _BYTE, self.size), ir.VectorType(WHOLE, self.size))

    def others(self, builder: Any, address: Any) -> Any:
        return builder.sext(loaded(builder, address, _SHORT, self.size), ir.VectorType(WHOLE, self.size))

    def added(self, builder: Any, total: Any, weights: Any, others: Any) -> Any:
        """Sums of neighbours are in the form in which LLVM knows them for what one instruction does."""
        products = builder.mul(weights, others)
        return builder.add(total, builder.add(*(_picked(builder, products, range(k, self.size, 2)) for k in (0, 1))))


_KINDS: dict[Any, Floats | Bytes] = {types.float32: Floats(), types.uint16: Halves(), types.int8: Bytes()}


def _of_rows(count: int) -> Callable[..., Any]:
    """What sums for so many rows at once."""

    @intrinsic
    def dots(typing: Any, weights: Any, output: Any, x: Any, row: Any, apart: Any, sums: Any) -> Any:
        """Write the sums `[count, OUTPUTS]` of rows times weights.

        Args:
            typing: numba's.
            weights: `[outputs, in]` of float32, bfloat16 as uint16, or bytes, the latter two in `BLOCK`s unless it is
                one row: keys are not.
            output: the first of `OUTPUTS`.
            x: `[R, in]` of float32; for bytes whole numbers of 16 bits.
            row: the first.
            apart: how many rows the next one is from each: 0 for the same again.
            sums: float32.
        """
        kind = _KINDS[weights.dtype]

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            weights, x, sums = (context.make_array(signature.args[k])(context, builder, args[k]) for k in (0, 2, 5))
            size = cgutils.unpack_tuple(builder, weights.shape, 2)[1]

            def at(array: Any, row: Any) -> Any:
                return builder.gep(array.data, [builder.mul(row, size)])

            ours = [at(weights, builder.add(args[1], size.type(k))) for k in range(OUTPUTS)]
            rows = [at(x, builder.add(args[3], builder.mul(args[4], size.type(k)))) for k in range(count)]
            in_blocks = count > 1 and kind.copied
            for r, found in enumerate(_summed(builder, kind, ours, in_blocks, rows, size)):
                place = builder.gep(sums.data, [size.type(r * OUTPUTS)])
                builder.store(found, builder.bitcast(place, found.type.as_pointer()), align=4)
            return context.get_dummy_value()

        return types.void(weights, types.intp, x, types.intp, types.intp, sums), generate

    return dots


of_one_row, of_two_rows, of_four_rows = _of_rows(1), _of_rows(2), _of_rows(4)


def _summed(builder: Any, kind: Any, ours: list[Any], in_blocks: bool, rows: list[Any], size: Any) -> list[Any]:
    """For each row a vector of float32, a number for each of our outputs."""
    zeros, step = ir.Constant(kind.total, None), FACTORS if in_blocks else kind.size
    totals = [[cgutils.alloca_once_value(builder, zeros) for _ in ours] for _ in rows]
    with cgutils.for_range(builder, builder.udiv(size, size.type(step))) as loop:
        place = builder.mul(loop.index, size.type(step))
        begins = [builder.gep(one, [place]) for one in ours]
        if in_blocks:
            block = builder.gep(ours[0], [builder.mul(place, size.type(OUTPUTS))])
            begins = [builder.gep(block, [size.type(k * FACTORS)]) for k in range(OUTPUTS)]
        for at in range(0, step, kind.size):
            weights = [kind.weights(builder, builder.gep(begin, [size.type(at)])) for begin in begins]
            for mine, row in zip(totals, rows, strict=True):
                others = kind.others(builder, builder.gep(row, [builder.add(place, size.type(at))]))
                for total, factors in zip(mine, weights, strict=True):
                    builder.store(kind.added(builder, builder.load(total), factors, others), total)
    return [_folded(builder, [builder.load(total) for total in mine]) for mine in totals]


def _folded(builder: Any, vectors: list[Any]) -> Any:
    """The sums of each of 1, 2, 4 ... vectors, side by side, in float32."""
    add = builder.fadd if vectors[0].type.element == FLOAT else builder.add
    lanes, width, count = vectors[0].type.count, 1, len(vectors)
    while len(vectors) > 1:  # neighbours in each are added, and two of them interleaved
        first = [
            k
            for begin in range(0, lanes, 2 * width)
            for at in (0, lanes)
            for k in range(begin + at, begin + at + width)
        ]
        second = [k + width for k in first]
        vectors = [
            add(*(_picked(builder, one, lane, other) for lane in (first, second)))
            for one, other in zip(vectors[::2], vectors[1::2], strict=True)
        ]  # fmt: skip
        width *= 2
    (left,) = vectors
    while lanes > count:
        lanes //= 2
        left = add(*(_picked(builder, left, range(begin, begin + lanes)) for begin in (0, lanes)))
    return left if left.type.element == FLOAT else builder.sitofp(left, ir.VectorType(FLOAT, count))


def _picked(builder: Any, vector: Any, lanes: Any, other: Any = None) -> Any:
    """Some of a vector's numbers, or of two after one another."""
    other = ir.Constant(vector.type, ir.Undefined) if other is None else other
    return builder.shuffle_vector(vector, other, ir.Constant(ir.VectorType(WHOLE, len(lanes)), list(lanes)))


def loaded(builder: Any, address: Any, kind: ir.Type, size: int) -> Any:
    """So many numbers from an address on, wherever it is."""
    loaded = builder.load(builder.bitcast(address, ir.VectorType(kind, size).as_pointer()))
    loaded.align = 1
    return loaded
