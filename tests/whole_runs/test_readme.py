"""What the README tells people to type exists, and would be understood: every command line in it is parsed."""

import re
import shlex

import pytest
from dora.__main__ import get_parser as dora_parser
from hydra import compose, initialize_config_dir

from dataset_builder.__main__ import main as dataset_builder
from dataset_builder.cli import parser_for
from dataset_builder.commands import COMMANDS as BUILDER_COMMANDS
from orchestrator_solver.commands import COMMANDS
from orchestrator_solver.paths import PROJECT

PROGRAMS = ("python -m dataset_builder ", "orchestrator ", "dora ", "make ")
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


def command_lines() -> list[str]:
    """Lines of the code blocks, and commands within the text; `a|b` stands for one line each."""
    blocks = re.findall(r"^ *```bash\n(.*?)```", TEXT, re.MULTILINE | re.DOTALL)
    lines = [line.strip() for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    text = re.sub(r"```.*?```", "", TEXT, flags=re.DOTALL)
    lines += [" ".join(line.split()) for line in re.findall(r"`([^`]+)`", text)]
    lines = [re.sub(r"\s+#.*", "", line).removeprefix(".venv/bin/") for line in lines]
    found = {line for line in lines if line.startswith(PROGRAMS)}
    either = r"(\S+\|\S+)"
    return sorted(
        {line.replace(words[0], word) for line in found if (words := re.findall(either, line))
         for word in words[0].split("|")} | {line for line in found if not re.search(either, line)}
    )  # fmt: skip


@pytest.mark.parametrize("line", command_lines())
def test_command_lines_are_understood(line: str) -> None:
    program, *words = shlex.split(line.removeprefix("python -m "), comments=True)
    if program == "dataset_builder":
        parser_for(program, None, BUILDER_COMMANDS, "dataset_builder.commands", words[:1]).parse_args(words)
    elif program == "orchestrator":
        args = parser_for(program, None, COMMANDS, "orchestrator_solver.commands", words[:1]).parse_args(words)
        composes(getattr(args, "overrides", []))
    elif program == "dora":
        args = dora_parser().parse_args(words)
        composes(args.argv if args.command == "run" else [])


def composes(overrides: list[str]) -> None:
    """Hydra takes these overrides."""
    with initialize_config_dir(str(PROJECT / "config"), version_base="1.1"):
        compose("config", overrides)


def test_the_readmes_commands_are_found() -> None:
    lines = command_lines()
    assert {"dora grid orch_sweeps", "python -m dataset_builder bench key"} <= set(lines)
    assert len(lines) > 30 and all(any(line.startswith(program) for line in lines) for program in PROGRAMS)
