"""An import that waits is right for its importer, before its use and after, and is nothing that others can see."""

import pickle
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module, reload
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from orchestrator_solver.seams import registry
from orchestrator_solver.seams.late_imports import Late

_NAMES = count()
HEAVY = """
class Thing:
    size = 3
class Frozen(Exception):
    pass
def made(): return Thing()
"""
Write = Callable[..., SimpleNamespace]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """Writes a heavy module and one that imports it late, under names that no test had; returns both names."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def written(importer: str, heavy: str = HEAVY) -> SimpleNamespace:
        names = SimpleNamespace(heavy=f"heavy_{next(_NAMES)}", importer=f"importer_{next(_NAMES)}")
        (tmp_path / f"{names.heavy}.py").write_text(heavy)
        (tmp_path / f"{names.importer}.py").write_text(importer.replace("HEAVY", names.heavy))
        registry.imports_late(names.importer, names.heavy, why="a test wants it")
        return names

    yield written
    for name in [name for name in registry.LATE_IMPORTS if name.startswith("importer_")]:
        del registry.LATE_IMPORTS[name]


def test_a_module_is_imported_by_its_first_use_and_then_is_itself(write: Write) -> None:
    names = write("import HEAVY\ndef size(): return HEAVY.Thing.size\n")
    importer = import_module(names.importer)
    assert names.heavy not in sys.modules
    assert importer.size() == 3
    assert vars(importer)[names.heavy] is sys.modules[names.heavy]


def test_a_name_of_a_module_is_the_real_one_after_its_first_use(write: Write) -> None:
    names = write("from HEAVY import Thing as Renamed, made\ndef both(): return made(), Renamed\n")
    importer = import_module(names.importer)
    assert names.heavy not in sys.modules
    importer.both()
    thing, _ = importer.both()
    assert importer.Renamed.size == 3
    assert importer.Renamed is type(thing) is sys.modules[names.heavy].Thing


def test_a_submodule_is_imported_by_its_package_when_that_is_asked_for_it(write: Write, tmp_path: Path) -> None:
    names = write("import HEAVY.part\ndef size(): return HEAVY.part.size\n")
    (tmp_path / f"{names.heavy}.py").unlink()
    (tmp_path / names.heavy).mkdir()
    package = "import importlib\ndef __getattr__(name): return importlib.import_module(f'{__name__}.{name}')\n"
    (tmp_path / names.heavy / "__init__.py").write_text(package)
    (tmp_path / names.heavy / "part.py").write_text("size = 3\n")
    registry.imports_late(names.importer, f"{names.heavy}.part", why="a test wants it")
    importer = import_module(names.importer)
    assert f"{names.heavy}.part" not in sys.modules
    assert importer.size() == 3


def test_annotations_do_not_load_what_they_name(write: Write) -> None:
    names = write(
        "import typing\nimport HEAVY\nfrom HEAVY import Thing\n"
        "def one(a: HEAVY.Thing, b: typing.Optional[Thing] = None) -> HEAVY.Thing: ...\n"
    )
    import_module(names.importer)
    assert names.heavy not in sys.modules


def test_instances_and_subclasses_are_told_before_the_first_use(write: Write) -> None:
    names = write("from HEAVY import Thing\n")
    importer, heavy = import_module(names.importer), import_module(names.heavy)
    assert type(importer.Thing) is Late
    assert isinstance(heavy.Thing(), importer.Thing) and issubclass(heavy.Thing, importer.Thing)
    assert not isinstance(3, importer.Thing)


def test_a_base_class_is_loaded_at_once_and_is_the_real_one(write: Write) -> None:
    names = write("import HEAVY\nclass Mine(HEAVY.Thing): pass\n")
    importer = import_module(names.importer)
    assert importer.Mine.__mro__[1] is sys.modules[names.heavy].Thing


def test_an_exception_can_be_caught_by_its_late_name(write: Write) -> None:
    names = write(
        "import HEAVY\ndef caught():\n    try:\n        raise HEAVY.Frozen\n"
        "    except HEAVY.Frozen:\n        return True\n"
    )
    assert import_module(names.importer).caught()


def test_it_is_pickled_as_what_it_stands_for(write: Write) -> None:
    names = write("from HEAVY import Thing\nimport HEAVY\n")
    importer = import_module(names.importer)
    thing = pickle.loads(pickle.dumps(importer.Thing))
    assert thing is sys.modules[names.heavy].Thing


def test_whoever_else_imports_the_module_gets_the_whole_of_it(write: Write) -> None:
    names = write("import HEAVY\n")
    importer = import_module(names.importer)
    assert find_spec(names.heavy) is not None and names.heavy not in sys.modules
    heavy = import_module(names.heavy)
    assert type(heavy) is ModuleType and sys.modules[names.heavy] is heavy and reload(heavy) is heavy
    assert type(vars(importer)[names.heavy]) is Late


def test_an_importer_that_is_loaded_again_waits_again(write: Write) -> None:
    names = write("from HEAVY import Thing\ndef size(): return Thing.size\n")
    importer = import_module(names.importer)
    assert importer.size() == 3
    assert type(reload(importer).Thing) is Late
    assert importer.size() == 3


def test_what_a_function_imports_is_imported_at_once(write: Write) -> None:
    names = write("def thing():\n    from HEAVY import Thing\n    return Thing\n")
    assert import_module(names.importer).thing() is sys.modules[names.heavy].Thing


def test_threads_that_use_it_first_together_get_one_module(write: Write) -> None:
    names = write("from HEAVY import made\ndef kind(): return type(made())\n", "import time\ntime.sleep(0.2)\n" + HEAVY)
    importer = import_module(names.importer)
    with ThreadPoolExecutor(8) as pool:
        kinds = set(pool.map(lambda _: importer.kind(), range(8)))
    assert kinds == {sys.modules[names.heavy].Thing}


def test_an_attribute_that_is_set_is_set_in_the_module(write: Write) -> None:
    names = write("import HEAVY\ndef size(): return HEAVY.Thing.size\n")
    importer = import_module(names.importer)
    vars(importer)[names.heavy].Thing = SimpleNamespace(size=5)
    assert importer.size() == 5 == sys.modules[names.heavy].Thing.size


def test_a_module_that_is_missing_is_missed_where_it_is_imported(write: Write, tmp_path: Path) -> None:
    names = write("try:\n    import HEAVY\nexcept ModuleNotFoundError:\n    HEAVY = None\n")
    (tmp_path / f"{names.heavy}.py").unlink()
    assert vars(import_module(names.importer))[names.heavy] is None


def test_one_that_may_be_absent_is_missed_only_where_it_is_used(write: Write, tmp_path: Path) -> None:
    names = write("from HEAVY.part import Thing, made\nimport HEAVY\ndef use(): return made()\n")
    (tmp_path / f"{names.heavy}.py").unlink()
    waiting = (names.heavy, f"{names.heavy}.part")
    registry.imports_late(names.importer, *waiting, why="a test wants it", may_be_absent=True)
    importer = import_module(names.importer)
    assert find_spec(names.heavy) is None  # nobody is told that it is there
    with pytest.raises(ModuleNotFoundError, match=names.heavy):
        importer.use()
