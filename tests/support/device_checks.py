"""What must hold on every device: `tests/gpu` calls it with a GPU, and an ordinary test with the CPU."""

import logging
import shutil
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from support.tiny_lm import VALID, tiny_batch, tiny_lm

from dataset_builder.dataset import manifest
from orchestrator_solver.decoding.decode import Piece, decode
from orchestrator_solver.decoding.draws import Draws
from orchestrator_solver.decoding.guidance import Guidance
from orchestrator_solver.decoding.passes import conditions_of
from orchestrator_solver.generation.model import OrchestratorModel, load_model
from orchestrator_solver.generation.reference_audio import ReferenceAudio
from orchestrator_solver.optim.registry import OPTIMIZERS
from orchestrator_solver.precompute.encoders import FrozenEncoders
from orchestrator_solver.precompute.fill_store import fill
from orchestrator_solver.runtime.placement import placement
from orchestrator_solver.training.update import Updater
from orchestrator_solver.weights import package

INFOS = [SimpleNamespace(meta=SimpleNamespace(path=f"Track{i}-mix"), seek_time=0.0) for i in range(len(VALID))]
DRAWN = 0.99  # of codes or weights that are compared: sums have another order, which may turn what is nearly a draw


def half_precision_learns(device: str, precision: torch.dtype) -> None:
    """Updates under autocast: losses are those of full precision, and fall; too large a scale is lowered on the way."""
    full, half = _losses(device, torch.float32), _losses(device, precision)
    assert half[0] == pytest.approx(full[0], rel=0.02)
    assert half[-1] < half[0] - 0.5 and half[-1] == pytest.approx(full[-1], abs=0.3)


def _losses(device: str, precision: torch.dtype, updates: int = 40) -> list[float]:
    """Cross-entropies of a batch that is repeated, of the updates that were not skipped."""
    model, kind, scaled = tiny_lm(device), torch.device(device).type, precision == torch.float16
    optim = {"micro_batch": None, "max_norm": 1.0, "eager_sync": True, "nonfinite_stop": 99}
    solver = SimpleNamespace(
        cfg=OmegaConf.create({"optim": optim}), sharding=None, model=model, lr_scheduler=None,
        autocast=nullcontext() if precision == torch.float32 else torch.autocast(kind, precision),
        optimizer=OPTIMIZERS["adamw"](model.parameters(), lr=1e-2), logger=logging.getLogger("solver"),
        scaler=torch.amp.GradScaler(kind, init_scale=2.0**30) if scaled else None,
        deadlock_detect=SimpleNamespace(update=lambda stage: None),
    )  # fmt: skip
    updater, losses, skipped = Updater(solver), [], 0.0
    while len(losses) < updates:
        with solver.autocast:
            batch = tiny_batch(model)
        found = updater(batch, INFOS)
        assert found["nonfinite"] == 0
        skipped += found.get("skipped", 0)
        losses += [] if found.get("skipped") else [float(found["ce"])]
        assert skipped < updates, "the scale is never low enough"
    assert (skipped > 0) is scaled
    return losses


def optimizer_follows(device: str, name: str) -> None:
    """An optimizer on the device moves a model as on a CPU in double precision, where d-adaptation takes lists, too."""
    found, wanted = _regression(device, torch.float32, name), _regression("cpu", torch.float64, name)
    torch.testing.assert_close(found.cpu().double(), wanted, rtol=5e-3, atol=5e-3)


def _regression(device: str, dtype: torch.dtype, name: str) -> torch.Tensor:
    """The weights of a small regression after some steps, which began with the same ones."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(20, 70), torch.nn.Tanh(), torch.nn.Linear(70, 5)).to(device, dtype)
    optimizer = OPTIMIZERS[name](model.parameters(), lr=1.0 if name in ("dadam", "prodigy") else 1e-3)
    before = torch.nn.utils.parameters_to_vector(model.parameters()).clone()
    for step in range(60):
        x = torch.randn(16, 20, generator=torch.Generator().manual_seed(step)).to(device, dtype)
        optimizer.zero_grad()
        (model(x) - torch.sin(x[:, :5] * 2)).square().mean().backward()
        optimizer.step()
    after = torch.nn.utils.parameters_to_vector(model.parameters())
    assert not torch.equal(before, after) and after.isfinite().all()
    return after.detach()


def plays_as_the_cpu(device: str, model: str) -> None:
    """In float32 the likeliest codes are the CPU's, and so is the sound of the same codes."""
    here, there = load_model(model, placement("cpu")), load_model(model, placement(device, "float32"))
    wanted, found = _greedy_codes(here), _greedy_codes(there).cpu()
    assert found.shape == wanted.shape and (found == wanted).float().mean() >= DRAWN
    with torch.no_grad():
        expected, sound = here.codec.decode(wanted), there.codec.decode(wanted.to(device)).cpu()
    torch.testing.assert_close(sound, expected, rtol=1e-3, atol=1e-3)


@torch.no_grad()
def _greedy_codes(model: OrchestratorModel, seconds: float = 2.0) -> torch.Tensor:
    rate = model.sample_rate
    wav = (0.2 * np.sin(2 * np.pi * 440 * np.arange(round(seconds * rate)) / rate)).astype(np.float32)
    reference = ReferenceAudio(wav, rate, one_stem=True)
    asked = [model.condition("Instruments: violin, cello.", reference, 0.0, seconds)]
    guidance, nothing = Guidance(3.0, 3.0), torch.zeros(1, model.lm.n_q, 0, dtype=torch.long)
    conditions, frames = conditions_of(model.lm, asked, guidance), round(seconds * model.codec.frame_rate)
    piece = Piece(conditions, [0], frames, nothing.to(model.placement.device))
    return torch.cat(list(decode(model.lm, model.network, piece, guidance, Draws([0], 0.0, 1))), dim=-1)


def prepares_as_the_cpu(device: str, model: str, data: Path, folder: Path) -> None:
    """A store that is filled on the device, with two readers beside it, holds nearly the CPU's codes and pitch classes.

    Args:
        device: of the frozen models.
        model: whose codec and chroma are used.
        data: a data set, of which copies are filled.
        folder: takes the copies.
    """
    cfg = package.load(model, "lm").cfg
    stores = []
    for where, readers in (("cpu", 0), (device, 2)):
        encoders = FrozenEncoders.of_config(OmegaConf.merge(cfg, {"device": where}))
        root = Path(shutil.copytree(data, folder / str(readers), ignore=shutil.ignore_patterns("store")))
        assert fill(root, encoders, workers=readers).made > 0
        stores.append(encoders.store(root))
    for item in manifest.load(data, "train"):
        for read in ("codes", "pitch_classes"):
            wanted, found = (getattr(store, read)(item, 0, 20) for store in stores)
            assert (found == wanted).float().mean() >= DRAWN, (item.id, read)
