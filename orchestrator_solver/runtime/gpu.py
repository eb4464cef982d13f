"""What keeps torch from a GPU: its build, the driver, none that can be seen, or one that is too old for the build."""

import re
from dataclasses import dataclass

BUILDS = (
    "UV_TORCH_BACKEND=cu130 make setup installs the build for driver 580 and GPUs of compute capability 7.5 or newer, "
    "cu126 the one for older drivers and GPUs such as V100"
)


@dataclass(frozen=True)
class Problem:
    """Why a GPU cannot be used, and what to do about it."""

    found: str
    cure: str

    def __str__(self) -> str:
        return f"{self.found}: {self.cure}"


def problem(number: int = 0) -> Problem | None:
    """What keeps torch from the GPU of this number; None if nothing does."""
    import torch

    if torch.version.cuda is None:
        return Problem(f"torch {torch.__version__} is built without CUDA", BUILDS)
    if not torch.cuda.is_available():
        return _unavailable()
    if number >= torch.cuda.device_count():
        return Problem(f"there is no GPU {number}", f"{torch.cuda.device_count()} GPUs are here, counted from 0")
    return _unfit(number)


def _unavailable() -> Problem:
    """By torch's own words, which tell an old driver from none and from a GPU that is hidden."""
    import torch

    try:
        torch.cuda.init()
        words = "no GPU is visible"
    except RuntimeError as error:
        words = str(error).partition("Please")[0].partition(". ")[0].strip(" .:")
    found = f"torch {torch.__version__}, built for CUDA {torch.version.cuda}, sees no GPU ({words})"
    if "too old" in words:
        return Problem(found, f"update the driver, or {BUILDS}")
    return Problem(found, "use a GPU node (`nvidia-smi` shows its GPUs and driver; see CUDA_VISIBLE_DEVICES, too)")


def _unfit(number: int) -> Problem | None:
    """Whether a GPU is older than what torch is built for, or newer, where it brings no code that a driver compiles."""
    import torch

    major, minor = torch.cuda.get_device_capability(number)
    built_for = [int(found[1]) for name in torch.cuda.get_arch_list() if (found := re.match(r"sm_(\d+)", name))]
    if not built_for:
        return None
    lowest, highest, here = min(built_for), max(built_for), 10 * major + minor
    for_newer = any(name.startswith("compute_") for name in torch.cuda.get_arch_list())
    if lowest <= here and (for_newer or major <= highest // 10):
        return None
    bound = f"up to {highest // 10}.x" if here > lowest else f"{lowest // 10}.{lowest % 10} and newer"
    return Problem(
        f"{torch.cuda.get_device_name(number)} has compute capability {major}.{minor}, and torch {torch.__version__} "
        f"is built for {bound}",
        BUILDS,
    )
