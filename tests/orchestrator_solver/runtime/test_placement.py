"""Where a model computes: what the words mean, and one line for what is not there."""

import logging

import pytest
import torch

from dataset_builder.errors import UserError
from orchestrator_solver.configuration import preflight
from orchestrator_solver.configuration.overrides import composed
from orchestrator_solver.runtime import gpu
from orchestrator_solver.runtime.placement import Placement, placement

# As torch 2.13 says it, a page each.
OLD_DRIVER = """The NVIDIA driver on your system is too old (found version 12020). Please update your GPU driver by
downloading and installing a new version from the URL: ... Alternatively, go to: ... to install a PyTorch version"""
NO_DRIVER = """Found no NVIDIA driver on your system. Please check that you have an NVIDIA GPU and installed a driver"""


def _gpus(count: int, monkeypatch: pytest.MonkeyPatch, said: str = NO_DRIVER, capability: str = "8.0") -> None:
    """As if torch, built for CUDA 13.0, saw so many GPUs, or said this of why it sees none."""

    def init() -> None:
        raise RuntimeError(said)

    major, minor = capability.split(".")
    monkeypatch.setattr(torch.cuda, "init", init)
    monkeypatch.setattr(torch.cuda, "get_arch_list", lambda: ["sm_75", "sm_80", "sm_90a", "compute_120"])
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda number: (int(major), int(minor)))
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


@pytest.mark.parametrize(
    ("said", "found", "cure"),
    [(OLD_DRIVER, "driver on your system is too old (found version 12020)", "update the driver, or UV_TORCH_BACKEND="),
     (NO_DRIVER, "Found no NVIDIA driver", "use a GPU node"),
     ("No CUDA GPUs are available", "No CUDA GPUs", "use a GPU node")],
)  # fmt: skip
def test_an_old_driver_is_told_from_none_and_from_no_gpu(
    said: str, found: str, cure: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _gpus(0, monkeypatch, said)
    with pytest.raises(UserError) as caught:
        placement("cuda")
    assert found in str(caught.value) and cure in str(caught.value) and "\n" not in str(caught.value)


def test_a_gpu_that_is_too_old_for_the_build_is_left_alone_and_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    _gpus(1, monkeypatch, capability="7.0")
    with pytest.raises(UserError, match=r"capability 7\.0, .* for 7\.5 and newer: .*cu126"):
        placement("cuda")
    with caplog.at_level(logging.WARNING):
        assert placement().device.type == "cpu"
    assert "Computing on the CPU: GPU has compute capability 7.0" in caplog.text
    _gpus(1, monkeypatch, capability="7.5")
    assert gpu.problem() is None


def test_float32_computes_as_without(monkeypatch: pytest.MonkeyPatch) -> None:
    with placement("cpu").autocast():
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.float32
    with placement("cpu", "bfloat16").autocast():
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.bfloat16


def test_a_gpu_that_is_newer_than_the_build_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless the build brings code that the driver compiles."""
    monkeypatch.setattr(torch.version, "cuda", "12.6")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda number: (12, 0))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda number: "B200")
    monkeypatch.setattr(torch.cuda, "get_arch_list", lambda: ["sm_50", "sm_90"])
    assert "capability 12.0" in str(gpu.problem()) and "built for up to 9.x" in str(gpu.problem())
    monkeypatch.setattr(torch.cuda, "get_arch_list", lambda: ["sm_50", "sm_90", "compute_90"])
    assert gpu.problem() is None


@pytest.mark.parametrize("name", ["cpu:", "cuda:", "cuda0", "cuda:-1", "CPU", "cuda:\u0663", "cpu:1", "cuda:9999"])
def test_a_device_that_is_none_is_one_line(name: str) -> None:
    with pytest.raises(UserError, match="unknown device"):
        placement(name)
    if ":" not in name:
        with pytest.raises(UserError, match="unknown device="):
            preflight.check(composed(["solver=orchestrator_nano", f"device={name}"]))
