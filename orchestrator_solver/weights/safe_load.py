"""Files that others made: read without unpickling, and only what they are known to hold.

`torch.load` reads them with `weights_only`, which builds tensors, plain containers and what `ALLOWED` names, by whose
file it is. A file that needs more is refused, unless it is one of `PINNED`, bit for bit. Only the checkpoints in a
run's own folder are unpickled (see `seams.unpickling.trust_own_checkpoints`).
"""

import hashlib
import io
import os
import pickle
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from dataset_builder.errors import UserError

# Files whose every bit is known, by name. The sha256 of htdemucs begins with what its name ends in (demucs' own check,
# demucs/remote/files.txt); in full it is what many projects that pin the published file record, with 84,141,911 bytes.
PINNED = {"955717e8-8726e21a.th": "8726e21a993978c7ba086d3872e7608d7d5bfca646ca4aca459ffda844faa8b4"}


def _containers() -> list[Any]:
    """audiocraft's exports: dictionaries of tensors, and the configuration as YAML text. PaSST's: a state alone."""
    return []


def _numpy_numbers() -> list[Any]:
    """numpy's scalars, which some training loops leave among the weights (an epoch's score)."""
    import numpy as np

    scalar = np.core.multiarray.scalar if hasattr(np, "core") else np._core.multiarray.scalar  # type: ignore[attr-defined]
    return [
        (scalar, "numpy.core.multiarray.scalar"), (scalar, "numpy._core.multiarray.scalar"), np.dtype,
        np.dtypes.Float64DType, np.dtypes.Float32DType, np.dtypes.Int64DType,
    ]  # fmt: skip


def _demucs_models() -> list[Any]:
    """demucs' files name the network's class and hold its arguments, of which `segment` is a fraction."""
    from fractions import Fraction

    from demucs.htdemucs import HTDemucs

    return [HTDemucs, Fraction, *_numpy_numbers()]


ALLOWED: dict[str, Callable[[], list[Any]]] = {
    "audiocraft": _containers,
    "demucs": _demucs_models,
    "clap": _numpy_numbers,
    "passt": _containers,
}


def is_whole(path: Path) -> bool:
    """Whether a checkpoint is a zip archive, as torch writes them, of which every part has its checksum."""
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.testzip() is None
    except (OSError, ValueError, NotImplementedError, zipfile.BadZipFile, zlib.error):
        return False


_FORCE = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"  # torch's own switch, stronger than a caller's weights_only=False
_TORN = (  # what torch's reader raises where a file breaks off or is none
    EOFError, RuntimeError, OSError, ValueError, struct.error, IndexError, KeyError, AttributeError, TypeError,
)  # fmt: skip


def read(path: str | Path, maker: str, device: str | torch.device = "cpu") -> Any:
    """What a file of torch's format holds.

    Args:
        path: the file.
        maker: whose format it is: a key of `ALLOWED`.
        device: where its tensors go.

    Raises:
        UserError: if it is torn, or holds more than such files do.
    """
    path = Path(path)
    try:
        with torch.serialization.safe_globals(ALLOWED[maker]()):
            return torch.load(path, map_location=device, weights_only=True)
    except pickle.UnpicklingError as error:
        if path.name in PINNED:
            return _read_pinned(path, device)
        found = next((line for line in str(error).splitlines() if "Unsupported" in line), "it is damaged")
        raise UserError(
            f"{path} is refused: expected weights of {maker}'s format and nothing that runs code, found otherwise "
            f"({found.strip()[:120]}); download it again from its publisher"
        ) from error
    except _TORN as error:
        reason = str(error).strip().partition("\n")[0]
        raise UserError(f"{path} cannot be read ({reason}): it is torn, download it again") from error


def _read_pinned(path: Path, device: str | torch.device) -> Any:
    """Unpickle a file that is, bit for bit, the published one of its name."""
    data = path.read_bytes()  # what is hashed is what is read, whoever writes to the file meanwhile
    digest = hashlib.sha256(data).hexdigest()
    if digest != PINNED[path.name]:
        raise UserError(
            f"{path} is refused: its sha256 begins with {digest[:12]}, expected {PINNED[path.name][:12]}; delete it "
            "and download it again"
        )
    return torch.load(io.BytesIO(data), map_location=device, weights_only=False)


def read_url(url: str, maker: str) -> Any:
    """What a file behind a legacy address holds; it is kept in torch's hub folder, as torch itself would."""
    folder = Path(torch.hub.get_dir()) / "checkpoints"
    path = folder / url.rsplit("/", 1)[-1]
    if not path.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        prefix = path.stem.rsplit("-", 1)[-1]  # demucs and torch name files by how their sha256 begins
        torch.hub.download_url_to_file(url, str(path), prefix)
    return read(path, maker)


@contextmanager
def nothing_unpickled(what: str) -> Iterator[None]:
    """Let torch read weights only, whatever a library in here asks it for.

    Raises:
        UserError: if that library's files hold more.
    """
    before = os.environ.get(_FORCE)
    os.environ[_FORCE] = "1"
    try:
        yield
    except pickle.UnpicklingError as error:
        raise UserError(
            f"the weights of {what} are refused: they hold more than tensors, which would run code"
        ) from error
    finally:
        if before is None:
            del os.environ[_FORCE]
        else:
            os.environ[_FORCE] = before


def read_clap(path: str | Path) -> dict[str, torch.Tensor]:
    """The state of LAION's CLAP, as audiocraft wants it: without the prefix of its training's wrapper.

    `position_ids` is a buffer that transformers no longer has.

    Raises:
        UserError: as `read`, or if the file has no state of tensors.
    """
    package = read(path, "clap")
    state = _tensors(package.get("state_dict", package) if isinstance(package, dict) else package, path, "LAION's CLAP")
    state = {name.removeprefix("module."): value for name, value in state.items()}
    state.pop("text_branch.embeddings.position_ids", None)
    return state


def read_passt(path: str | Path) -> dict[str, torch.Tensor]:
    """The state of PaSST, which is all that its files hold.

    Raises:
        UserError: as `read`, or if the file holds no state of tensors.
    """
    return _tensors(read(path, "passt"), path, "PaSST")


def _tensors(state: Any, path: str | Path, whose: str) -> dict[str, torch.Tensor]:
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise UserError(f"{path} is not a checkpoint of {whose}: expected a state_dict of tensors")
    return state


def fill(network: torch.nn.Module, state: dict[str, torch.Tensor], path: str | Path) -> None:
    """Give a network the weights of a file, all of them and no others.

    Raises:
        UserError: if they are another network's, naming the first that does not fit.
    """
    expected = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    found = {name: tuple(value.shape) for name, value in state.items()}
    for name in sorted(expected.keys() | found.keys(), key=str):
        if expected.get(name) != found.get(name):
            shapes = [str(shapes.get(name, "nothing")) for shapes in (expected, found)]
            raise UserError(f"{path} has another network's weights: expected {shapes[0]} as {name}, found {shapes[1]}")
    if broken := next((name for name, value in state.items() if not value.isfinite().all()), None):
        raise UserError(f"{path} is damaged: {broken} is not finite; download it again")
    network.load_state_dict(state)
