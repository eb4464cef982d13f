"""What numba compiled is kept from one process to the next, for as long as no file of this folder changes."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .precisions import compiled


def kept(function: Callable[..., Any]) -> Any:
    """A function, compiled when it is first called; numba by itself would look at changes of its own file alone."""
    dispatcher: Any = compiled(cache=True)(function)
    dispatcher._cache._cache_file._source_stamp = _stamp()
    return dispatcher


def _stamp() -> str:
    sources = sorted(Path(__file__).parent.glob("*.py"))
    return hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()
