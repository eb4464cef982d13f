"""Where a model computes: what the words mean, and one line for what is not there."""

import pytest
import torch

from dataset_builder.errors import UserError
from orchestrator_solver.runtime.placement import Placement, placement


def _gpus(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: False)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "GPU")


def test_the_best_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert placement() == Placement(torch.device("cpu"), torch.float32)
    _gpus(2, monkeypatch)
    assert placement() == Placement(torch.device("cuda"), torch.float16)
    assert placement("cuda:1", "float32") == Placement(torch.device("cuda:1"), torch.float32)
    assert placement("cuda:1").record() == {"device": "cuda:1", "gpu": "GPU", "precision": "float16"}
    assert placement("cpu") == Placement(torch.device("cpu"), torch.float32)


@pytest.mark.parametrize(
    ("gpus", "device", "precision", "words"),
    [(0, "cuda", "auto", "sees no GPU"), (2, "cuda:2", "auto", "2 GPUs"), (0, "gpu", "auto", "unknown device"),
     (2, "cuda:-1", "auto", "unknown device"), (0, "cpu:0", "auto", "unknown device"), (0, "mps", "auto", "mps"),
     (0, "cpu", "half", "unknown precision"), (1, "cuda", "bfloat16", "no bfloat16")],
)  # fmt: skip
def test_what_is_not_there_is_one_line(
    gpus: int, device: str, precision: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _gpus(gpus, monkeypatch)
    with pytest.raises(UserError, match=words) as caught:
        placement(device, precision)
    assert "\n" not in str(caught.value)


def test_a_build_without_cuda_is_told_from_a_gpu_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.version, "cuda", None)
    with pytest.raises(UserError, match="built without CUDA"):
        placement("cuda")


def test_float32_computes_as_without(monkeypatch: pytest.MonkeyPatch) -> None:
    with placement("cpu").autocast():
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.float32
    with placement("cpu", "bfloat16").autocast():
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.bfloat16
