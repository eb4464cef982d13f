"""The notebooks run from the first cell to the last on the embedded corpus, by changing their first line alone, take
nothing private of ours, and carry no output."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from support.wandb_server import WandbServer

from dataset_builder.nano.corpus import NanoSettings
from dataset_builder.pipeline.build import build
from dataset_builder.pipeline.settings import BuildSettings
from orchestrator_solver.paths import PROJECT

NOTEBOOKS = sorted((PROJECT / "notebooks").glob("*.ipynb"))


def read(name: str) -> nbformat.NotebookNode:
    return nbformat.read(PROJECT / "notebooks" / f"{name}.ipynb", as_version=4)


def code_of(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def printed_and_drawn(notebook: nbformat.NotebookNode) -> tuple[str, int, int]:
    """What an executed notebook printed, how many figures and how many players of sound it shows."""
    outputs = [output for cell in code_of(notebook) for output in cell.outputs]
    text = "".join(output.text for output in outputs if output.output_type == "stream")
    shown = [output.get("data", {}) for output in outputs]
    return (
        text,
        sum("image/png" in data for data in shown),
        sum("<audio" in data.get("text/html", "") for data in shown),
    )


def execute(name: str, first_line: str, folder: Path) -> tuple[str, int, int]:
    """Run a notebook whose first line is another one; see `printed_and_drawn`."""
    notebook = read(name)
    first = code_of(notebook)[0]
    ours, *others = first.source.splitlines()
    names = [node.id for node in ast.walk(ast.parse(ours)) if isinstance(node, ast.Name)]
    assert names and all(name in first_line for name in names)
    first.source = "\n".join([first_line, *others])
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(folder)}}).execute()
    return printed_and_drawn(notebook)


@pytest.fixture(scope="session")
def nano(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of three works of the embedded corpus, one a split."""
    out = tmp_path_factory.mktemp("nano") / "data"
    build(BuildSettings(source="nano", out=out, caption_windows=1, workers=1, nano=NanoSettings(works=3)))
    return out


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_has_no_output_opens_with_its_question_and_takes_nothing_private(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert not any(cell.outputs or cell.execution_count for cell in code_of(notebook))
    assert notebook.cells[0].cell_type == "markdown" and "This notebook answers" in notebook.cells[0].source
    source = "\n".join(cell.source for cell in code_of(notebook))
    tree = ast.parse("\n".join(line for line in source.splitlines() if not line.startswith("%")))
    taken = [alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names]
    asked = [node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)]
    assert taken and not [name for name in [*taken, *asked] if name.startswith("_")]


def test_there_are_three() -> None:
    assert [path.stem for path in NOTEBOOKS] == ["data", "listening", "sweeps"]


def test_the_data_notebook_reads_a_folder_of_slakh(tiny_data: Path, tmp_path: Path) -> None:
    text, figures, players = execute("data", f"DATA = {str(tiny_data)!r}", tmp_path)
    assert "defects in 3 tracks" in text and "not rendered" in text  # Track00001 lacks S02
    assert figures == 3 and players >= 3


@pytest.mark.slow
def test_the_data_notebook_shows_the_embedded_corpus(nano: Path, tmp_path: Path) -> None:
    text, figures, players = execute("data", f"DATA = {str(nano)!r}", tmp_path)
    assert "0 defects in 3 tracks" in text and "BPM:" in text
    assert figures == 2 and players > 6


@pytest.mark.slow
def test_the_listening_notebook_plays_the_shipped_models(nano: Path, tmp_path: Path) -> None:
    models = "'nano-baseline', 'nano'"
    text, figures, players = execute("listening", f"DATA, BASELINE, FINETUNED = {str(nano)!r}, {models}", tmp_path)
    assert "strongest:" in text and figures == 3
    assert players == 4 + 2 + 4  # side by side, guidance, best and worst


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of runs, of which other processes are told by their environment alone, as the notebook is."""
    folder = tmp_path / "runs"  # not where the notebook is: a folder of runs holds one that is called `grids`, too
    monkeypatch.setenv("ORCHESTRATOR_DORA_DIR", str(folder))
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    return folder


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[WandbServer]:
    found = WandbServer()
    for name, value in found.environment.items():
        monkeypatch.setenv(name, value)
    yield found
    found.stop()


@pytest.mark.slow
def test_the_sweeps_notebook_compares_tests_scales_and_exports(runs: Path, server: WandbServer, tmp_path: Path) -> None:
    """What one run logged offline and another at the server, of which the others are not known there."""
    path = {**os.environ, "PYTHONPATH": str(PROJECT / "tests")}
    words = [sys.executable, "-m", "support.made_up_grid", "nano_hours"]
    made = subprocess.run(words, cwd=PROJECT, env=path, capture_output=True, text=True, check=True)
    sigs = made.stdout.splitlines()[-1].split()
    server.history[sigs[1]] = [{"_step": step, "update": 10 * step, "steps/ce": 3.5} for step in range(7)]
    text, figures, _ = execute("sweeps", 'RUNS, SCALE = ["nano_hours"], "orchestrator.hours"', tmp_path)
    assert figures == 5, text  # losses; scores, differences; scaling; updates
    assert "starred where p < 0.05 after correction" in text, text
    assert "12 rows of 2 runs" in text, text
    assert text.count("is left out: Could not find run") == 2
    exported = (runs / "wandb_export.csv").read_text()
    assert [exported.count(f"\n{sig},") for sig in sigs] == [5, 7, 0, 0]


@pytest.mark.slow
def test_the_sweeps_notebook_says_what_is_missing(runs: Path, tmp_path: Path) -> None:
    text, *_ = execute("sweeps", 'RUNS, SCALE = ["nano_hours"], "orchestrator.hours"', tmp_path)
    for told in ("no finished epoch", "fewer than two runs were evaluated", "none of the runs has logged to wandb"):
        assert told in text
    assert not (runs / "wandb_export.csv").exists()
