"""Imports of other packages that wait until they are used: those that `registry.LATE_IMPORTS` names.

A module of that list is run with an `__import__` of its own (by its `__builtins__`), which gives a `Late` where a
module, class or function would have been; when that is used, the real thing takes its place in the module. Nobody else
sees any of it: `sys.modules` holds whole modules alone, and whoever else imports them gets them.
"""

import builtins
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import reduce
from importlib import import_module
from importlib.util import find_spec, resolve_name
from types import ModuleType, SimpleNamespace
from typing import Any

_ASKED_OF_ANNOTATIONS = ("__parameters__", "__typing_subst__", "__typing_unpacked_tuple_args__")  # by typing


class LateImports:
    """The `__import__` of one module.

    Args:
        importer: the module.
        late: the modules whose import waits.
        may_be_absent: whether one of them that cannot be found is missed only when it is used.
    """

    def __init__(self, importer: ModuleType, late: Collection[str], may_be_absent: bool = False) -> None:
        self._importer, self._late, self._may_be_absent = importer, late, may_be_absent
        self.running = False  # the importer's own code

    def execute(self, code: Callable[[ModuleType], None]) -> None:
        """Run the importer's own code."""
        self._importer.__dict__["__builtins__"] = {**vars(builtins), "__import__": self}
        self.running = True
        try:
            code(self._importer)
        finally:
            self.running = False

    def __call__(
        self, name: str, globals: Mapping[str, Any] | None = None, locals: Mapping[str, Any] | None = None,
        fromlist: Sequence[str] | None = (), level: int = 0,
    ) -> Any:  # fmt: skip
        """What `import name` or `from name import fromlist` gives."""
        names = fromlist or ()
        if locals is self._importer.__dict__:  # what a function imports is used at once
            source = resolve_name("." * level + name, self._importer.__package__) if level else name
            if not names and self._waits(source):
                # `import a.b` binds a, which is asked for b when b is used: packages that wait so import it then
                return builtins.__import__(source.partition(".")[0]) if "." in source else Late(self, source)
            if late := self._late_names(source, names):
                now = [one for one in names if one not in late]
                module = builtins.__import__(name, globals, locals, now, level) if now else None
                return SimpleNamespace(**late, **{one: getattr(module, one) for one in now})
        return builtins.__import__(name, globals, locals, names, level)

    def _late_names(self, source: str, names: Sequence[str]) -> dict[str, "Late"]:
        """Those that wait of the names that are imported from a module."""
        if names and self._waits(source):
            return {name: Late(self, source, (name,)) for name in names}
        return {name: Late(self, f"{source}.{name}") for name in names if self._waits(f"{source}.{name}")}

    def _waits(self, module: str) -> bool:
        """Whether a module is on the list.

        Raises:
            ModuleNotFoundError: if it is, and its package cannot be found although it has to be there.
        """
        if module not in self._late:
            return False
        package = module.partition(".")[0]  # to look for a submodule would import it
        if not self._may_be_absent and module not in sys.modules and find_spec(package) is None:
            raise ModuleNotFoundError(f"No module named {module!r}", name=module)
        return True

    def settle(self, late: "Late", real: Any) -> None:
        """Put the real thing in its place."""
        for name, value in list(vars(self._importer).items()):
            if value is late:
                setattr(self._importer, name, real)


class Late:
    """A module, or a class or function of it, until it is used. As a base class it is used at once.

    Attributes of it wait, too, while the importer's own code runs: they are annotations there.
    """

    __slots__ = ("_imports", "_names", "_source")

    def __init__(self, imports: LateImports, source: str, names: tuple[str, ...] = ()) -> None:
        for slot, value in zip(self.__slots__, (imports, names, source), strict=True):
            object.__setattr__(self, slot, value)

    def _real(self) -> Any:
        real = reduce(getattr, self._names, import_module(self._source))
        self._imports.settle(self, real)
        return real

    def __getattr__(self, name: str) -> Any:
        if self._imports.running:
            if name in _ASKED_OF_ANNOTATIONS:
                raise AttributeError(name)
            if not name.startswith("__"):
                return Late(self._imports, self._source, (*self._names, name))
        return getattr(self._real(), name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._real(), name, value)

    def __delattr__(self, name: str) -> None:
        delattr(self._real(), name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._real()(*args, **kwargs)

    def __getitem__(self, key: Any) -> Any:
        return self._real()[key]

    def __mro_entries__(self, bases: tuple) -> tuple[type]:
        return (self._real(),)

    def __instancecheck__(self, instance: Any) -> bool:
        return isinstance(instance, self._real())

    def __subclasscheck__(self, subclass: type) -> bool:
        return issubclass(subclass, self._real())

    def __dir__(self) -> list[str]:
        return dir(self._real())

    def __reduce__(self) -> tuple:
        return _found, (self._source, self._names)


def _found(source: str, names: tuple[str, ...]) -> Any:
    return reduce(getattr, names, import_module(source))
