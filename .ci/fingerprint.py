"""What a version of the project makes, as digests: to prove that a change of the code's shape changed no result.

    python .ci/fingerprint.py before.json --checkout OTHER_CHECKOUT --work FOLDER
    python .ci/fingerprint.py after.json --work ANOTHER_FOLDER
    diff before.json after.json

Everything is made by the commands that users give, so that both versions are asked the same. Takes half an hour on two
cores; what stands in the file already is not made again.
"""

import argparse
import gzip
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent.parent
GRIDS = ("nano_sweep", "nano_table1", "orch_sweeps", "table1")
RUN = ["solver=orchestrator_nano", "optim.epochs=2", "optim.updates_per_epoch=25", "dataset.valid.num_samples=16",
       "dataset.evaluate.num_samples=16", "dataset.generate.num_samples=2", "generate.every=2", "evaluate.every=2",
       "schedule.cosine.warmup=10", "num_threads=1", "dataset.num_workers=1", "logging.log_tensorboard=true",
       "logging.log_updates=25"]  # fmt: skip
TIMES = re.compile(r"duration|seconds|_per_second|eta|memory|rtf")  # what of a history is no result
TUNE = """import sys; from pretty_midi import *; midi, part = PrettyMIDI(), Instrument(0); pitches = 60, 62, 64, 65, 67
for index, pitch in enumerate(pitches): part.notes.append(Note(90, pitch, index / 2, index / 2 + .5))
midi.instruments.append(part); midi.write(sys.argv[1])"""


class Version:
    """A checkout, and the folder in which it works."""

    def __init__(self, checkout: Path, work: Path) -> None:
        self.checkout, self.work = checkout, work
        self.data = work / "data"
        work.mkdir(parents=True, exist_ok=True)

    def start(self, *command: str, runs: str = "runs") -> subprocess.Popen:
        """Start a module of this checkout, whose runs go to a folder of its own."""
        env = {**os.environ, "PYTHONPATH": str(self.checkout), "ORCHESTRATOR_DORA_DIR": str(self.work / runs)}
        env |= {"OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}
        with (self.work / "log.txt").open("a") as log:
            print("\n$", *command, file=log, flush=True)
            return subprocess.Popen(
                [sys.executable, *command], cwd=self.checkout, env=env, text=True, stdout=subprocess.PIPE, stderr=log,
                start_new_session=True,
            )  # fmt: skip

    def run(self, *command: str, runs: str = "runs") -> str:
        """What a module printed."""
        process = self.start(*command, runs=runs)
        out, _ = process.communicate()
        if process.returncode:
            sys.exit(f"error: exit code {process.returncode}, see {self.work / 'log.txt'}: {' '.join(command)}\n{out}")
        return out

    def orchestrator(self, *arguments: str) -> str:
        """What the command `orchestrator` printed."""
        return self.run("-c", "from orchestrator_solver.cli import main; main()", *arguments)

    def train(self, runs: str, *more: str) -> subprocess.Popen:
        """Start training, with runs in a folder of their own."""
        dora = ("-m", "dora", "--package", "orchestrator_solver", "run")
        return self.start(*dora, *more, *RUN, f"dset_root={self.data}", runs=runs)

    def trained(self, runs: str) -> dict[str, Any]:
        """Losses of every epoch, of groups of updates, and digests of the samples, of the only run in its folder."""
        (folder,) = (self.work / runs).glob("xps/*")
        if not (folder / "history.json").is_file():
            sys.exit(f"error: the run in {folder} ended early, see {self.work / 'log.txt'}")
        history = json.loads((folder / "history.json").read_text())
        stages = [{stage: _results(found) for stage, found in epoch.items()} for epoch in history]
        return {"history": stages, "updates": _events(folder), "audio": _digests(folder, "*.flac")}


def _results(metrics: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in sorted(metrics.items()) if not TIMES.search(name)}


def _events(folder: Path) -> dict[str, list[float]]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found: dict[str, list[float]] = {}
    for path in sorted(folder.rglob("events.out.*")):
        events = EventAccumulator(str(path)).Reload()
        for tag in events.Tags()["scalars"]:
            if not TIMES.search(tag):
                found.setdefault(tag, []).extend(event.value for event in events.Scalars(tag))
    return dict(sorted(found.items()))


def _digest(path: Path) -> str:
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return hashlib.sha256(content).hexdigest()[:16]


def _digests(folder: Path, pattern: str = "*") -> dict[str, str]:
    """Of every file below a folder, but of a data set's records of its sources, which hold times."""
    files = [path for path in sorted(folder.rglob(pattern)) if path.is_file() and path.parent.name != ".sources"]
    return {str(path.relative_to(folder)): _digest(path) for path in files}


def data_set(version: Version) -> Any:
    """The embedded corpus and its data set, to the byte."""
    version.run("-m", "dataset_builder", "build", "--source", "nano", "--out", str(version.data), "--workers", "2")
    return _digests(version.data)


def store(version: Version) -> Any:
    """The store's files."""
    before = set(_digests(version.data))
    version.orchestrator("prepare", str(version.data), "--workers", "2")
    return {name: digest for name, digest in _digests(version.data).items() if name not in before}


def one_process(version: Version) -> Any:
    """50 updates in one process."""
    version.train("one").communicate()
    return version.trained("one")


def two_processes(version: Version) -> Any:
    """50 updates in two processes."""
    version.train("two", "-d", "--ddp_workers=2").communicate()
    return version.trained("two")


def resumed(version: Version) -> Any:
    """50 updates, killed by -9 after the first epoch and started again."""
    process = version.train("resumed")
    history = version.work / "resumed/xps"
    while not list(history.glob("*/history.json")) and process.poll() is None:
        time.sleep(0.2)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    version.train("resumed").communicate()
    return version.trained("resumed")["history"]  # the killed epoch's updates are logged twice


def scores(version: Version) -> Any:
    """The shipped models' scores of 32 excerpts, every digit."""
    out = version.work / "table1"
    version.orchestrator("evaluate", "--data", str(version.data), "--excerpts", "32", "--out", str(out))
    return {path.name: json.loads(path.read_text()) for path in sorted(out.glob("*.json"))}


def grids(version: Version) -> Any:
    """Signatures of all rows of all grids."""
    return {name: version.orchestrator("sweep", name, "--dry-run").splitlines() for name in GRIDS}


def recordings(version: Version) -> Any:
    """What both shipped models play of one tune."""
    tune, out = version.work / "tune.mid", version.work / "played"
    version.run("-c", TUNE, str(tune))
    for model in ("nano", "nano-baseline"):
        version.orchestrator("orchestrate", str(tune), "--instruments", "violin, cello", "--model", model, "--samples",
                             "2", "--out", str(out / model))  # fmt: skip
    return _digests(out, "*.wav")


def demo(version: Version) -> Any:
    """The table that a demo of a few works prints."""
    out = version.work / "small-demo"
    size = ("--works", "6", "--epochs", "2", "--updates", "10", "--excerpts", "16", "--shown", "2")
    version.orchestrator("demo", "--out", str(out), *size)
    return json.loads((out / "table1/table1.json").read_text())


PARTS: dict[str, Callable[[Version], Any]] = {
    part.__name__: part
    for part in (data_set, store, one_process, two_processes, resumed, scores, grids, recordings, demo)
}


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="the digests (JSON)")
    parser.add_argument("--checkout", type=Path, default=HERE, help="the version (default: this one)")
    parser.add_argument("--work", type=Path, required=True, help="folder to work in")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS), help="default: all")
    arguments = parser.parse_args()
    version = Version(arguments.checkout.resolve(), arguments.work.resolve())
    found = json.loads(arguments.out.read_text()) if arguments.out.exists() else {}
    for name in arguments.parts:
        if name not in found:
            print(f"{time.strftime('%H:%M:%S')} {name}", flush=True)
            result = json.dumps(PARTS[name](version)).replace(str(version.work), "WORK")
            found[name] = json.loads(result.replace(str(version.checkout), "CHECKOUT"))
            arguments.out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
