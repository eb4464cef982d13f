"""What is done to modules of other packages after their import (see `compat`)."""

from collections.abc import Callable
from types import ModuleType
from typing import Any

Mend = Callable[[ModuleType], None]
MENDS: dict[str, Mend] = {}  # by module name


def mends(*modules: str) -> Callable[[Mend], Mend]:
    """Register a function as what is done to these modules."""

    def register(mend: Mend) -> Mend:
        MENDS.update(dict.fromkeys(modules, mend))
        return mend

    return register


class Borrowed(ModuleType):
    """A module as one caller sees it: some names replaced, everything else passed on."""

    def __init__(self, module: ModuleType, **replaced: Any) -> None:
        super().__init__(module.__name__)
        self.__dict__.update(replaced, _module=module)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["_module"], name)
