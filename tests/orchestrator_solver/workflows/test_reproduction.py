"""A reproduction's plan says what is done, to do and lacking; its steps go on where they stopped, also on Slurm."""

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from dataset_builder.errors import UserError
from dataset_builder.sources.slakh_index import published
from orchestrator_solver import cli
from orchestrator_solver.weights import hub
from orchestrator_solver.weights.known_files import CLAP, PASST
from orchestrator_solver.workflows.reproduction import running, slurm
from orchestrator_solver.workflows.reproduction.progress import RECORD, Progress
from orchestrator_solver.workflows.reproduction.step import Lack, Step, Takes


def _steps(out: Path, words: tuple[str, ...] = ("a", "b", "c")) -> list[Step]:
    """Steps that each write a file, and a line of a diary."""
    return [_step(out, word) for word in words]


def _step(out: Path, word: str, command: str = 'echo "$1" >> "$0/diary"; touch "$0/$1"', **more: object) -> Step:
    return Step(word, f"file {word}", ("bash", "-c", command, str(out), word), Takes(1.0), (out / word,), **more)  # type: ignore[arg-type]


def _names(progress: Progress) -> list[str]:
    return [step.name for step in progress.to_do()]


def test_it_goes_on_and_does_nothing_twice(tmp_path: Path) -> None:
    steps = _steps(tmp_path)
    running.run(Progress(tmp_path, steps), until="b")
    assert _names(Progress(tmp_path, steps)) == ["c"]
    for _ in range(2):
        running.run(Progress(tmp_path, steps))
    assert (tmp_path / "diary").read_text() == "a\nb\nc\n"


@pytest.mark.parametrize("how", ["file gone", "other command", "not whole"])
def test_what_follows_a_step_that_is_not_done_is_not_done(tmp_path: Path, how: str) -> None:
    steps = _steps(tmp_path)
    running.run(Progress(tmp_path, steps))
    if how == "file gone":
        (tmp_path / "b").unlink()
    else:
        steps[1] = _step(tmp_path, "b", 'touch "$0/$1"') if how == "other command" else _step(
            tmp_path, "b", whole=lambda: False)  # fmt: skip
    assert _names(Progress(tmp_path, steps)) == ["b", "c"]


def test_a_step_that_fails_or_leaves_nothing_is_one_line_and_not_done(tmp_path: Path) -> None:
    for command, words in (("exit 3", "exit code 3"), ("true", f"without {tmp_path / 'b'}")):
        steps = [_step(tmp_path, "a"), _step(tmp_path, "b", command), _step(tmp_path, "c")]
        with pytest.raises(UserError, match=words):
            running.run(Progress(tmp_path, steps))
        assert _names(Progress(tmp_path, steps)) == ["b", "c"]


def test_nothing_is_run_where_a_later_step_lacks_something(tmp_path: Path) -> None:
    steps = [_step(tmp_path, "a"), _step(tmp_path, "b", lacks=lambda: [Lack("a key: set KEY")])]
    with pytest.raises(UserError, match=r"1 steps lack something, nothing was run: b: a key: set KEY"):
        running.run(Progress(tmp_path, steps))
    assert not (tmp_path / "a").exists()
    running.run(Progress(tmp_path, steps), until="a")
    assert _names(Progress(tmp_path, steps)) == ["b"]


def test_one_step_is_run_only_after_those_before(tmp_path: Path) -> None:
    steps = _steps(tmp_path)
    with pytest.raises(UserError, match="b is made of what a makes"):
        running.run(Progress(tmp_path, steps), only="b")
    running.run(Progress(tmp_path, steps), only="a")
    running.run(Progress(tmp_path, steps), only="b")
    assert (tmp_path / "diary").read_text() == "a\nb\n"


def test_what_a_step_was_made_of_may_be_removed(tmp_path: Path) -> None:
    """The archive that somebody put there, once it is unpacked."""
    archive = tmp_path / "archive"
    archive.touch()
    fetch = Step("fetch", "", ("false",), Takes(0), lacks=lambda: [Lack("--fetch")], is_there=archive.is_file)
    steps = [fetch, _step(tmp_path, "a")]
    running.run(Progress(tmp_path, steps))
    archive.unlink()
    assert _names(Progress(tmp_path, steps)) == []


def test_a_record_that_is_none_is_one_line(tmp_path: Path) -> None:
    for text in ("{", "[]", "3"):
        (tmp_path / RECORD).write_text(text)
        with pytest.raises(UserError, match="is no record of a reproduction"):
            Progress(tmp_path, [])


_WAITS = """
import sys; from pathlib import Path
from orchestrator_solver.workflows.reproduction import running
from orchestrator_solver.workflows.reproduction.progress import Progress
from orchestrator_solver.workflows.reproduction.step import Step, Takes
out = Path(sys.argv[1])
saves = 'trap "sleep 0.5; touch $0/saved; exit 1" TERM INT; touch "$0/began"; while true; do sleep 0.05; done'
running.run(Progress(out, [Step("a", "", ("bash", "-c", saves, str(out)), Takes(0))]))
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_step_that_saves_is_waited_for(tmp_path: Path, number: signal.Signals) -> None:
    heeds = partial(signal.signal, signal.SIGINT, signal.default_int_handler)  # what runs in the background ignores it
    process = subprocess.Popen([sys.executable, "-c", _WAITS, str(tmp_path)], start_new_session=True, preexec_fn=heeds)
    while not (tmp_path / "began").exists():
        assert process.poll() is None
        time.sleep(0.02)
    (os.killpg if number == signal.SIGINT else os.kill)(process.pid, number)
    assert process.wait(30) != 0
    assert (tmp_path / "saved").exists()


@pytest.fixture
def sbatch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Slurm that notes what it is given, in this file, and names jobs 1, 2, ..."""
    seen = tmp_path / "seen"
    program = tmp_path / "bin/sbatch"
    program.parent.mkdir()
    program.write_text(f'#!/bin/bash\necho "$@" >> {seen}\necho "$(wc -l < {seen});cluster"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    return seen


def test_jobs_wait_for_those_before(tmp_path: Path, sbatch: Path) -> None:
    steps = [_step(tmp_path, "a"), _step(tmp_path, "b", on_gpu=True)]
    script = slurm.write(tmp_path, steps, slurm.Jobs("fast", None, 8, 4, 64), ["reproduce", "--scale", "nano"])
    assert slurm.submit(script) == "a: job 1\nb: job 2"
    first, second = sbatch.read_text().splitlines()
    assert first == f"--parsable {tmp_path}/slurm/01-a.sbatch"
    assert second == f"--parsable --dependency=afterok:1 --kill-on-invalid-dep=yes {tmp_path}/slurm/02-b.sbatch"
    text = (tmp_path / "slurm/02-b.sbatch").read_text()
    for line in ("#SBATCH --gres=gpu:8", "#SBATCH --partition=fast", "#SBATCH --time=120", "#SBATCH --mem=64G"):
        assert line in text.splitlines()
    assert text.rstrip().endswith("orchestrator_solver.cli reproduce --scale nano --only b")
    assert "gres" not in (tmp_path / "slurm/01-a.sbatch").read_text()


def test_a_limit_of_jobs_can_be_said(tmp_path: Path) -> None:
    slurm.write(tmp_path, _steps(tmp_path), slurm.Jobs(None, None, 1, 2, 8, minutes=90), ["reproduce"])
    assert all("#SBATCH --time=90\n" in path.read_text() for path in tmp_path.glob("slurm/*.sbatch"))


def test_without_sbatch_jobs_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = slurm.write(tmp_path, _steps(tmp_path), slurm.Jobs(None, None, 1, 2, 8), ["reproduce"])
    monkeypatch.setenv("PATH", "")
    assert slurm.submit(script) is None and len(list(script.parent.glob("*.sbatch"))) == 3


@pytest.fixture
def printed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """`printed(words)` is what the command prints, where there are no keys and no weights."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.setattr(hub, "missing", lambda repo: ["weights"])
    monkeypatch.setattr(hub, "reachable", lambda: "there is no network")

    def run(*words: str) -> str:
        code = cli.main(["reproduce", *words])
        told = capsys.readouterr()
        assert code == (2 if told.err else 0), told.err
        return told.out + told.err

    return run


def _states(plan: str) -> dict[str, str]:
    return {line.split()[0]: line[11:20].strip() for line in plan.splitlines()[1:] if line[:1].isalpha() and ":" not in
            line[:20]}  # fmt: skip


def test_the_small_scale_lacks_nothing(printed, tmp_path: Path) -> None:
    plan = printed("--scale", "nano", "--out", str(tmp_path / "out"), "--plan", "optim.epochs=1")
    states = _states(plan)
    for name in ("build", "prepare", "train", "evaluate", "page", "export"):
        assert states[name] == "to do"
    assert "200 updates of 0.86 s, as the demo's" in plan and "not the paper's" not in plan
    assert not (tmp_path / "out").exists(), "a plan writes nothing"


def test_the_papers_plan_says_what_it_lacks_and_how_to_get_it(printed, tmp_path: Path) -> None:
    plan = printed("--scale", "paper", "--out", str(tmp_path / "out"), "--plan", "--gpus", "8")
    states = _states(plan)
    assert [states[name] for name in ("fetch", "build", "describe", "train", "evaluate")] == ["lacks"] * 5
    for words in ("f4b71b6c45ac9b506f59788456b3f0c4", "add --fetch", "--caption-command", "set OPENAI_API_KEY",
                  "say --budget", "hf download facebook/musicgen-melody", CLAP.url, PASST.url,
                  "by 8 GPUs of 125 TFLOP/s (assumed)", "(prices of "):  # fmt: skip
        assert words in plan
    assert "not the paper's" not in plan


def test_a_plan_says_what_replaces_the_papers(printed, tmp_path: Path) -> None:
    words = ("--captions", "musicnn", "--describer", "template", "optim.epochs=2")
    plan = printed("--scale", "paper", "--out", str(tmp_path / "out"), "--plan", *words)
    assert "not the paper's: captions by musicnn, in the place of MU-LLaMA's" in plan
    assert "not the paper's: descriptions by template, in the place of GPT-4o's" in plan
    assert "not the paper's: the training with optim.epochs=2" in plan
    assert "describe" not in _states(plan) and "OPENAI_API_KEY" not in plan


@pytest.mark.parametrize(("gpus", "words"), [("1", "dora run solver="), ("4", "dora run -d solver=")])
def test_all_gpus_train(printed, tmp_path: Path, gpus: str, words: str) -> None:
    plan = printed("--scale", "paper", "--out", str(tmp_path / "out"), "--plan", "--gpus", gpus)
    assert plan.count(f"    {words}") == 2


def test_a_describer_of_no_known_price_is_lacking_it(printed, tmp_path: Path) -> None:
    plan = printed("--scale", "paper", "--out", str(tmp_path / "out"), "--plan", "--describer", "mine")
    assert "lacks: the price of mine: take one of gpt-4o, " in plan


def test_an_unpacked_copy_is_counted_before(printed, tmp_path: Path) -> None:
    root = tmp_path / "slakh"
    folders = {"train": "train", "valid": "validation", "test": "test"}
    for track in published("redux")[1:]:
        (root / folders[track.split] / track.id).mkdir(parents=True)
    words = ("--scale", "paper", "--out", str(tmp_path / "out"), "--root", str(root), "--plan")
    assert "has not 1 of the 1710 tracks of redux, such as Track00001: unpack it again" in printed(*words)
    (root / "train/Track00001").mkdir()
    plan = printed(*words)
    assert _states(plan)["count"] == "to do" and "fetch" not in _states(plan)


@pytest.mark.parametrize(
    ("words", "line"),
    [("--scale nano --root x", "--root is not of --scale nano"),
     ("--scale paper --works 3", "--works is not of --scale paper"),
     ("--scale nano --until score", "--until score: expected one of build, prepare, train"),
     ("--scale nano --plan --slurm", "expected one of --plan, --slurm and --only"),
     ("--scale paper", "lack something, nothing was run: fetch: no ")],
)  # fmt: skip
def test_a_mistake_is_one_line(printed, tmp_path: Path, words: str, line: str) -> None:
    (told,) = printed(*words.split(), "--out", str(tmp_path / "out")).splitlines()
    assert told.startswith("error: ") and line in told


def test_a_job_does_what_the_command_would(printed, tmp_path: Path, sbatch: Path) -> None:
    """Its words make the same step, so that what it records is what the command looks for."""
    out = tmp_path / "out"
    words = ("--scale", "nano", "--out", str(out), "--works", "4", "--excerpts", "3", "optim.epochs=1")
    assert printed(*words, "--slurm").count(": job ") == 6
    lines = printed(*words, "--plan")
    for script in sorted((out / "slurm").glob("*.sbatch")):
        comment = script.read_text().split("\n# ")[1].splitlines()[0]
        assert f"    {comment}\n" in lines
        assert "--works 4 --excerpts 3" in script.read_text() and "optim.epochs=1" in script.read_text()
