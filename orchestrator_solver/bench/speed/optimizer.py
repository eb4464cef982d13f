"""A step of D-Adaptation Adam against audiocraft's, and against torch's fused AdamW, by turns in one process."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from audiocraft.optim.dadam import DAdaptAdam as AudiocraftDAdaptAdam

from dataset_builder.bench.measurement import Report

from ...optim.d_adaptation import DAdaptAdam

WIDTH, CODEBOOKS, CARD, TEXT, PITCHES = 1024, 4, 2048, 768, 12  # MusicGen-small's
SMALL_LAYERS = 24
BETAS, DECAY = (0.9, 0.95), 0.1


@dataclass(frozen=True)
class OptimizerReport(Report):
    """Milliseconds a step (medians), and the medians of the ratios within each turn.

    Attributes:
        parameters: how many were updated.
        device: where.
        dadam: ours.
        audiocraft: audiocraft's `dadam`.
        adamw: torch's fused AdamW.
        faster: audiocraft's time over ours.
        of_adamw: ours over fused AdamW's.
    """

    parameters: int
    device: str
    dadam: float
    audiocraft: float
    adamw: float
    faster: float
    of_adamw: float

    def text(self) -> str:
        """The report for a terminal."""
        return "\n".join(
            [
                f"{self.parameters / 1e6:.0f} M parameters in float32 on {self.device}, milliseconds a step",
                f"dadam, ours        {self.dadam:8.1f}",
                f"dadam, audiocraft  {self.audiocraft:8.1f}   {self.faster:.1f} times ours",
                f"AdamW, fused       {self.adamw:8.1f}   ours takes {self.of_adamw:.2f} times as long",
            ]
        )


def shapes(layers: int) -> list[tuple[int, ...]]:
    """Shapes of a MusicGen's parameters at small width."""
    layer = [(3 * WIDTH, WIDTH), (WIDTH, WIDTH), (4 * WIDTH, WIDTH), (WIDTH, 4 * WIDTH), *[(WIDTH,)] * 4]
    ends = [*[(CARD + 1, WIDTH)] * CODEBOOKS, *[(CARD, WIDTH)] * CODEBOOKS, (WIDTH,), (WIDTH,)]
    return [*ends, (WIDTH, TEXT), (WIDTH, PITCHES), *layer * layers]


def bench_optimizer(layers: int = SMALL_LAYERS, steps: int = 9, device: str = "cpu") -> OptimizerReport:
    """Time steps of the three on one set of parameters; each has its own state.

    Args:
        layers: of the transformer; 24 are MusicGen-small's 0.3 billion parameters, with 3.3 GB of states.
        steps: timed turns, after two to warm up.
        device: of torch.
    """
    generator = torch.Generator().manual_seed(0)
    parameters = []
    for shape in shapes(layers):
        parameter = torch.nn.Parameter(torch.randn(shape, generator=generator).mul_(0.02).to(device))
        parameter.grad = torch.randn(shape, generator=generator).mul_(1e-3).to(device)
        parameters.append(parameter)
    optimizers: list[torch.optim.Optimizer] = [
        DAdaptAdam(parameters, lr=1.0, betas=BETAS, weight_decay=DECAY),
        AudiocraftDAdaptAdam(parameters, lr=1.0, betas=BETAS, weight_decay=DECAY),
        torch.optim.AdamW(parameters, lr=1e-4, betas=BETAS, weight_decay=DECAY, fused=True),
    ]
    times = [[_seconds(optimizer.step, device) for optimizer in optimizers] for _ in range(steps + 2)][2:]
    ours, theirs, adamw = (1e3 * statistics.median(column) for column in zip(*times, strict=True))
    return OptimizerReport(
        sum(parameter.numel() for parameter in parameters), device, ours, theirs, adamw,
        faster=statistics.median(turn[1] / turn[0] for turn in times),
        of_adamw=statistics.median(turn[0] / turn[2] for turn in times),
    )  # fmt: skip


def _seconds(step: Callable[[], object], device: str) -> float:
    _wait(device)
    begin = time.perf_counter()
    step()
    _wait(device)
    return time.perf_counter() - begin


def _wait(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize()
