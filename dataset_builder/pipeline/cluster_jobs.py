"""Shards as jobs of their own, through submitit (what Dora uses): on Slurm, or as processes of this machine.

Every job does what `build --shard i/n`, or `materialise --shard i/n`, does; a job that Slurm preempts or stops at its
time limit is submitted again and goes on where it was. When all have ended, the rest is done here.
"""

import shutil
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import submitit
from submitit.helpers import Checkpointable
from tqdm import tqdm

from ..dataset import manifest
from ..dataset.materialise import materialise, materialise_shard, part_path
from ..dataset.report import Report
from ..errors import UserError
from ..items.track_results import result_path
from ..llm.settings import ChatSettings
from ..runtime.shards import Shard
from .build import build_shard, merge, prepare
from .outdated import refuse_if_many_are_gone
from .settings import BuildSettings

# In the data set's folder, with a name of its own for each launch: what submitit writes, and the jobs' output. It
# unpickles what it finds there as a job's result, so that nobody else may have put anything there before.
FOLDER = ".jobs-{}"


@dataclass(frozen=True)
class Launch:
    """How shards are run.

    Attributes:
        launcher: a name in `LAUNCHERS`.
        shards: how many jobs.
        partition: Slurm's.
        account: Slurm's.
        minutes: time limit of a job.
        memory: GB of a job.
        poll: seconds between two looks at the jobs.
    """

    launcher: str
    shards: int
    partition: str | None = None
    account: str | None = None
    minutes: int = 240
    memory: int = 8
    poll: float = 2.0

    def parts(self) -> list[Shard]:
        """The shards, one a job."""
        return [Shard(index, self.shards) for index in range(1, self.shards + 1)]

    def __post_init__(self) -> None:
        """Raises UserError if a value runs nothing."""
        for name in ("shards", "minutes", "memory"):
            if getattr(self, name) < 1:
                raise UserError(f"{name} is {getattr(self, name)}: expected at least 1")


def _private(folder: Path) -> Path:
    """A new folder that only its user may open."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=0o700)
    return folder


def _slurm(folder: Path, launch: Launch) -> submitit.Executor:
    if shutil.which("sbatch") is None:
        raise UserError("there is no sbatch here: run it on a machine of the Slurm cluster, or use --launcher local")
    executor = submitit.AutoExecutor(_private(folder), cluster="slurm")
    for name in ("partition", "account"):
        if value := getattr(launch, name):
            executor.update_parameters(**{f"slurm_{name}": value})
    return executor


def _local(folder: Path, launch: Launch) -> submitit.Executor:
    return submitit.AutoExecutor(_private(folder), cluster="local")


LAUNCHERS: Mapping[str, Callable[[Path, Launch], submitit.Executor]] = {"slurm": _slurm, "local": _local}


class ShardJob(Checkpointable):
    """Makes one shard; when Slurm stops it, submitit submits it again."""

    def __init__(self, make: Callable[..., int]):
        self.make = make

    def __call__(self, *args: Any) -> int:
        try:
            return self.make(*args)
        except UserError as error:
            print(f"error: {error}", file=sys.stderr)
            raise


def launch_build(
    settings: BuildSettings, launch: Launch, chat: ChatSettings | None = None, audio_llm: ChatSettings | None = None
) -> Report:
    """Make a data set by jobs, one for each shard, and merge them; models elsewhere are asked for texts from here.

    Raises:
        UserError: for settings that make no data set, or a job that failed; it names the shards and their logs.
    """
    source = prepare(settings)
    refuse_if_many_are_gone(settings, source)
    shards = {shard: (settings, shard) for shard in launch.parts()}
    results = [result_path(settings.out, name) for name in source.names]
    _run(build_shard, shards, results, settings.out, settings.workers, launch, f"merge {settings.out}")
    captions = settings.caption_settings()
    return merge(settings.out, settings.workers, chat, captions, audio_llm, lose_gone=settings.remove_gone)


def launch_materialise(root: Path, workers: int, launch: Launch) -> None:
    """Write the files of a data set by jobs, one for each shard, and their manifest here.

    Raises:
        UserError: if a file cannot be read or written, or for a job that failed; it names the shards and their logs.
    """
    manifest.read_origin(root)
    shards = {shard: (root, shard, workers) for shard in launch.parts()}
    results = [part_path(root, shard) for shard in shards]
    _run(materialise_shard, shards, results, root, workers, launch, f"materialise {root}")
    materialise(root, workers)


def _run(
    make: Callable[..., int], shards: Mapping[Shard, tuple[Any, ...]], results: Sequence[Path], out: Path,
    workers: int, launch: Launch, afterwards: str,
) -> None:  # fmt: skip
    """Run `make(*arguments)` for each shard as a job, and wait for all; `afterwards` is what is left to do then."""
    folder = out / FOLDER.format(uuid4().hex)
    executor = LAUNCHERS[launch.launcher](folder, launch)
    executor.update_parameters(name="data_set", timeout_min=launch.minutes, cpus_per_task=workers, mem_gb=launch.memory)
    with executor.batch():
        jobs = [executor.submit(ShardJob(make), *arguments) for arguments in shards.values()]
    try:
        _wait(jobs, results, launch.poll)
    except KeyboardInterrupt:
        if launch.launcher == "local":
            for job in jobs:
                job.cancel()
        else:
            tqdm.write(f"the jobs go on; when they have ended: python -m dataset_builder {afterwards}")
        raise
    if failed := [_failure(shard, job) for shard, job in zip(shards, jobs, strict=True) if job.exception()]:
        raise UserError(f"{'; '.join(failed)}: run it again to go on")
    shutil.rmtree(folder)


def _wait(jobs: Sequence[submitit.Job[Any]], results: Sequence[Path], poll: float) -> None:
    """Wait for all jobs, with a bar of the results that are there."""
    with tqdm(total=len(results), desc=f"{len(jobs)} jobs", unit="result") as bar:
        while True:
            ended = all(job.done() for job in jobs)
            bar.update(sum(path.is_file() for path in results) - bar.n)
            if ended:
                return
            time.sleep(poll)


def _failure(shard: Shard, job: submitit.Job[Any]) -> str:
    """Why a job failed, in short: the last line of what it raised."""
    lines = [line.strip() for line in str(job.exception()).splitlines() if line.strip(" -")]
    errors = [line for line in lines if "Error: " in line]
    reason = (errors or lines or ["no reason given"])[-1].rpartition("UserError: ")[2]
    return f"shard {shard} failed ({reason}; its log: {job.paths.stderr})"
