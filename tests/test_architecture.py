"""The house is as ARCHITECTURE.md draws it: every room is named there, every path there exists, rooms stay small."""

import ast
import re
from pathlib import Path

import pytest

from orchestrator_solver.paths import PROJECT

MAP = (PROJECT / "ARCHITECTURE.md").read_text()
PACKAGES = ("dataset_builder", "orchestrator_solver")
MODULES = [path for package in PACKAGES for path in sorted((PROJECT / package).rglob("*.py"))]
LARGEST = 12  # modules of a room, beside its __init__.py


def _rooms() -> list[Path]:
    return sorted({path.parent for path in MODULES})


def _name(room: Path) -> str:
    return room.relative_to(PROJECT).as_posix()


@pytest.mark.parametrize("room", _rooms(), ids=_name)
def test_a_room_is_named_small_and_says_its_idea(room: Path) -> None:
    inside = room.relative_to(PROJECT / room.relative_to(PROJECT).parts[0]).as_posix()
    assert inside == "." or f"`{inside}/`" in MAP
    assert len([path for path in room.glob("*.py") if path.name != "__init__.py"]) <= LARGEST
    assert ast.get_docstring(ast.parse((room / "__init__.py").read_text()))


def test_rooms_stand_in_the_order_that_is_checked() -> None:
    """The order of the two tables is that of the layers in pyproject.toml."""
    import tomllib

    settings = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["importlinter"]
    tables = re.split(r"^\*\*(\w+)\*\*", MAP, flags=re.MULTILINE)
    for package, text in zip(tables[1::2], tables[2::2], strict=True):
        (contract,) = [found for found in settings["contracts"] if found.get("containers") == [package]]
        drawn = re.findall(r"`(\w+)/`|`(\w+)\.py`", "".join(re.findall(r"^\| (.*?) \|", text, flags=re.MULTILINE)))
        rooms = [folder for folder, _ in drawn if folder]
        assert rooms == [layer for layer in reversed(contract["layers"]) if layer in rooms]


def test_every_path_that_is_named_exists() -> None:
    texts = MAP + (PROJECT / "docs" / "trust.md").read_text()
    paths = re.findall(r"`((?:dataset_builder|orchestrator_solver|config|grids|tests|notebooks)/[\w./]*)`", texts)
    assert len(paths) > 20
    assert [path for path in paths if "NAME" not in path and not (PROJECT / path).exists()] == []


def test_every_name_that_is_given_stands_in_its_file() -> None:
    pairs = re.findall(r"`(\w+)` (?:in|of) `([\w/]+\.py)`", MAP)
    assert len(pairs) >= 5
    assert [pair for pair in pairs if not re.search(rf"\b{pair[0]}\b", (PROJECT / pair[1]).read_text())] == []


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PROJECT).as_posix())
def test_nothing_private_is_taken_from_another_module(path: Path) -> None:
    imports = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom)]
    ours = [node for node in imports if node.level or (node.module or "").startswith(PACKAGES)]
    assert [alias.name for node in ours for alias in node.names if alias.name.startswith("_")] == []


def test_the_builder_never_names_the_solver() -> None:
    """Not even as text from which a module could be imported."""
    builder = [path for path in MODULES if path.is_relative_to(PROJECT / "dataset_builder")]
    assert [path for path in builder if "orchestrator_solver" in path.read_text()] == []
