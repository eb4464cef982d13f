"""Sums of bytes times whole numbers of 16 bits, as fast as memory gives the bytes.

Written in LLVM's own terms, because numba widens each factor to 32 bits before it multiplies. They name no processor's
instruction: what sums products in pairs (x86's `vpdpwssd` or `vpmaddwd`, others' alike) is found by LLVM.

numba keeps what it compiled for as long as `kernels.py` does not change: after a change here, empty `__pycache__`.
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

AT_ONCE = 64  # factors: sizes are multiples of it
_BYTE, _SHORT, _WHOLE = ir.IntType(8), ir.IntType(16), ir.IntType(32)


@intrinsic
def byte_dots(typing: Any, weights: Any, first: Any, second: Any, size: Any) -> Any:
    """Sums over `weights[j] * first[j]` and `weights[j] * second[j]`, in 32 bits.

    Args:
        typing: numba's.
        weights: address of `size` bytes.
        first: address of `size` whole numbers of 16 bits.
        second: of others.
        size: a multiple of `AT_ONCE`.
    """
    return types.UniTuple(types.int32, 2)(types.intp, types.intp, types.intp, types.intp), _loop


def _loop(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    weights, first, second, size = args
    zeros = ir.Constant(_vector(_WHOLE, AT_ONCE // 2), [0] * (AT_ONCE // 2))
    sums = [cgutils.alloca_once_value(builder, zeros) for _ in range(2)]
    step = ir.Constant(size.type, AT_ONCE)
    with cgutils.for_range(builder, builder.udiv(size, step)) as loop:
        place = builder.mul(loop.index, step)
        factors = _loaded(builder, weights, place, _BYTE)
        for total, others in zip(sums, (first, second), strict=True):
            products = builder.mul(factors, _loaded(builder, others, place, _SHORT))
            builder.store(builder.add(builder.load(total), _in_pairs(builder, products)), total)
    return context.make_tuple(builder, signature.return_type, [_summed(builder, builder.load(one)) for one in sums])


def _vector(kind: ir.Type, size: int = AT_ONCE) -> ir.VectorType:
    return ir.VectorType(kind, size)


@intrinsic
def fetch(typing: Any, address: Any) -> Any:
    """Have what is at an address read from memory, without waiting for it; the address may be anywhere."""
    return types.void(types.intp), _fetch


def _fetch(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    kind = ir.FunctionType(ir.VoidType(), [ir.PointerType(_BYTE), _WHOLE, _WHOLE, _WHOLE])
    prefetch = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
    to_read, near, data = (ir.Constant(_WHOLE, value) for value in (0, 2, 1))
    builder.call(prefetch, [builder.inttoptr(args[0], ir.PointerType(_BYTE)), to_read, near, data])
    return context.get_dummy_value()


def _loaded(builder: Any, base: Any, place: Any, kind: ir.IntType) -> Any:
    """The `AT_ONCE` numbers from a place on, in 32 bits."""
    offset = builder.mul(place, ir.Constant(place.type, kind.width // 8))
    loaded = builder.load(builder.inttoptr(builder.add(base, offset), _vector(kind).as_pointer()))
    loaded.align = kind.width // 8
    return builder.sext(loaded, _vector(_WHOLE))


def _in_pairs(builder: Any, products: Any) -> Any:
    """Sums of neighbours, in the form in which LLVM knows them for what one instruction does."""
    nothing = ir.Constant(products.type, ir.Undefined)
    halves = [ir.Constant(_vector(_WHOLE, AT_ONCE // 2), list(range(begin, AT_ONCE, 2))) for begin in (0, 1)]
    return builder.add(*(builder.shuffle_vector(products, nothing, half) for half in halves))


def _summed(builder: Any, vector: Any) -> Any:
    name = f"llvm.vector.reduce.add.v{vector.type.count}i32"
    reduce = cgutils.get_or_insert_function(builder.module, ir.FunctionType(_WHOLE, [vector.type]), name)
    return builder.call(reduce, [vector])
