"""`dora run` on tiny models: all stages, resuming after a kill, two workers, loggers, and mistakes said in one line."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from support.tiny_runs import DEADLINE, history_of, run_command, run_environment, run_to_its_end
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from orchestrator_solver.monitoring import offline_wandb
from orchestrator_solver.paths import PROJECT
from orchestrator_solver.runtime import run_lock
from orchestrator_solver.runtime.throughput import OF_THE_MACHINE
from orchestrator_solver.weights import package

# Three epochs in which everything is drawn at random, and lines of the log that tell how far it is.
RANDOM = ("optim.epochs=3", "optim.updates_per_epoch=12", "transformer_lm.dropout=0.1", "logging.log_updates=6",
          "schedule.cosine.warmup=4", "classifier_free_guidance.training_dropout=0.3")  # fmt: skip
WATCHED = ("logging.log_tensorboard=true", "tensorboard.with_media_logging=true", "logging.log_wandb=true",
           "checkpoint.save_every=1", "checkpoint.keep_last=2", "checkpoint.keep_every_states=null")  # fmt: skip

pytestmark = pytest.mark.slow


def _exact(history: list[dict]) -> list[dict]:
    """All metrics of training and validation but those that measure this machine."""
    return [
        {stage: {name: value for name, value in epoch[stage].items() if name not in OF_THE_MACHINE}
         for stage in ("train", "valid")}
        for epoch in history
    ]  # fmt: skip


def _interrupt(folder: Path, command: list[str], seen: str, number: signal.Signals, worker: int | None = None) -> int:
    """Run until the log holds these words, then signal the process, or one of its workers; returns the exit code."""
    process = subprocess.Popen(
        command, cwd=PROJECT, env=run_environment(folder), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end and process.poll() is None:
        if any(seen in log.read_text() for log in folder.glob("xps/*/solver.log.0")):
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
            target = process.pid if worker is None else int(children[worker])
            (os.killpg if number == signal.SIGKILL else os.kill)(target, number)
            break
        time.sleep(0.02)
    return process.wait(DEADLINE)


@pytest.fixture(scope="module")
def straight(tiny_data: Path, tiny_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nothing disturbed, with all loggers."""
    folder = tmp_path_factory.mktemp("straight")
    done = run_to_its_end(folder, run_command(tiny_data, tiny_models, *RANDOM, *WATCHED))
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


def test_all_stages_and_loggers(straight: Path) -> None:
    history = history_of(straight)
    assert set(history[-1]) == {"train", "valid", "evaluate", "generate"} and len(history) == 3
    for pattern in ("events.out.tfevents*", "*.wandb", "*.wav"):
        assert list(straight.rglob(pattern)), pattern
    (table,) = straight.glob("xps/*/sample_tables/0003/0.jsonl")
    assert len(table.read_text().splitlines()) == 4 and {"sim", "rtf"} <= set(history[-1]["generate"])
    assert set(history[0]["train"]) >= {"ce_q1", "ce_q2", "lr", "grad_norm", "nonfinite", *OF_THE_MACHINE}
    events = min({path.parent for path in straight.rglob("events.out.tfevents*")}, key=lambda folder: len(folder.parts))
    shown = EventAccumulator(str(events)).Reload()
    updates = [event.step for event in shown.Scalars("steps/ce")]
    assert len(updates) == 15 and updates == sorted(set(updates)) and updates[-1] < 36
    assert [event.step for event in shown.Scalars("valid/ce_q2")] == [1, 2, 3]
    assert {f"samples/00_{name}" for name in ("reference", "output", "target")} <= set(shown.Tags()["audio"])
    (offline,) = straight.glob("xps/*/wandb/offline-run-*")
    at_wandb = {
        (name, row["update" if name.startswith("steps/") else "epoch"]): value
        for row in offline_wandb.history_of(offline) for name, value in row.items()
        if "/" in name and isinstance(value, float | int)
    }  # fmt: skip
    at_tensorboard = {
        (tag, one.step): one.value for tag in shown.Tags()["scalars"] for one in shown.Scalars(tag) if "/" in tag
    }
    assert at_wandb == pytest.approx(at_tensorboard, nan_ok=True) and len(at_wandb) > 100
    kept = {path.name for path in straight.glob("xps/*/checkpoint*")}
    assert kept == {"checkpoint.th", "checkpoint_2.th", "checkpoint_3.th"}


@pytest.mark.parametrize(
    ("number", "seen"),
    [(signal.SIGKILL, "Train | Epoch 2 | 4/12"), (signal.SIGTERM, "Train | Epoch 2 | 4/12"),
     (signal.SIGINT, "Train | Epoch 2 | 4/12"), (signal.SIGUSR2, "Train Summary | Epoch 2")],
)  # fmt: skip
def test_an_interrupted_run_ends_with_the_same_bits(
    number: signal.Signals, seen: str, straight: Path, tiny_data: Path, tiny_models: Path, tmp_path: Path
) -> None:
    """Killed, it goes on from the epoch before; asked to stop, from the step where it was."""
    command = run_command(tiny_data, tiny_models, *RANDOM, "logging.log_wandb=true")
    code = _interrupt(tmp_path, command, seen, number)
    assert code == (-number if number == signal.SIGKILL else 128 + number)
    assert len(history_of(tmp_path)) == 1
    log = next(tmp_path.glob("xps/*/solver.log.0"))
    if number != signal.SIGKILL:
        done = int(re.search(r"saved after (\d+) of 12 updates of epoch 2", log.read_text())[1])
        assert done == 12 if number == signal.SIGUSR2 else 4 <= done < 12
    again = run_to_its_end(tmp_path, command)
    assert again.returncode == 0, again.stderr[-3000:]
    assert _exact(history_of(tmp_path)) == _exact(history_of(straight))
    (run,) = tmp_path.glob("xps/*")
    assert {path.name.rpartition("-")[2] for path in run.glob("wandb/offline-run-*")} == {run.name}, "one run at wandb"


def test_a_torn_last_checkpoint_is_gone_on_from_the_newest_whole(
    straight: Path, tiny_data: Path, tiny_models: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "torn"
    shutil.copytree(straight, folder, symlinks=True)
    (run,) = folder.glob("xps/*")
    for name in ("checkpoint.th", "checkpoint_3.th"):
        (run / name).write_bytes((run / name).read_bytes()[:-1000])
    command = run_command(tiny_data, tiny_models, *RANDOM, *WATCHED)
    refused = run_to_its_end(folder, command)
    assert refused.returncode == 2 and "checkpoint_2.th is whole: copy it" in refused.stderr
    assert "or add continue_from_whole=true" in refused.stderr
    done = run_to_its_end(folder, [*command, "continue_from_whole=true"])
    assert done.returncode == 0, done.stderr[-3000:]
    assert _exact(history_of(folder)) == _exact(history_of(straight))


def test_a_run_that_another_process_trains_is_refused(
    straight: Path, tiny_data: Path, tiny_models: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "held"
    shutil.copytree(straight, folder, symlinks=True)
    (run,) = folder.glob("xps/*")
    with run_lock.training(run):
        second = run_to_its_end(folder, run_command(tiny_data, tiny_models, *RANDOM, *WATCHED))
    _expect_error(second, f"is being trained by 'process {os.getpid()} on ")


def test_an_edited_default_stops_the_run_that_began_without_it(
    tiny_data: Path, tiny_models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before a model is loaded; kept or taken, it goes on as the run of the same signature, in both processes."""
    project, runs = tmp_path / "project", tmp_path / "runs"
    for name in ("dataset_builder", "orchestrator_solver", "config"):
        shutil.copytree(PROJECT / name, project / name)
    monkeypatch.setenv("PYTHONPATH", str(project))
    command = run_command(tiny_data, tiny_models, "optim.epochs=1", options=("-d", "--ddp_workers=2"))
    assert run_to_its_end(runs, command, project).returncode == 0
    solver = project / "config/solver/orchestrator_nano.yaml"
    solver.write_text(solver.read_text().replace("lr: 1e-3", "lr: 2e-3"))
    stopped = run_to_its_end(runs, command, project)
    line = "optim.lr: 0.001 -> 0.002 (config/solver/orchestrator_nano.yaml changed since)"
    assert stopped.returncode == 1 and stopped.stderr.count("error: ") == 1 and line in stopped.stderr
    for policy, lr in (("keep", 0.001), ("take", 0.002)):
        done = run_to_its_end(runs, [*command, f"on_changed_config={policy}"], project)
        assert done.returncode == 0, done.stderr[-3000:]
        (log,) = runs.glob("xps/*/solver.log.0")
        assert line.partition(" (")[0] in log.read_text()
        (checkpoint,) = runs.glob("xps/*/checkpoint.th")
        record = json.loads((checkpoint.parent / "configuration.json").read_text())
        assert record["settings"]["optim"]["lr"] == lr
    assert run_to_its_end(runs, command, project).returncode == 0


def test_two_workers_are_one(tiny_data: Path, tiny_models: Path, tmp_path: Path) -> None:
    """The same losses and gradients, but for the order of additions; without dropout, which is drawn by process.

    An epoch's 49 samples do not divide by the batch of 4: both make 12 updates of it, and none waits for another.
    """
    found = []
    for name, options in (("one", ()), ("two", ("-d", "--ddp_workers=2"))):
        overrides = (
            *RANDOM,
            "transformer_lm.dropout=0",
            "optim.updates_per_epoch=null",
            "dataset.train.num_samples=49",
            "logging.log_wandb=true",
        )
        done = run_to_its_end(tmp_path / name, run_command(tiny_data, tiny_models, *overrides, options=options))
        assert done.returncode == 0, done.stderr[-3000:]
        found.append(_exact(history_of(tmp_path / name)))
    for one, two in zip(*found, strict=True):
        assert two["train"] == pytest.approx(one["train"], rel=1e-5, abs=1e-5)
        assert two["valid"]["ce"] == pytest.approx(one["valid"]["ce"], rel=1e-5)
    assert _played(tmp_path / "one") == _played(tmp_path / "two")


def _played(folder: Path) -> list[tuple[str, str]]:
    """Items and prompts of the samples that wandb is shown after the last epoch, of all processes."""
    tables = folder.glob("xps/*/wandb/offline-run-*/files/media/table/samples/table_*.json")
    (written,) = folder.glob("xps/*/sample_tables/0003")
    shown = json.loads(max(tables, key=lambda path: int(path.name.split("_")[1])).read_text())["data"]
    assert len(shown) == sum(len(path.read_text().splitlines()) for path in written.glob("*.jsonl"))
    return sorted((row[0], row[2]) for row in shown)


def test_two_agents_of_torchrun_are_two_workers(tiny_data: Path, tiny_models: Path, tmp_path: Path) -> None:
    """As on two nodes without Slurm, here both on loopback."""
    overrides = (*RANDOM, "transformer_lm.dropout=0", "optim.epochs=1", "schedule.cosine.warmup=1")
    one, two = tmp_path / "one", tmp_path / "two"
    alone = run_command(tiny_data, tiny_models, *overrides)
    assert run_to_its_end(one, alone).returncode == 0
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        where = ("--master-addr=127.0.0.1", f"--master-port={free.getsockname()[1]}")
    agents = [
        subprocess.Popen(
            [sys.executable, "-m", "torch.distributed.run", "--nnodes=2", f"--node-rank={node}", "--nproc-per-node=1",
             *where, *alone[1:]],
            cwd=PROJECT, env=run_environment(two), stderr=subprocess.PIPE, text=True,
        ) for node in (0, 1)
    ]  # fmt: skip
    for agent in agents:
        assert agent.wait(DEADLINE) == 0, agent.communicate()[1][-3000:]
    for ours, theirs in zip(history_of(two), history_of(one), strict=True):
        assert ours["train"]["ce"] == pytest.approx(theirs["train"]["ce"], rel=1e-5)
    assert len(list(two.glob("xps/*/solver.log.*"))) == 2


def test_one_of_several_that_is_asked_stops_all(tiny_data: Path, tiny_models: Path, tmp_path: Path) -> None:
    """In a validation of which the first process has 11 batches and the second 10, so that it might wait for ever."""
    overrides = (*RANDOM, "dataset.batch_size=6", "dataset.valid.num_samples=61", "logging.log_updates=20")
    command = run_command(tiny_data, tiny_models, *overrides, options=("-d", "--ddp_workers=2"))
    assert _interrupt(tmp_path, command, "Valid | Epoch 2 | 2/11", signal.SIGUSR2, worker=1) == 1
    assert len(history_of(tmp_path)) == 1
    for log in tmp_path.glob("xps/*/solver.log.*"):
        assert "SIGUSR2: saved after 12 of 12 updates of epoch 2" in log.read_text()
    done = run_to_its_end(tmp_path, command)
    assert done.returncode == 0, done.stderr[-3000:]
    assert len(history_of(tmp_path)) == 3


def test_sharded_training_is_the_same_with_any_number_of_processes_and_is_exported(
    tiny_data: Path, tiny_models: Path, tmp_path: Path
) -> None:
    """FSDP over gloo with D-Adaptation's sums over processes: two that are stopped in the middle of an epoch, one that
    goes on and is stopped, and two that end it have the losses and weights of a run that was never shared."""
    one, two = tmp_path / "one", tmp_path / "two"
    dadam = (*RANDOM, "transformer_lm.dropout=0", "optim.optimizer=dadam", "optim.lr=1")
    sharing = ("fsdp.use=true", "fsdp.param_dtype=float32")
    alone, single = (run_command(tiny_data, tiny_models, *dadam, *more) for more in ((), sharing))
    double = run_command(tiny_data, tiny_models, *dadam, *sharing, options=("-d", "--ddp_workers=2"))
    assert _interrupt(two, double, "Train | Epoch 2 | 4/12", signal.SIGTERM) == -signal.SIGTERM
    _wait_for_lines(two, "saved after", workers=2)
    assert _interrupt(two, single, "Train | Epoch 3 | 4/12", signal.SIGTERM) == 128 + signal.SIGTERM
    for folder, command in ((two, double), (one, alone)):
        done = run_to_its_end(folder, command)
        assert done.returncode == 0, done.stderr[-3000:]
    assert [path.name for path in two.glob("xps/*/checkpoint*")] == ["checkpoint.th"], "one file, and whole"
    for ours, theirs in zip(history_of(two), history_of(one), strict=True):
        for stage in ("train", "valid"):
            assert ours[stage]["ce"] == pytest.approx(theirs[stage]["ce"], rel=1e-4)
    states = [_exported(folder) for folder in (one, two)]
    assert states[0].keys() == states[1].keys()
    for name, value in states[0].items():
        torch.testing.assert_close(states[1][name], value, rtol=0, atol=2e-3, msg=name)


@pytest.mark.parametrize(
    ("overrides", "sharing", "near"),
    [(("lora.rank=4", "autocast=true", "autocast_dtype=bfloat16"), ("fsdp.param_dtype=float32",), 1e-3),
     ((), ("fsdp.param_dtype=bfloat16", "fsdp.sharding_strategy=full_shard"), 0.02),
     ((), ("fsdp.param_dtype=float16",), 0.02)],
    ids=["LoRA in bfloat16", "bfloat16", "float16"],
)  # fmt: skip
def test_sharded_training_in_parts_and_half_precision(
    overrides: tuple[str, ...],
    sharing: tuple[str, ...],
    near: float,
    tiny_data: Path,
    tiny_models: Path,
    tmp_path: Path,
) -> None:
    """Batches in parts, activations computed again, and what is played for Table 1; beside one process that has the
    batch at once, in single precision where parameters are in half."""
    one, two = tmp_path / "one", tmp_path / "two"
    short = ("optim.epochs=1", "optim.updates_per_epoch=4", "transformer_lm.dropout=0", *overrides)
    alone = run_command(tiny_data, tiny_models, *short)
    parts = ("fsdp.use=true", "optim.micro_batch=1", "transformer_lm.checkpointing=torch", *sharing)
    played = ("evaluate.metrics.clips=[sim]", "evaluate.excerpts=2") if not overrides else ()
    shared = run_command(tiny_data, tiny_models, *short, *parts, *played, options=("-d", "--ddp_workers=2"))
    for folder, command in ((one, alone), (two, shared)):
        done = run_to_its_end(folder, command)
        assert done.returncode == 0, done.stderr[-3000:]
    (ours,), (theirs,) = history_of(two), history_of(one)
    for stage in ("train", "valid"):
        assert ours[stage]["ce"] == pytest.approx(theirs[stage]["ce"], rel=near)
    assert ("grad_scale" in ours["train"]) == ("fsdp.param_dtype=float16" in sharing)
    assert not played or any(name.startswith("sim_") for name in ours["evaluate"])


def _wait_for_lines(folder: Path, words: str, workers: int) -> None:
    end = time.monotonic() + DEADLINE
    while sum(words in log.read_text() for log in folder.glob("xps/*/solver.log.*")) < workers:
        assert time.monotonic() < end
        time.sleep(0.05)


def _exported(folder: Path) -> dict[str, torch.Tensor]:
    """The weights of a folder's run, exported."""
    sig, out = next((folder / "xps").iterdir()).name, folder / "exported"
    done = run_to_its_end(
        folder, [str(Path(sys.executable).with_name("orchestrator")), "export", sig, "--to", str(out)]
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return package.load(str(out), "lm").state


@pytest.mark.parametrize(
    ("override", "words"),
    [("dset_root=/nowhere", "there is no folder /nowhere: expected a data set"),
     ("compression_model_checkpoint=//pretrained/no/codec", "no/codec"),
     ("continue_from=//pretrained/no/model", "no/model"),
     ("continue_from=//sig/01234567", "no checkpoint there"),
     ("schedule.cosine.warmup=30", "warmup=30 is not below the run's 18 updates (6 epochs of 3)"),
     ("transformer_lm.dim=4194304", "cpu has too little memory for this run: add optim.micro_batch=auto"),
     ("fsdp.use=true fsdp.sharding_strategy=no_shard", "expected one of shard_grad_op, full_shard")],
)  # fmt: skip
def test_what_is_missing_is_said_in_one_line(
    tiny_data: Path, tiny_models: Path, tmp_path: Path, override: str, words: str
) -> None:
    _expect_error(run_to_its_end(tmp_path, run_command(tiny_data, tiny_models, *override.split())), words)


def test_the_papers_run_says_what_it_lacks(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "dora", "run", "solver=orchestrator", "device=cpu", f"dset_root={tmp_path}"]
    done = run_to_its_end(tmp_path, command)
    _expect_error(done, f"{tmp_path} is no data set")
    assert len(done.stderr.splitlines()) == 1, "nothing before it"


def _expect_error(done: subprocess.CompletedProcess, words: str) -> None:
    assert done.returncode == 2, done.stderr[-3000:]
    errors = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    assert len(errors) == 1 and words in errors[0]
    assert "Traceback" not in done.stderr
