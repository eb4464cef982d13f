"""What a run would find on this machine: everything that it needs, looked at beforehand and without a download.

Each check answers with findings; nothing is written but a file in the folder of runs, which is deleted at once, and no
key is ever shown.
"""

import importlib.metadata as metadata
import io
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import numpy as np
import soundfile
import torch
from omegaconf import DictConfig
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from dataset_builder.dataset import manifest
from dataset_builder.dataset.excerpt import audio_files
from dataset_builder.errors import UserError
from dataset_builder.sources.registry import READERS

from .. import paths
from ..configuration import preflight
from ..data.dataloaders import STAGES
from ..runtime import gpu
from ..seams import registry
from ..weights import hub
from .gpu_memory import GIB, checkpoint_bytes

OK, NOTE, MISSING = "ok", "note", "missing"
CHECKED_ITEMS = 200  # of a split; `python -m dataset_builder check` looks at all, and inside the files
_EXACT = ("audiocraft", "torch", "torchaudio")  # another version of these is known not to work
_CODECS = ("WAV", "FLAC", "OGG", "MP3")


@dataclass(frozen=True)
class Finding:
    """What a check found.

    Attributes:
        subject: what was looked at.
        status: ok, note (a run goes on without it) or missing.
        detail: what was found.
        cure: what to do about it.
    """

    subject: str
    status: str
    detail: str
    cure: str = ""


def python(cfg: DictConfig) -> Iterator[Finding]:
    """The interpreter."""
    version = sys.version.split()[0]
    good = (3, 11) <= sys.version_info[:2] < (3, 15)
    yield Finding("Python", OK if good else MISSING, version, "" if good else "use Python 3.11 to 3.14")
    if sys.platform == "win32":
        yield Finding("system", MISSING, "Windows, on which this was never tried", "use WSL (wsl --install)")


def versions(cfg: DictConfig) -> Iterator[Finding]:
    """Installed packages against the lock; those of extras need not be there."""
    path = paths.PROJECT / "requirements.lock"
    if not path.is_file():
        yield Finding("packages", NOTE, f"no {path} to compare with")
        return
    others, count, needed = [], 0, _needed()
    for wanted in _locked(path.read_text()):
        found = _installed(wanted.name)
        if found is None and wanted.name not in needed:
            continue
        count += 1
        if found is None or not wanted.specifier.contains(found, prereleases=True):  # 2.13.0+cpu is a 2.13.0
            others.append(f"{wanted.name} {found or 'none'} (lock: {wanted.specifier})")
            if wanted.name in _EXACT:
                yield Finding(wanted.name, MISSING, f"{found or 'none'}, expected {wanted.specifier}", "make setup")
    if others:
        yield Finding("packages", NOTE, f"{len(others)} of {count} are not the lock's: {', '.join(others[:5])}",
                      "make setup")  # fmt: skip
    else:
        yield Finding("packages", OK, f"all {count} as in the lock")


def _installed(name: str) -> Version | None:
    try:
        return Version(metadata.version(name))
    except metadata.PackageNotFoundError:
        return None


def _locked(text: str) -> Iterator[Requirement]:
    """Each line of a lock that holds for this machine."""
    for line in text.splitlines():
        try:
            requirement = Requirement(line)
        except InvalidRequirement:
            continue  # a comment
        if requirement.marker is None or requirement.marker.evaluate():
            yield requirement


def _needed() -> set[str]:
    """The project's requirements, and theirs: what an install without extras has, by the names that a lock gives."""
    needed: set[str] = set()
    found = ["music-orchestrator"]
    while found:
        name = canonicalize_name(found.pop())
        if name in needed:
            continue
        needed.add(name)
        try:
            requirements = map(Requirement, metadata.requires(name) or [])
        except metadata.PackageNotFoundError:
            continue
        found += [one.name for one in requirements if one.marker is None or one.marker.evaluate({"extra": ""})]
    return needed


def seams(cfg: DictConfig) -> Iterator[Finding]:
    """What the project patches in its libraries: the modules are there, and the stand-in is in place."""
    broken = []
    for name in sorted(registry.PATCHES):
        try:
            import_module(name)
        except (ImportError, OSError, AttributeError) as error:
            broken.append(f"{name} ({error})")
    if not broken and import_module("audiocraft.train").__name__ != "orchestrator_solver.train":
        broken.append("audiocraft.train is audiocraft's")
    yield (
        Finding("seams", MISSING, "; ".join(broken), "make setup")
        if broken
        else Finding("seams", OK, f"{len(registry.PATCHES)} modules patched")
    )


def builds(cfg: DictConfig) -> Iterator[Finding]:
    """What torch and torchaudio are built for: +cpu, +cu130, or as the package index has them."""
    ours, audios = _installed("torch"), _installed("torchaudio")
    if ours is None or audios is None:
        return  # which `versions` says
    found = f"torch {ours}, torchaudio {audios}"
    if audios.local in (ours.local, None):  # torchaudio's compiled part is left out where it does not fit
        yield Finding("builds", OK, found)
    else:
        yield Finding("builds", MISSING, f"{found}: of different builds",
                      f"UV_TORCH_BACKEND={ours.local or 'cu130'} make setup")  # fmt: skip


def devices(cfg: DictConfig) -> Iterator[Finding]:
    """GPUs that torch can use, what keeps it from them, and what is asked for."""
    wanted = MISSING if cfg.device.startswith("cuda") else NOTE
    for index in range(torch.cuda.device_count()):
        if obstacle := gpu.problem(index):
            yield Finding(f"GPU {index}", wanted, obstacle.found, obstacle.cure)
            continue
        facts = torch.cuda.get_device_properties(index)
        kind = "bfloat16" if facts.major >= 8 else "float16 only"
        yield Finding(f"GPU {index}", OK, f"{facts.name}, {facts.total_memory / GIB:.0f} GiB, {kind}")
    if not torch.cuda.is_available() and (obstacle := gpu.problem()):
        cure = f"{obstacle.cure}; or device=cpu" if wanted == MISSING else f"for a GPU: {obstacle.cure}"
        yield Finding("GPU", wanted, f"{obstacle.found}; the run asks for device={cfg.device}", cure)
    yield Finding("CPU", OK, f"{os.cpu_count()} cores")


def runs(cfg: DictConfig) -> Iterator[Finding]:
    """The folder of runs: it can be written to, and has room for two checkpoints (a new one is written beside)."""
    wanted = Path(os.environ["ORCHESTRATOR_DORA_DIR"])
    folder = next(path for path in (wanted, *wanted.parents) if path.exists())
    try:
        with tempfile.TemporaryFile(dir=folder):
            yield Finding("folder of runs", OK, str(wanted))
    except OSError as error:
        yield Finding("folder of runs", MISSING, f"{wanted} cannot be written ({error.strerror})",
                      "set ORCHESTRATOR_DORA_DIR")  # fmt: skip
    free, needed = shutil.disk_usage(folder).free, 2 * checkpoint_bytes(cfg)
    enough = free > needed
    yield Finding("disk", OK if enough else MISSING,
                  f"{free / GIB:.1f} GiB free in {folder}; two checkpoints take {needed / GIB:.1f}",
                  "" if enough else "set ORCHESTRATOR_DORA_DIR to a larger disk")  # fmt: skip


def memory(cfg: DictConfig) -> Iterator[Finding]:
    """Main memory against what the run's states take there: on a GPU only the best state and a checkpoint's copy."""
    free = _free_memory()
    share = 1.5 if cfg.device == "cpu" else 1.0  # gradients and activations beside the states
    needed = checkpoint_bytes(cfg) * share
    enough = free > needed
    yield Finding("memory", OK if enough else NOTE, f"{free / GIB:.1f} GiB free; this run's states take about "
                  f"{needed / GIB:.1f}", "" if enough else "use a larger machine, or a smaller model")  # fmt: skip


def _free_memory() -> int:
    """Bytes that a process can have; where the system does not say, all there is."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def data(cfg: DictConfig) -> Iterator[Finding]:
    """Manifest, sidecars and audio of every split that the run reads."""
    paths = dict.fromkeys(cfg.datasource[stage] for stage in STAGES if cfg.datasource.get(stage))
    for path in paths:
        try:
            yield _split(*manifest.place_of(path))
        except UserError as error:
            yield Finding(f"data {Path(path).name}", MISSING, str(error))


def _split(root: Path, split: str) -> Finding:
    items = manifest.load(root, split)
    chosen = items[:: max(1, len(items) // CHECKED_ITEMS)]
    gone = [file for item in chosen for file in audio_files(item, root) if not file.is_file()]
    if gone:
        return Finding(f"data {split}", MISSING, f"{len(gone)} audio files are gone, such as {gone[0]}",
                       "set ORCHESTRATOR_SOURCE_ROOT to where the audio is, or build the data set again")  # fmt: skip
    if not items:
        cure = f"{READERS[manifest.reader_of(root)].split_cure}, and build it again"
        return Finding(f"data {split}", MISSING, f"{root} has no items in {split}", cure)
    return Finding(f"data {split}", OK, f"{len(items)} items, audio of {len(chosen)} found")


def weights(cfg: DictConfig) -> Iterator[Finding]:
    """Published models that the run reads: in the hub's cache, or to be had."""
    for repo in dict.fromkeys(hub.needs_of(cfg)):
        lacking = hub.missing(repo)
        if not lacking:
            yield Finding(repo, OK, f"in the cache ({hub.known(repo).licence})")
        elif hub.reachable() is None:
            size = hub.known(repo).gigabytes
            yield Finding(repo, NOTE, f"will be downloaded ({size:g} GB): {', '.join(lacking)}", hub.how_to_get(repo))
        else:
            yield Finding(repo, MISSING, f"no {', '.join(lacking)} in {hub.cache_folder(repo)}, {hub.reachable()}",
                          hub.how_to_get(repo))  # fmt: skip


def keys(cfg: DictConfig) -> Iterator[Finding]:
    """Whether keys are there; never which."""
    from huggingface_hub import get_token

    logs = cfg.logging.log_wandb
    wandb = preflight.wandb_can_log()
    yield Finding("key of wandb", OK if wandb else MISSING if logs else NOTE, "present" if wandb else "none",
                  "" if wandb else "wandb login, or WANDB_MODE=offline")  # fmt: skip
    present = bool(os.environ.get("OPENAI_API_KEY"))
    yield Finding("key of OpenAI", OK if present else NOTE, "present" if present else "none",
                  "" if present else "only for GPT's descriptions: set OPENAI_API_KEY")  # fmt: skip
    yield Finding("key of the hub", OK if get_token() else NOTE, "present" if get_token() else "none",
                  "" if get_token() else "not needed for published models")  # fmt: skip


def logging(cfg: DictConfig) -> Iterator[Finding]:
    """Where a run's curves go."""
    yield _logger("wandb", cfg.logging.log_wandb, f", {os.environ.get('WANDB_MODE', 'online')}")
    yield _logger("tensorboard", cfg.logging.log_tensorboard)


def _logger(name: str, used: bool, mode: str = "") -> Finding:
    try:
        detail = f"{metadata.version(name)}{mode}, {'used' if used else 'not used by this run'}"
        return Finding(name, OK, detail)
    except metadata.PackageNotFoundError:
        return Finding(name, MISSING if used else NOTE, "not installed", f"make setup, or pip install {name}")


def audio(cfg: DictConfig) -> Iterator[Finding]:
    """Reading audio, which needs no ffmpeg: each format is written and read in memory."""
    tone = 0.1 * np.sin(np.arange(4410) / 10)
    failed = []
    for name in _CODECS:
        try:
            file = io.BytesIO()
            soundfile.write(file, tone, 44_100, format=name)
            file.seek(0)
            read, _ = soundfile.read(file)
            if not len(read):
                failed.append(name)
        except (soundfile.LibsndfileError, ValueError):
            failed.append(name)
    yield Finding("audio", MISSING if failed else OK, f"cannot read {', '.join(failed)}" if failed else
                  f"reads {', '.join(_CODECS)}", "pip install --upgrade soundfile" if failed else "")  # fmt: skip


CHECKS: dict[str, Callable[[DictConfig], Iterator[Finding]]] = {
    "python": python,
    "versions": versions,
    "seams": seams,
    "builds": builds,
    "devices": devices,
    "runs": runs,
    "memory": memory,
    "data": data,
    "weights": weights,
    "keys": keys,
    "logging": logging,
    "audio": audio,
}


def examine(cfg: DictConfig) -> list[Finding]:
    """All findings for a run of this configuration."""
    return [finding for check in CHECKS.values() for finding in check(cfg)]
