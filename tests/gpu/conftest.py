"""The GPUs that tests here want; without them they are skipped, and say why."""

from collections.abc import Iterator

import pytest
import torch

from orchestrator_solver.runtime import gpu


@pytest.fixture
def accelerator() -> Iterator[str]:
    """A GPU of CUDA, all of whose memory is free again afterwards."""
    if found := gpu.problem():
        pytest.skip(str(found))
    yield "cuda"
    torch.cuda.empty_cache()


@pytest.fixture
def two_accelerators(accelerator: str) -> str:
    """The GPUs of this machine, which are two at least."""
    if found := gpu.problem(1):
        pytest.skip(f"two processes want two GPUs: {found}")
    return accelerator
