"""wandb and TensorBoard show the same settings, scalars, samples of all processes and Table 1, read back from both."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from support.made_up_runs import KL, SIM, clips_of
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

from orchestrator_solver.evaluation.tabulation import tabulate
from orchestrator_solver.monitoring import boards
from orchestrator_solver.monitoring.offline_wandb import history_of
from orchestrator_solver.monitoring.sample_table import Sample, of_all_processes
from orchestrator_solver.paths import PROJECT

RATE = 16_000
# Logs as a run does, without media and with them, in a process of its own: wandb's client keeps to its first settings.
PROGRAM = """
import pathlib, sys, types
import orchestrator_solver, dora, flashy, torch
from orchestrator_solver.monitoring import boards
from orchestrator_solver.evaluation.tabulation import tabulate
from support.made_up_runs import KL, SIM, clips_of
from orchestrator_solver.monitoring.sample_table import Sample

folder, media = pathlib.Path(sys.argv[1]), sys.argv[2] == "media"
dora.get_xp = lambda: types.SimpleNamespace(folder=folder, sig="0123abcd")
loggers = {
    "wandb": flashy.loggers.WandbLogger.from_xp(
        with_media_logging=media, project="p", entity="team", tags=["first", "lora"], name=None, group=None
    ),
    "tensorboard": flashy.loggers.TensorboardLogger.from_xp(with_media_logging=media),
}
samples = [Sample(f"T{n}", 1.5, "Instruments: violin.", 0.5, None, "r.flac", "o.flac", "t.flac") for n in range(2)]
table = tabulate(clips_of(0.5), (SIM, KL), resamples=20)
for name, logger in loggers.items():
    logger.log_hyperparams({"optim": {"lr": 0.5, "optimizer": "dadam"}})
    for update in (10, 20, 30):
        logger.log_metrics("steps", {"ce": 4 - update / 100, "ce_q1": 3.0, "d": 1e-6, "grad_norm": 2.0}, update)
    logger.log_metrics("valid", {"ce": 3.5, "ce_q1": 3.25}, 1)
    boards.SHOW_SAMPLES[name](logger, samples, folder, 1)
    boards.SHOW_TABLE1[name](logger, table, 1)
loggers["tensorboard"].writer.close()
loggers["wandb"].writer.finish()
"""


@pytest.fixture(scope="module", params=["no media", "media"])
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bool]:
    """A run's folder, and whether it has logged sounds."""
    folder = tmp_path_factory.mktemp("run")
    for name in ("r", "o", "t"):
        soundfile.write(folder / f"{name}.flac", np.full(RATE, 0.1, np.float32), RATE)
    path = os.pathsep.join([str(PROJECT), str(PROJECT / "tests")])
    environment = {**os.environ, "PYTHONPATH": path, "WANDB_MODE": "offline", "WANDB_SILENT": "true"}
    command = [sys.executable, "-c", PROGRAM, str(folder), request.param]
    done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder, request.param == "media"


def at_wandb(folder: Path) -> list[dict]:
    (offline,) = folder.glob("wandb/offline-run-*")
    return history_of(offline)


def at_tensorboard(folder: Path) -> EventAccumulator:
    return EventAccumulator(str(folder / "tensorboard")).Reload()


def texts_of(board: EventAccumulator) -> dict[str, str]:
    tags = board.Tags()["tensors"]
    return {
        tag.removesuffix("/text_summary"): board.Tensors(tag)[0].tensor_proto.string_val[0].decode() for tag in tags
    }


def test_scalars_are_the_same_at_both(run: tuple[Path, bool]) -> None:
    folder, _ = run
    board = at_tensorboard(folder)
    theirs = {(tag, one.step): one.value for tag in board.Tags()["scalars"] for one in board.Scalars(tag)}
    ours = {
        (name, row["update" if name.startswith("steps/") else "epoch"]): value
        for row in at_wandb(folder) for name, value in row.items() if "/" in name and isinstance(value, float | int)
    }  # fmt: skip
    assert len(ours) == 3 * 4 + 2 and ours == pytest.approx(theirs)


def test_samples_and_table_1_are_the_same_at_both(run: tuple[Path, bool]) -> None:
    folder, media = run
    (offline,) = folder.glob("wandb/offline-run-*")
    logged = {name: value for row in at_wandb(folder) for name, value in row.items()}
    samples, table1 = (
        json.loads((offline / "files" / logged[name]["path"]).read_text())
        for name in ("samples/table", "evaluate/table1")
    )
    board = at_tensorboard(folder)
    texts = texts_of(board)
    heard = ["reference", "output", "target"] if media else []
    assert samples["columns"] == ["item", "start", "prompt", "sim", "instruments", *heard]
    assert [row[0] for row in samples["data"]] == ["T0", "T1"]
    for number, row in enumerate(samples["data"]):
        told = "\n".join(f"- {name}: {value}" for name, value in zip(samples["columns"][:5], row[:5], strict=True))
        assert texts[f"samples/{number:02d}"] == told
    assert set(board.Tags()["audio"]) == {f"samples/{number:02d}_{name}" for number in (0, 1) for name in heard}
    table = tabulate(clips_of(0.5), (SIM, KL), resamples=20)
    assert table1["columns"] == ["row", "reference", "SIM ↑", "KL ↓"]
    assert [row[:3] for row in table1["data"]] == [[line.label, "stem", line.text("sim")] for line in table.lines]
    for row in table1["data"]:
        assert all(cell in texts["evaluate/table1"] for cell in row if cell != "stem")


def test_settings_are_the_same_at_both(run: tuple[Path, bool]) -> None:
    folder, _ = run
    (written,) = folder.glob("tensorboard/*/events.out.tfevents*")  # in a folder of their own
    plugin = EventAccumulator(str(written.parent)).Reload().PluginTagToContent("hparams")
    told = HParamsPluginData.FromString(plugin["_hparams_/session_start_info"]).session_start_info.hparams
    assert {name: value.number_value or value.string_value for name, value in told.items()} == {
        "optim.lr": 0.5, "optim.optimizer": "dadam",
    }  # fmt: skip
    (offline,) = folder.glob("wandb/offline-run-*/run-*.wandb")
    assert b'{"lr":0.5,"optimizer":"dadam"}' in offline.read_bytes()


def test_a_table_for_wandb_is_played_with_media(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.flac", np.zeros(RATE, np.float32), RATE)
    sample = Sample("T1", 0.0, "", None, None, "a.flac", "a.flac", "a.flac")
    assert boards.wandb_table([sample], None).columns == list(boards.FACTS)
    shown = boards.wandb_table([sample], tmp_path)
    assert shown.columns == [*boards.FACTS, "reference", "output", "target"]
    assert type(shown.data[0][5]).__name__ == "Audio"


def _gather(folder: str, rank: int) -> None:
    torch.distributed.init_process_group("gloo", f"file://{folder}/group", rank=rank, world_size=2)
    mine = [Sample(f"rank {rank}, {n}", 0.0, "", None, None, "", "", "") for n in range(rank + 1)]
    found = [sample.item for sample in of_all_processes(mine)]
    Path(folder, f"{rank}.json").write_text(json.dumps(found))
    torch.distributed.destroy_process_group()


def test_samples_of_all_processes_are_shown_process_by_process(tmp_path: Path) -> None:
    context = torch.multiprocessing.get_context("fork")
    processes = [context.Process(target=_gather, args=(str(tmp_path), rank)) for rank in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
        assert process.exitcode == 0
    for rank in range(2):
        assert json.loads((tmp_path / f"{rank}.json").read_text()) == ["rank 0, 0", "rank 1, 0", "rank 1, 1"]
