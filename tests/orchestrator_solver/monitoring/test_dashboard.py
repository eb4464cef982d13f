"""Workspaces, reports and offline runs as wandb gets them: by a stand-in for its server, which answers on loopback."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.wandb_server import WandbServer

from orchestrator_solver import cli, train
from orchestrator_solver.monitoring import wandb_workspace
from orchestrator_solver.workflows.sweep import rows

SIG = "0123abcd"
JUDGED_BY = (
    "steps/ce", "steps/d", "steps/lr", "steps/grad_norm", "steps/audio_per_second", "steps/memory_gib", "train/skipped",
    "train/nonfinite", "generate/sim", "samples/table", "evaluate/table1", "evaluate/melody_stem_with", "ce_q[0-9]+",
)  # fmt: skip


@pytest.fixture
def server() -> Iterator[WandbServer]:
    found = WandbServer()
    yield found
    found.stop()


def call(server: WandbServer, *command: str) -> str:
    """What a program printed that is told to use the stand-in, in a process of its own."""
    environment = {**os.environ, **server.environment, "WANDB_ERROR_REPORTING": "false"}
    done = subprocess.run(
        [sys.executable, "-m", *command], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def filters_of(runset: dict[str, Any]) -> list[tuple[str, str, list[str]]]:
    return [(one["key"]["name"], one["op"], one["value"]) for one in runset["filters"]["filters"]]


def test_a_workspace_is_published(server: WandbServer) -> None:
    words = ("dashboard", "--publish", "--entity", "team", "--project", "p", "--tags", "first, lora")
    told = call(server, "orchestrator_solver.cli", *words)
    (view,) = server.views
    assert told.strip().startswith(f"{server.address}/team/p?nw=")
    assert (view["entityName"], view["projectName"], view["displayName"]) == ("team", "p", "Music Orchestrator")
    section = json.loads(view["spec"])["section"]
    shown = {one["name"]: one["panels"] for one in section["panelBankConfig"]["sections"]}
    assert list(shown) == ["Losses", "Optimizer", "Machine", "Samples", "Table 1", "Runs"]
    assert [name for name in JUDGED_BY if name not in json.dumps(shown)] == []
    by_codebook = [panel["config"] for panel in shown["Losses"] if panel["config"].get("useMetricRegex")]
    assert [config["metricRegex"] for config in by_codebook] == ["^valid/ce_q[0-9]+$", "^steps/ce_q[0-9]+$"]
    (runset,) = section["runSets"]
    assert filters_of(runset) == [("tags", "IN", ["first", "lora"])]


def test_a_report_compares_runs(server: WandbServer) -> None:
    words = ("dashboard", "--report", "--publish", "--entity", "me", "--project", "p", "--tags", "first")
    told = call(server, "orchestrator_solver.cli", *words)
    (view,) = server.views
    assert "/me/p/reports/" in told and server.projects == ["p"]
    assert (view["entityName"], view["projectName"], view["type"]) == ("me", "p", "runs")
    blocks = json.loads(view["spec"])["blocks"]
    grids = [block["metadata"] for block in blocks if block["type"] == "panel-grid"]
    assert [name for name in JUDGED_BY if name not in json.dumps(grids)] == []
    assert len(grids) == 6 and all(filters_of(grid["runSets"][0]) == [("tags", "IN", ["first"])] for grid in grids)


def test_a_report_of_chosen_runs_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = wandb_workspace.Shown("me", "p", runs=(SIG,))
    (grid, *_) = [
        block["metadata"] for block in wandb_workspace.definition(wandb_workspace.report(shown))["spec"]["blocks"]
        if block["type"] == "panel-grid"
    ]  # fmt: skip
    assert filters_of(grid["runSets"][0]) == [("name", "IN", [SIG])]  # at wandb a run's id is its name
    monkeypatch.chdir(tmp_path)
    assert cli.main(["dashboard", "--report"]) == 0
    assert "Music Orchestrator: runs compared" in (tmp_path / "report.json").read_text()


def test_a_grid_names_its_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train.main.dora, "dir", tmp_path)
    assert cli.main(["dashboard", "nano_sweep", "--out", str(tmp_path / "dashboard.json")]) == 0
    section = json.loads((tmp_path / "dashboard.json").read_text())["spec"]["section"]
    signatures = [row.sig for row in rows.expand("nano_sweep")]
    assert filters_of(section["runSets"][0]) == [("name", "IN", signatures)]


def test_a_workspace_is_written_without_a_server(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "dashboard.json"
    assert cli.main(["dashboard", "--out", str(out), "--project", "p"]) == 0 and str(out) in capsys.readouterr().out
    assert [name for name in JUDGED_BY if name not in out.read_text()] == []


OFFLINE = f"""
import pathlib, sys, types
import orchestrator_solver, dora, flashy, wandb
folder = pathlib.Path(sys.argv[1])
dora.get_xp = lambda: types.SimpleNamespace(folder=folder, sig={SIG!r})
logger = flashy.loggers.WandbLogger.from_xp(project="p", entity="team", tags=["first"], group="g")
logger.log_hyperparams({{"optim": {{"lr": 1.0}}}})
for update in range(int(sys.argv[2]), int(sys.argv[2]) + 3):
    logger.log_metrics("steps", {{"ce": 4 - update / 10}}, update)
logger.log_metrics("samples", {{"table": wandb.Table(columns=["item"], data=[["T1"]])}}, 1)
logger.writer.finish()
"""


@pytest.mark.slow
def test_an_offline_run_that_went_on_is_synced_whole(server: WandbServer, tmp_path: Path) -> None:
    """Two starts of one run arrive as one: settings, entity, tags, all rows in order, and the table of samples."""
    offline = {**os.environ, "WANDB_MODE": "offline", "WANDB_SILENT": "true"}
    for first in ("0", "3"):
        subprocess.run([sys.executable, "-c", OFFLINE, str(tmp_path), first], env=offline, check=True)
    folders = sorted(str(path) for path in tmp_path.glob("wandb/offline-run-*"))
    assert len(folders) == 2
    call(server, "wandb", "sync", *folders)
    assert set(server.runs) == {SIG} and set(server.unknown) <= {"ServerFeaturesQuery"}
    told = server.runs[SIG][0]
    assert (told["entity"], told["project"], told["tags"], told["groupName"]) == ("team", "p", ["first"], "g")
    assert json.loads(server.runs[SIG][-1]["config"])["optim"]["value"] == {"lr": 1.0}
    rows = server.history[SIG]
    assert [row["_step"] for row in rows] == list(range(8))
    steps = [(row["update"], row["steps/ce"]) for row in rows if "steps/ce" in row]
    assert steps == [(update, 4 - update / 10) for update in range(6)]
    tables = [row["samples/table"]["path"] for row in rows if "samples/table" in row]
    assert len(tables) == 2 and json.loads(server.files[tables[0]])["data"] == [["T1"]]


def test_publishing_without_a_key_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    monkeypatch.setattr("orchestrator_solver.configuration.preflight.wandb_can_log", lambda: False)
    assert cli.main(["dashboard", "--publish", "--entity", "me"]) == 2
    assert "no key of wandb here" in capsys.readouterr().err


def test_a_server_that_is_not_there_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    class Unreachable:
        def save(self) -> None:
            raise ConnectionError("no network")

    monkeypatch.setattr("orchestrator_solver.configuration.preflight.wandb_can_log", lambda: True)
    monkeypatch.setitem(wandb_workspace.KINDS, "workspace", lambda shown: Unreachable())
    assert cli.main(["dashboard", "--publish", "--entity", "me"]) == 2
    assert capsys.readouterr().err.strip().endswith("me/music-orchestrator: no network")


def test_what_is_no_run_is_refused(capsys: pytest.CaptureFixture) -> None:
    assert cli.main(["dashboard", "nonsense"]) == 2
    assert "'nonsense' is no run" in capsys.readouterr().err
