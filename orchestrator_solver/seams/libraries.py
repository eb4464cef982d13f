"""Seams of running: flashy's backends, torch's workers, audiocraft's settings, Dora's warnings."""

import inspect
import os
import sys
import warnings
from collections.abc import Callable
from functools import cache, wraps
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

from dataset_builder.runtime.user_cache import make_room_for_numba

from ..paths import PROJECT
from .registry import ModuleView, patches


@patches("flashy.distrib")
def choose_backend(module: ModuleType) -> None:
    """Why: the default, nccl, wants a GPU, and with nccl alone a run on `device=cpu` fails beside a GPU that is not
    used. Goes when: flashy leaves the choice to torch."""
    init = module.init

    def init_for_devices(backend: str | None = None) -> None:
        from torch import cuda

        init(backend or ("cpu:gloo,cuda:nccl" if cuda.is_available() else "gloo"))

    module.init = init_for_devices  # type: ignore[attr-defined]


@patches("audiocraft.utils.utils")
def hash_what_is_here(module: ModuleType) -> None:
    """Why: a sharded model's parameters are no arrays: hashed is the process' own part of each. Goes when: audiocraft
    shards by torch's FSDP2."""
    hash_of = module.model_hash

    def model_hash(model: Any) -> str:
        parts = (value.data.to_local() if hasattr(value, "to_local") else value for value in model.parameters())
        return hash_of(SimpleNamespace(parameters=lambda: parts))

    module.model_hash = model_hash  # type: ignore[attr-defined]


@patches("torch.optim.optimizer")
def leave_the_compiler_alone(module: ModuleType) -> None:
    """Why: an optimizer that is made asks torch's compiler not to trace its methods, and imports it for that, which
    takes about as long as torch. A compiler that has been imported is asked as before. Goes when: torch looks first."""
    decorator = sys.modules["torch._compile"].__file__
    for name, method in list(vars(module.Optimizer).items()):
        code = getattr(method, "__code__", None)
        if code is not None and code.co_filename == decorator:
            setattr(module.Optimizer, name, _disabled_if_loaded(method))


def _disabled_if_loaded(disabled: Callable[..., Any]) -> Callable[..., Any]:
    plain: Callable[..., Any] = disabled.__wrapped__  # type: ignore[attr-defined]

    @wraps(plain)
    def call(*args: Any, **kwargs: Any) -> Any:
        return (disabled if "torch._dynamo" in sys.modules else plain)(*args, **kwargs)

    return call


@patches("numba")
def compile_when_called(module: ModuleType) -> None:
    """Why: what librosa vectorizes by numba is built, or read from numba's cache, as librosa is imported, which takes
    half as long as torch, and tempo and key call two of seven such functions. Each is built by its first call. Goes
    when: librosa builds them so."""
    for name in ("vectorize", "guvectorize"):
        setattr(module, name, _compiled_late(getattr(module, name)))


def _compiled_late(decorate: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(decorate)
    def late(*signatures: Any, **options: Any) -> Any:
        decorator = decorate(*signatures, **options)

        def waits(function: Callable[..., Any]) -> Any:
            if not function.__module__.startswith("librosa."):
                return decorator(function)
            built = cache(lambda: decorator(function))
            return wraps(function)(lambda *args, **kwargs: built()(*args, **kwargs))

        return decorator if signatures and callable(signatures[0]) else waits

    return late


@patches("lazy_loader")
def look_at_the_caller_alone(module: ModuleType) -> None:
    """Why: for each package that librosa can do without, and that is not there, it reads the source of every frame of
    the stack, to say later who had asked; all modules are looked through for that. Goes when: lazy_loader looks at the
    frame that it needs."""

    def stack() -> list[Any]:
        found: list[Any] = []
        frame = sys._getframe(1)
        while frame and len(found) < 2:  # who calls, and who had called that one
            code = frame.f_code
            found.append(inspect.FrameInfo(frame, code.co_filename, frame.f_lineno, code.co_name, None, None))
            frame = frame.f_back  # type: ignore[assignment]
        return found

    module.inspect = ModuleView(inspect, stack=stack)  # type: ignore[attr-defined]


@patches("scipy._lib._array_api")
def leave_docstrings_alone(module: ModuleType) -> None:
    """Why: whoever imports scipy.signal waits until the docstrings of its functions, of scipy.special's and ndimage's
    are parsed and have a note of the kinds of arrays that each takes, a tenth of the time that torch takes. They stay
    without. Goes when: scipy writes them when they are asked for."""

    class Unread(dict[str, list[str]]):
        def __init__(self, function: Callable[..., Any]) -> None:
            super().__init__(Notes=[])
            self._text = function.__doc__ or ""

        def __str__(self) -> str:
            return f"\n{self._text}"  # scipy takes off the first line, the signature

    module.FunctionDoc = Unread  # type: ignore[attr-defined]


@patches("torch.multiprocessing")
def preload_in_workers(module: ModuleType) -> None:
    """Why: workers of the forkserver (Python's default on Linux from 3.14) import audiocraft anew, without these
    hooks. Ours fork by default (`mp_start_method`). Goes when: the other seams are gone."""
    if "forkserver" in module.get_all_start_methods():
        module.set_forkserver_preload(["orchestrator_solver"])


@patches("dora.hydra")
def accept_old_hydra_behaviour(module: ModuleType) -> None:
    """Why: every command would print a page of warnings that Hydra 1.4 drops `version_base="1.1"`, which audiocraft's
    and Dora's way of changing folders rests on; hydra-core is pinned below 1.4. Goes when: Dora supports 1.3's."""
    warnings.filterwarnings("ignore", message=r"\s*version_base=", category=UserWarning)


@patches("audiocraft.environment")
def keep_the_folder_to_ourselves(module: ModuleType) -> None:
    """Why: whoever asks for the folder of runs makes audiocraft warn of it, before what the user has to read; a run
    says itself where it is. Goes when: audiocraft says it as information."""
    module.logger.setLevel("ERROR")


def point_to_our_settings() -> None:
    """Why: audiocraft looks for its teams file in a checkout, and takes the cluster's name from the kernel's and the
    host's, so that any machine at Amazon would need an entry. The folder of runs is made absolute for processes
    started elsewhere: workers, Slurm's jobs, git clones. What a Mac's GPU lacks its CPU computes; numba has a folder,
    and the threads that torch has: more of them would wait on cores that others need.
    Goes when: audiocraft is configured through Hydra alone."""
    os.environ.setdefault("AUDIOCRAFT_CONFIG", str(PROJECT / "config" / "teams.yaml"))
    if sys.platform != "darwin":
        os.environ.setdefault("AUDIOCRAFT_CLUSTER", "default")
    runs = os.environ.get("ORCHESTRATOR_DORA_DIR") or PROJECT / "outputs"
    make_room_for_numba()
    if (threads := os.environ.get("OMP_NUM_THREADS", "")).isdigit():
        os.environ.setdefault("NUMBA_NUM_THREADS", threads)
    if sys.platform == "darwin":  # torch reads it once, when it is imported; without mps it says nothing
        os.environ.setdefault("PYTORCH_ENABLE_MPS_FALLBACK", "1")
    os.environ["ORCHESTRATOR_DORA_DIR"] = str(Path(runs).absolute())
