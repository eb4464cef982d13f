"""The notebooks run from the first cell to the last, on made-up histories and scores, and carry no output."""

import json
import math
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from orchestrator_solver.evaluation import table, table_formats, tabulation
from orchestrator_solver.evaluation.rows import ClipScores
from orchestrator_solver.paths import PROJECT

NOTEBOOKS = sorted((PROJECT / "notebooks").glob("*.ipynb"))


def make_runs(folder: Path) -> None:
    """Two language models, a codec, and a run that has not finished an epoch."""

    def history(loss: str, start: float) -> list[dict]:
        return [
            {stage: {loss: start - 0.1 * epoch, "duration": 1.0} for stage in ("train", "valid")} for epoch in range(3)
        ]

    runs = {
        "0000000a": (["solver=orchestrator_nano", "optim.lr=1"], history("ce", 5.0)),
        "0000000b": (["solver=orchestrator_nano", "optim.lr=2"], history("ce", 4.5)),
        "0000000c": (["solver=nano_codec"], history("msspec", 1.0)),
        "0000000d": (["solver=orchestrator_nano"], []),
    }
    for sig, (argv, epochs) in runs.items():
        (folder / "xps" / sig).mkdir(parents=True)
        (folder / "xps" / sig / "history.json").write_text(json.dumps(epochs))
        (folder / "xps" / sig / ".argv.json").write_text(json.dumps(argv))


def make_scores(folder: Path) -> Path:
    """A table of two rows and two metrics, written by the evaluation's own code; one metric is never defined."""
    clips = [
        ClipScores(f"item{work}{clip}", 0.0, f"work{work}", row, "without", "stem", {"sim": sim, "kl": math.nan})
        for row, start in (("baseline", 0.3), ("finetuned", 0.5))
        for work, sim in enumerate((start, start + 0.01, start + 0.02))
        for clip in range(2)
    ]
    columns = (table.Column("sim", "SIM", True), table.Column("kl", "KL(musicnn)", False))
    table_formats.write(tabulation.tabulate(clips, columns, resamples=50), folder)
    return folder / "table1.json"


def printed_and_drawn(notebook: nbformat.NotebookNode) -> tuple[str, int]:
    """All text that an executed notebook printed, and how many figures it shows."""
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    text = "".join(output.text for output in outputs if output.output_type == "stream")
    return text, sum("image/png" in output.get("data", {}) for output in outputs)


def execute(path: Path, folder: Path) -> nbformat.NotebookNode:
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(folder)}}).execute()
    return notebook


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_is_free_of_output_and_small(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert not any(cell.outputs or cell.execution_count for cell in cells)
    assert path.stat().st_size < 50_000


def test_analysis_shows_runs_and_scores(tmp_path, monkeypatch):
    make_runs(tmp_path)
    monkeypatch.setenv("ORCHESTRATOR_DORA_DIR", str(tmp_path))
    monkeypatch.setenv("ORCHESTRATOR_SCORES", str(make_scores(tmp_path)))
    text, figures = printed_and_drawn(execute(NOTEBOOKS[0], tmp_path))
    assert "3 runs" in text
    assert "best ce 4.3000 in epoch 3 of 3: 0000000b optim.lr=2" in text
    assert "best msspec 0.8000 in epoch 3 of 3: 0000000c" in text
    assert figures == 4  # two kinds of model, the table, its differences


def test_analysis_says_what_is_missing(tmp_path, monkeypatch):
    monkeypatch.setenv("ORCHESTRATOR_DORA_DIR", str(tmp_path))
    monkeypatch.setenv("ORCHESTRATOR_SCORES", "")
    text, _ = printed_and_drawn(execute(NOTEBOOKS[0], tmp_path))
    assert "no finished epoch yet" in text
