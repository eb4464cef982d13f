"""Memory by its address, in what numba compiles."""

from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .precisions import compiled

_LINE = 64  # bytes that memory gives at once
_AHEAD = 4096  # bytes
_BYTE, _WHOLE = ir.IntType(8), ir.IntType(32)


@intrinsic
def pointer(typing: Any, address: Any) -> Any:
    """What `numba.carray` makes an array of."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.inttoptr(args[0], context.get_value_type(types.voidptr))

    return types.voidptr(types.intp), generate


@intrinsic
def fetch(typing: Any, address: Any) -> Any:
    """Have what is at an address read from memory, without waiting for it; the address may be anywhere."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind = ir.FunctionType(ir.VoidType(), [ir.PointerType(_BYTE), _WHOLE, _WHOLE, _WHOLE])
        prefetch = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        to_read, near, data = (ir.Constant(_WHOLE, value) for value in (0, 2, 1))
        builder.call(prefetch, [builder.inttoptr(args[0], ir.PointerType(_BYTE)), to_read, near, data])
        return context.get_dummy_value()

    return types.void(types.intp), generate


@compiled()
def read_ahead(part: np.ndarray) -> None:
    """Have memory read what comes `_AHEAD` bytes after this part, of which a core would else wait for half."""
    _fetch_lines(part.ctypes.data + _AHEAD, part.size * part.itemsize)


@compiled()
def read(part: np.ndarray) -> None:
    """Have memory read a part that will be wanted soon."""
    _fetch_lines(part.ctypes.data, part.size * part.itemsize)


@compiled()
def _fetch_lines(begin: int, size: int) -> None:
    for line in range(begin, begin + size, _LINE):
        fetch(line)  # type: ignore[call-arg]  # numba's


@compiled()
def array_at(address: int, shape: Any, example: np.ndarray) -> Any:
    """The array of a shape, of an example's kind, that is at an address."""
    return numba.carray(pointer(address), shape, example.dtype)  # type: ignore[call-arg]  # numba's
