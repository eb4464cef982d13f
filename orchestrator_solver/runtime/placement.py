"""Where a model computes, and how precisely: chosen at one place for every command, and said in the record."""

import argparse
import logging
import re
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dataset_builder.errors import UserError

from . import gpu

if TYPE_CHECKING:
    import torch

logger = logging.getLogger(__name__)
AUTO = "auto"
DEVICE = re.compile(r"auto|cpu|mps|cuda(:[0-9]{1,3})?")  # of torch's devices; mps (macOS) was never tried
PRECISIONS = ("float32", "float16", "bfloat16")
PLAYED = (*PRECISIONS, "int8")  # int8: of weights, on the CPU; what plays has bfloat16 beside it


@dataclass(frozen=True)
class Placement:
    """Where a model computes, and how precisely.

    Attributes:
        device: of torch, with its number if it is a GPU of several.
        precision: of the products of what computes within `autocast`; weights stay in float32, and so does the codec
            of a model that plays.
    """

    device: "torch.device"
    precision: "torch.dtype"

    def autocast(self) -> AbstractContextManager:
        """The context in which a model computes so precisely."""
        import torch

        if self.precision in (torch.float32, torch.int8):
            return nullcontext()
        return torch.autocast(self.device.type, self.precision)

    def record(self) -> dict[str, Any]:
        """What a recording's JSON says of it."""
        import torch

        name = torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else None
        return {"device": str(self.device), "gpu": name, "precision": str(self.precision).removeprefix("torch.")}


def add_device_option(parser: argparse.ArgumentParser) -> None:
    """Add the device to a command's parser."""
    parser.add_argument(
        "--device", default=AUTO, metavar="DEVICE",
        help="auto, cpu, cuda, cuda:N or mps (default: auto, a GPU of CUDA if there is one, else cpu)",
    )  # fmt: skip


def add_placement_options(
    parser: argparse.ArgumentParser,
    what: str = "of the language model (default: auto, float16 on a GPU of CUDA, else float32)",
    precisions: tuple[str, ...] = PLAYED,
) -> None:
    """Add device and precision to a command's parser.

    Args:
        parser: of the command.
        what: has the precision, and what auto means.
        precisions: to choose from.
    """
    add_device_option(parser)
    parser.add_argument("--precision", choices=[AUTO, *precisions], default=AUTO, help=what)


def stated_precision(word: str, where: str) -> "torch.dtype":
    """The precision of a word that leaves nothing to choose.

    Args:
        word: one of `PRECISIONS`.
        where: what it was said by, for the error.

    Raises:
        UserError: for any other word.
    """
    import torch

    if word not in PRECISIONS:
        raise UserError(f"{where}={str(word)[:80]}: expected one of {', '.join(PRECISIONS)}")
    precision: torch.dtype = getattr(torch, word)
    return precision


def placement(device: str = AUTO, precision: str = AUTO) -> Placement:
    """The placement that two words mean here.

    Args:
        device: auto, cpu, cuda, cuda:N or mps.
        precision: auto, or one of `PLAYED`.

    Raises:
        UserError: if there is no such device, or torch cannot use it.
    """
    import torch

    found = _device(device)
    if precision == AUTO:
        precision = "float16" if found.type == "cuda" else "float32"
    if precision not in PLAYED:
        raise UserError(f"unknown precision {precision!r}, known: {AUTO}, {', '.join(PLAYED)}")
    if precision == "int8" and found.type != "cpu":
        raise UserError(f"--precision int8 is for the CPU, found {found}: use float16 there")
    if precision == "bfloat16" and found.type == "cuda" and not torch.cuda.is_bf16_supported():
        raise UserError(f"{torch.cuda.get_device_name(found)} has no bfloat16: use --precision float16")
    return Placement(found, getattr(torch, precision))


def _device(name: str) -> "torch.device":
    import torch

    if name == AUTO:
        return torch.device("cuda" if _has_usable_gpu() else "cpu")
    kind, _, number = name.partition(":")
    if not DEVICE.fullmatch(name):
        raise UserError(f"unknown device {name!r:.80}, known: {AUTO}, cpu, cuda, cuda:N, mps")
    if kind == "cuda" and (found := gpu.problem(int(number or 0))):
        raise UserError(f"--device {name}: {found}; or use --device cpu")
    if kind == "mps" and not torch.backends.mps.is_available():
        raise UserError("--device mps: this torch or this Mac has none: use --device cpu")
    return torch.device(name)


def _has_usable_gpu() -> bool:
    """Whether there is a GPU that this torch is built for; one that it is not is told, and left alone."""
    import torch

    if not torch.cuda.is_available():
        return False
    found = gpu.problem()
    if found:
        logger.warning("Computing on the CPU: %s", found)
    return found is None
