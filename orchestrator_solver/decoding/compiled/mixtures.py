"""Sums of rows by their shares, the rows being float32, bfloat16 or bytes; in LLVM's terms for the reasons of `dots`.

Each row is read once, and what is summed stays in registers.
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .dots import FLOAT, LANES, WHOLE, Floats, Halves, loaded

WIDTH = 2 * LANES  # numbers of a row that are summed at once: rows are multiples of it
ROWS = 4  # at once
_BYTE, _VECTOR = ir.IntType(8), ir.VectorType(FLOAT, LANES)


@intrinsic
def mix(typing: Any, shares: Any, rows: Any, out: Any) -> Any:
    """Set `out` `[d]` to the sum of rows `[T, d]` by shares `[T']`.

    Args:
        typing: numba's.
        shares: float32, of the first rows; a multiple of `ROWS` of them.
        rows: float32, bfloat16 as uint16, or bytes.
        out: float32, a multiple of `WIDTH`.
    """

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        arrays = [
            context.make_array(kind)(context, builder, arg) for kind, arg in zip(signature.args, args, strict=True)
        ]
        shares, rows, out = (array.data for array in arrays)
        (count,), (size,) = (cgutils.unpack_tuple(builder, arrays[k].shape, 1) for k in (0, 2))
        one = size.type
        with cgutils.for_range(builder, builder.udiv(size, one(WIDTH))) as part:
            begin = builder.mul(part.index, one(WIDTH))
            totals = [cgutils.alloca_once_value(builder, ir.Constant(_VECTOR, None)) for _ in range(4)]
            with cgutils.for_range(builder, builder.udiv(count, one(ROWS))) as block:
                first = builder.mul(block.index, one(ROWS))
                for k in range(ROWS):
                    row = builder.add(first, one(k))
                    share = _everywhere(builder, builder.load(builder.gep(shares, [row])))
                    place = builder.add(builder.mul(row, size), begin)
                    for half in range(2):
                        numbers = _floats(builder, rows, builder.add(place, one(half * LANES)), signature.args[1].dtype)
                        total = totals[2 * (k % 2) + half]
                        builder.store(Floats().added(builder, builder.load(total), numbers, share), total)
            for half in range(2):
                total = builder.fadd(*(builder.load(totals[2 * k + half]) for k in range(2)))
                place = builder.gep(out, [builder.add(begin, one(half * LANES))])
                builder.store(total, builder.bitcast(place, _VECTOR.as_pointer()), align=4)
        return context.get_dummy_value()

    return types.void(shares, rows, out), generate


def _floats(builder: Any, rows: Any, place: Any, kind: Any) -> Any:
    address = builder.gep(rows, [place])
    if kind == types.int8:
        return builder.sitofp(loaded(builder, address, _BYTE, LANES), _VECTOR)
    return (Halves() if kind == types.uint16 else Floats()).weights(builder, address)


def _everywhere(builder: Any, value: Any) -> Any:
    """A vector of one number."""
    nothing = ir.Constant(_VECTOR, ir.Undefined)
    alone = builder.insert_element(nothing, value, ir.Constant(WHOLE, 0))
    return builder.shuffle_vector(alone, nothing, ir.Constant(ir.VectorType(WHOLE, LANES), [0] * LANES))
