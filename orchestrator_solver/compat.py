"""Seams between audiocraft 1.3.0, which is unmodified, and the current stack: all but those of loading weights, which
are in `loading_seams.py`.

audiocraft was released for torch 2.1, xformers and a checkout of its own repository. Each function below closes one
gap and says why it is there and when it can go. `install` only registers import hooks and sets environment variables:
nothing heavy is imported until somebody asks for it, and a module is mended right after its own code has run.

Where audiocraft calls something through a module (`torch.load`, `subprocess.run`), only *its* name for that module is
replaced, so that nobody else's calls change.
"""

import importlib
import os
import subprocess
import sys
import warnings
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

from . import loading_seams  # noqa: F401 - registers its mends
from .mends import MENDS, Borrowed, Mend, mends

PROJECT = Path(__file__).resolve().parent.parent
AXIS, AXES = "epoch", {"steps": "update"}  # along what wandb draws scalars, by their prefix
STAND_INS: dict[str, Mend] = {}  # module that may be absent -> what fills an empty one


# --- What audiocraft imports ---------------------------------------------------------------------------------------


def stub_torchaudio_extension(module: ModuleType) -> None:
    """Why: torchaudio's wheel from PyPI links CUDA's libraries, and beside a CPU build of torch its import raises
    OSError. Its Python parts (transforms, functional) work without the compiled ones. Only used after that error.
    Goes when: torchaudio's wheel loads without CUDA, as is promised for its libtorch-stable builds."""

    def unavailable(*args: Any, **kwargs: Any) -> Any:
        raise RuntimeError("torchaudio's compiled part cannot be loaded beside this build of torch")

    module.__dict__.update(
        _IS_TORCHAUDIO_EXT_AVAILABLE=False,
        _IS_ALIGN_AVAILABLE=False,
        _check_cuda_version=lambda: None,
        fail_if_no_align=lambda function: unavailable,
    )


def stub_xformers(module: ModuleType) -> None:
    """Why: audiocraft imports `xformers.ops` although its default attention is torch's; xformers pins torch to one
    version. Only used where it is not installed. Goes when: audiocraft imports it on use."""
    module.__path__ = []  # a package, of which nothing but `ops` exists


def stub_xformers_ops(module: ModuleType) -> None:
    """The three names of xformers that audiocraft uses, by torch; see `stub_xformers`."""

    class LowerTriangularMask:
        """Marks causal attention."""

    def memory_efficient_attention(query: Any, key: Any, value: Any, attn_bias: Any = None, p: float = 0.0) -> Any:
        """Attention over `[B, T, H, D]`; `attn_bias` is a LowerTriangularMask, a `[B, H, T, T]` tensor or None."""
        import torch

        causal = isinstance(attn_bias, LowerTriangularMask)
        query, key, value = (tensor.transpose(1, 2) for tensor in (query, key, value))
        mask = None if causal else attn_bias
        out = torch.nn.functional.scaled_dot_product_attention(query, key, value, mask, p, is_causal=causal)
        return out.transpose(1, 2)

    def unbind(tensor: Any, dim: int = 0) -> Any:
        return tensor.unbind(dim)

    names = (LowerTriangularMask, memory_efficient_attention, unbind)
    module.__dict__.update({item.__name__: item for item in names})


STAND_INS.update({"xformers": stub_xformers, "xformers.ops": stub_xformers_ops})


def stand_in_for_train(module: ModuleType) -> None:
    """Why: `audiocraft.train` reads a `config/` that is not in audiocraft's package, so that its import fails; yet
    `//sig/` and loading a solver by its signature import it. Ours has the same `main`, `get_solver_from_sig` and
    `get_solver_from_xp`. Goes when: audiocraft takes the entry point as an argument."""
    sys.modules[module.__name__] = importlib.import_module("orchestrator_solver.train")


# --- Running -------------------------------------------------------------------------------------------------------


@mends("flashy.distrib")
def choose_backend(module: ModuleType) -> None:
    """Why: the default, nccl, wants a GPU, and with nccl alone a run on `device=cpu` fails beside a GPU that is not
    used. Goes when: flashy leaves the choice to torch."""
    init = module.init

    def init_for_devices(backend: str | None = None) -> None:
        from torch import cuda

        init(backend or ("cpu:gloo,cuda:nccl" if cuda.is_available() else "gloo"))

    module.init = init_for_devices  # type: ignore[attr-defined]


@mends("torch.multiprocessing")
def preload_in_workers(module: ModuleType) -> None:
    """Why: workers of the forkserver (Python's default on Linux from 3.14) import audiocraft anew, without these
    hooks. Ours fork by default (`mp_start_method`). Goes when: the other seams are gone."""
    if "forkserver" in module.get_all_start_methods():
        module.set_forkserver_preload(["orchestrator_solver"])


@mends("audiocraft.data.audio")
def bring_ffmpeg(module: ModuleType) -> None:
    """Why: `audio_write` runs a program called ffmpeg, which no Python package puts on the PATH; imageio-ffmpeg carries
    one. A system's own is preferred. Goes when: audio_write encodes without it."""

    def run(command: Sequence[str], *args: Any, **kwargs: Any) -> Any:
        if command[0] == "ffmpeg":
            from shutil import which

            from imageio_ffmpeg import get_ffmpeg_exe

            command = [which("ffmpeg") or get_ffmpeg_exe(), *command[1:]]
        return subprocess.run(command, *args, **kwargs)

    module.sp = Borrowed(subprocess, run=run)  # type: ignore[attr-defined]


@mends("flashy.loggers.wandb")
def mend_wandb_logger(module: ModuleType) -> None:
    """Why: flashy asks the server for the run on every rank, so that `WANDB_MODE=offline` fails; without media it drops
    the scalars too; with media it swaps two arguments and crashes, and a text's table is one row too flat. It counts
    epochs where wandb counts calls, which only ever grow: epochs and updates get axes of their own.
    Goes when: flashy is released again (after 0.0.2)."""

    def log_metrics(self: Any, prefix: Any, metrics: Any, step: int | None = None) -> None:
        if isinstance(prefix, dict):  # from log_audio, log_image, log_text: (metrics, prefix), prefixed already
            prefix, metrics = None, prefix
        if module.is_rank_zero() and not self.is_disabled():
            axis = {AXES.get(str(prefix), AXIS): step} if step is not None else {}
            self.writer.log({**module._add_prefix(metrics, prefix, self.group_separator), **axis})

    def log_hyperparams(self: Any, params: dict[str, Any], metrics: dict[str, Any] | None = None) -> None:
        """The configuration as the tree that it is: flashy's names with dots are no columns that panels can find."""
        if module.is_rank_zero() and not self.is_disabled():
            self.writer.config.update(params, allow_val_change=True)

    def from_xp(cls: Any, with_media_logging: bool = True, project: str | None = None, name: str | None = None,
                group: str | None = None, **kwargs: Any) -> Any:  # fmt: skip
        """The logger of the current experiment, whose signature is the run's id: it resumes without a query."""
        xp = module.dora.get_xp()
        xp.folder.mkdir(parents=True, exist_ok=True)
        logger = cls(str(xp.folder), with_media_logging, project=project, id=xp.sig, group=group, resume="allow",
                     name=name or xp.sig, **kwargs)  # fmt: skip
        if module.is_rank_zero() and logger.writer is not None:
            logger.writer.define_metric("*", step_metric=AXIS)
            for prefix, axis in AXES.items():
                logger.writer.define_metric(f"{prefix}/*", step_metric=axis)
        return logger

    def log_text(self: Any, prefix: Any, key: str, text: str, step: int | None = None, **kwargs: Any) -> None:
        if module.is_rank_zero() and not self.is_disabled() and self.with_media_logging:
            table = module.wandb.Table(columns=[key], data=[[text]], **kwargs)
            self.log_metrics(prefix, {key: table}, step)

    module.WandbLogger.log_metrics = log_metrics
    module.WandbLogger.log_text = log_text
    module.WandbLogger.log_hyperparams = log_hyperparams
    module.WandbLogger.from_xp = classmethod(from_xp)


@mends("dora.hydra")
def accept_old_hydra_behaviour(module: ModuleType) -> None:
    """Why: every command would print a page of warnings that Hydra 1.4 drops `version_base="1.1"`, which audiocraft's
    and Dora's way of changing folders rests on; hydra-core is pinned below 1.4. Goes when: Dora supports 1.3's."""
    warnings.filterwarnings("ignore", message=r"\s*version_base=", category=UserWarning)


def point_to_our_settings() -> None:
    """Why: audiocraft looks for its teams file in a checkout, and takes the cluster's name from the kernel's and the
    host's, so that any machine at Amazon would need an entry. The folder of runs is made absolute for processes
    started elsewhere: workers, Slurm's jobs, git clones. Goes when: audiocraft is configured through Hydra alone."""
    os.environ.setdefault("AUDIOCRAFT_CONFIG", str(PROJECT / "config" / "teams.yaml"))
    if sys.platform != "darwin":
        os.environ.setdefault("AUDIOCRAFT_CLUSTER", "default")
    runs = os.environ.get("ORCHESTRATOR_DORA_DIR") or PROJECT / "outputs"
    os.environ["ORCHESTRATOR_DORA_DIR"] = str(Path(runs).absolute())


# --- Import hooks --------------------------------------------------------------------------------------------------


class _MendingLoader(Loader):
    """The module's own loader, then our mend."""

    def __init__(self, loader: Any, mend: Mend) -> None:
        self.loader, self.mend = loader, mend

    def __getattr__(self, name: str) -> Any:
        return getattr(self.loader, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self.loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self.loader.exec_module(module)
        self.mend(module)


class _FallbackLoader(_MendingLoader):
    """The module's own loader; our stand-in only where a library that it links is missing."""

    def exec_module(self, module: ModuleType) -> None:
        try:
            self.loader.exec_module(module)
        except OSError:
            self.mend(module)


class _StandInLoader(Loader):
    """An empty module, filled by us."""

    def __init__(self, fill: Mend) -> None:
        self.fill = fill

    def create_module(self, spec: ModuleSpec) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        self.fill(module)


class _Mender(MetaPathFinder):
    """First in line: mends modules that exist."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name == "audiocraft.train":
            return ModuleSpec(name, _StandInLoader(stand_in_for_train))
        fallback = name == "torchaudio._extension"
        if not fallback and name not in MENDS:
            return None
        others = (finder for finder in sys.meta_path if finder is not self)
        spec = next((spec for finder in others if (spec := finder.find_spec(name, path, target))), None)
        if spec is not None:
            loader = _FallbackLoader if fallback else _MendingLoader
            spec.loader = loader(spec.loader, stub_torchaudio_extension if fallback else MENDS[name])
        return spec


class _Supplier(MetaPathFinder):
    """Last in line: supplies modules that nobody else found."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name not in STAND_INS:
            return None
        return ModuleSpec(name, _StandInLoader(STAND_INS[name]), is_package="." not in name)


def install() -> None:
    """Close every seam, once. Call it before anything imports audiocraft: importing `orchestrator_solver` does."""
    if any(isinstance(finder, _Mender) for finder in sys.meta_path):
        return
    point_to_our_settings()
    sys.meta_path.insert(0, _Mender())
    sys.meta_path.append(_Supplier())
    for name, mend in MENDS.items():
        if name in sys.modules:  # torch or flashy may have been imported before us
            mend(sys.modules[name])
