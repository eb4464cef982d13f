"""`dora run` on tiny models: all stages, resuming after a kill, two workers, loggers, and mistakes said in one line."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

PROJECT = Path(__file__).parent.parent
TINY = [
    "solver=orchestrator_nano", "continue_from=", "transformer_lm.n_q=2", "transformer_lm.card=16",
    "transformer_lm.dim=16", "transformer_lm.num_heads=2", "transformer_lm.num_layers=2", "transformer_lm.dropout=0",
    "codebooks_pattern.delay.delays=[0,1]", "dataset.segment_duration=1.6", "dataset.batch_size=4",
    "dataset.num_workers=1", "dataset.valid.num_samples=4", "dataset.evaluate.num_samples=4",
    "dataset.generate.num_samples=4", "orchestrator.store=false", "autocast=false", "num_threads=1",
    "optim.updates_per_epoch=3",
    "generate.lm.top_k=16",
]  # fmt: skip
DEADLINE = 240  # seconds that one run may take on a busy machine

pytestmark = pytest.mark.slow


def _command(data: Path, models: Path, *overrides: str, options: tuple[str, ...] = ()) -> list[str]:
    codec = f"compression_model_checkpoint=//pretrained/{models.parent}/codec"
    return [sys.executable, "-m", "dora", "run", *options, *TINY, f"dset_root={data}", codec, *overrides]


def _environment(folder: Path) -> dict[str, str]:
    return {
        **os.environ,
        "HF_HUB_OFFLINE": "1",
        "ORCHESTRATOR_DORA_DIR": str(folder),
        "WANDB_MODE": "offline",
        "WANDB_SILENT": "true",
    }


def _run(folder: Path, command: list[str]) -> subprocess.CompletedProcess:
    return subprocess.run(
        command, cwd=PROJECT, env=_environment(folder), capture_output=True, text=True, timeout=DEADLINE, check=False
    )


def _history(folder: Path) -> list[dict]:
    paths = list(folder.glob("xps/*/history.json"))
    return json.loads(paths[0].read_text()) if paths else []


def _losses(history: list[dict]) -> list[tuple[float, float]]:
    return [(epoch["train"]["ce"], epoch["valid"]["ce"]) for epoch in history]


def test_all_stages_and_resuming_after_a_kill(tiny_data: Path, tiny_models: Path, tmp_path: Path) -> None:
    """A run that was killed after its first epoch ends with the history of one that was not."""
    overrides = ("optim.epochs=3", "logging.log_tensorboard=true", "logging.log_wandb=true")
    command = _command(tiny_data, tiny_models, *overrides)
    straight = _run(tmp_path / "straight", command)
    assert straight.returncode == 0, straight.stderr[-3000:]
    history = _history(tmp_path / "straight")
    assert set(history[-1]) == {"train", "valid", "evaluate", "generate"} and len(history) == 3
    assert list((tmp_path / "straight").rglob("events.out.tfevents*"))
    assert list((tmp_path / "straight").rglob("*.wandb"))
    assert list((tmp_path / "straight").rglob("*.wav"))

    killed = tmp_path / "killed"
    process = subprocess.Popen(
        command, cwd=PROJECT, env=_environment(killed), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    end = time.monotonic() + DEADLINE
    while not _history(killed) and time.monotonic() < end and process.poll() is None:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert 1 <= len(_history(killed)) < 3
    again = _run(killed, command)
    assert again.returncode == 0, again.stderr[-3000:]
    assert _losses(_history(killed)) == _losses(history)


def test_two_workers(tiny_data: Path, tiny_models: Path, tmp_path: Path) -> None:
    done = _run(
        tmp_path, _command(tiny_data, tiny_models, "optim.epochs=1", options=("-d", "--ddp_workers=2"))
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert len(_history(tmp_path)) == 1


@pytest.mark.parametrize(
    ("override", "words"),
    [("dset_root=/nowhere", "build the data set first"),
     ("compression_model_checkpoint=//pretrained/no/codec", "no/codec"),
     ("continue_from=//pretrained/no/model", "no/model"),
     ("continue_from=//sig/01234567", "no checkpoint there")],
)  # fmt: skip
def test_what_is_missing_is_said_in_one_line(
    tiny_data: Path, tiny_models: Path, tmp_path: Path, override: str, words: str
) -> None:
    _expect_error(_run(tmp_path, _command(tiny_data, tiny_models, override)), words)


def test_the_papers_run_says_what_it_lacks(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "dora", "run", "solver=orchestrator", "device=cpu", f"dset_root={tmp_path}"]
    _expect_error(_run(tmp_path, command), "build the data set first")


def _expect_error(done: subprocess.CompletedProcess, words: str) -> None:
    assert done.returncode == 2, done.stderr[-3000:]
    errors = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    assert len(errors) == 1 and words in errors[0]
    assert "Traceback" not in done.stderr
