"""What the README tells people to type exists."""

import re
from pathlib import Path

import pytest

from dataset_builder.__main__ import main as dataset_builder
from orchestrator_solver.commands import COMMANDS

PROJECT = Path(__file__).parent.parent
TEXT = (PROJECT / "README.md").read_text() + (PROJECT / "orchestrator_solver/pretrained/README.md").read_text()


def _named(pattern: str) -> list[str]:
    return sorted(set(re.findall(pattern, TEXT)))


def test_commands_exist() -> None:
    assert set(_named(r"orchestrator (orchestrate|[a-z]+)(?= [a-zA-Z-]|`)")) <= set(COMMANDS)


@pytest.mark.parametrize("command", _named(r"python -m dataset_builder (\w+)"))
def test_dataset_builder_commands_exist(command: str) -> None:
    with pytest.raises(SystemExit) as stop:
        dataset_builder([command, "--help"])
    assert stop.value.code == 0


def test_targets_solvers_and_grids_exist() -> None:
    targets = re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text(), re.MULTILINE)
    assert set(_named(r"`?make ([a-z-]+)")) <= set(targets)
    assert all((PROJECT / f"config/solver/{name}.yaml").is_file() for name in _named(r"solver=(\w+)"))
    assert all((PROJECT / f"grids/{name}.py").is_file() for name in _named(r"(?:dora grid|orchestrator sweep) (\w+)"))


def test_local_links_resolve() -> None:
    for link in re.findall(r"\]\((?!http)([^)#]+)", TEXT):
        assert (PROJECT / link).exists(), link
