"""What README and docs/ tell people to type exists, is understood, and is run by a test, or it is said why not."""

import re
import shlex
from pathlib import Path

import pytest
from dora.__main__ import get_parser as dora_parser
from hydra import compose, initialize_config_dir
from support.documented import NOT_RUN, RUN_BY, entry_of

from dataset_builder.__main__ import main as dataset_builder
from dataset_builder.cli import parser_for
from dataset_builder.commands import COMMANDS as BUILDER_COMMANDS
from orchestrator_solver.commands import COMMANDS
from orchestrator_solver.paths import PROJECT

PROGRAMS = ("python -m dataset_builder ", "orchestrator ", "dora ", "make ")
FILES = [
    PROJECT / "README.md",
    *sorted((PROJECT / "docs").glob("*.md")),
    PROJECT / "orchestrator_solver/pretrained/README.md",
]
TEXT = "".join(path.read_text() for path in FILES)


def _named(pattern: str) -> list[str]:
    return sorted(set(re.findall(pattern, TEXT, re.MULTILINE)))


def test_commands_exist() -> None:
    assert set(_named(r"orchestrator (orchestrate|[a-z]+)(?= [a-zA-Z-]|`)")) <= set(COMMANDS)


@pytest.mark.parametrize("command", _named(r"python -m dataset_builder (\w+)"))
def test_dataset_builder_commands_exist(command: str) -> None:
    with pytest.raises(SystemExit) as stop:
        dataset_builder([command, "--help"])
    assert stop.value.code == 0


def test_targets_solvers_and_grids_exist() -> None:
    targets = re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text(), re.MULTILINE)
    assert set(_named(r"(?:`|^)make ([a-z-]+)")) <= set(targets)
    assert all((PROJECT / f"config/solver/{name}.yaml").is_file() for name in _named(r"solver=(\w+)"))
    assert all((PROJECT / f"grids/{name}.py").is_file() for name in _named(r"(?:dora grid|orchestrator sweep) (\w+)"))


def test_local_links_resolve() -> None:
    for path in FILES:
        for link, anchor in re.findall(r"\]\((?!http)([^)#]*)#?([^)]*)\)", path.read_text()):
            target = path.parent / link if link else path
            assert target.exists(), (path, link)
            assert not anchor or anchor in anchors(target), (path, link, anchor)


def anchors(path: Path) -> set[str]:
    """What a heading can be linked by."""
    heads = re.findall(r"^#+ (.*)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads}


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


@pytest.mark.parametrize("line", command_lines())
def test_a_test_runs_it_or_it_is_said_why_none_does(line: str) -> None:
    entry = entry_of(line)
    assert entry, f"{line}: name in support/documented.py who runs it, or why nobody does"
    assert entry in NOT_RUN or (PROJECT / "tests" / RUN_BY[entry]).is_file()


def test_no_entry_is_of_a_command_that_is_gone() -> None:
    assert {*RUN_BY, *NOT_RUN} == {entry_of(line) for line in command_lines()}


def composes(overrides: list[str]) -> None:
    """Hydra takes these overrides."""
    with initialize_config_dir(str(PROJECT / "config"), version_base="1.1"):
        compose("config", overrides)


def test_the_readmes_commands_are_found() -> None:
    lines = command_lines()
    assert {"dora grid orch_sweeps", "python -m dataset_builder bench key"} <= set(lines)
    assert len(lines) > 30 and all(any(line.startswith(program) for line in lines) for program in PROGRAMS)
