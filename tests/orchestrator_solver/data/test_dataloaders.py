"""The loaders of a run of several processes: what each of them draws."""

from pathlib import Path

import flashy
import pytest
from torch.utils.data import DataLoader

from dataset_builder.dataset import manifest
from orchestrator_solver.configuration.overrides import composed
from orchestrator_solver.data.dataloaders import build_loaders

WORLD, BATCH = 3, 2


def _loaders(data: Path, rank: int, monkeypatch: pytest.MonkeyPatch, *overrides: str) -> dict[str, DataLoader]:
    monkeypatch.setattr(flashy.distrib, "world_size", lambda: WORLD)
    monkeypatch.setattr(flashy.distrib, "rank", lambda: rank)
    settings = [f"dataset.batch_size={BATCH}", "dataset.num_workers=0", "dataset.valid.num_samples=6", *overrides]
    cfg = composed(["solver=orchestrator", f"dset_root={data}", *settings, "dataset.generate.num_samples=6"])
    return build_loaders(cfg, after_batch=lambda: None)


def _drawn(loader: DataLoader, epoch: int) -> list[str]:
    loader.dataset.current_epoch = epoch  # type: ignore[attr-defined]
    return [loader.dataset.excerpt(index).item.id for index in loader.sampler]  # type: ignore[attr-defined]


def test_processes_meet_in_every_update_of_an_epoch_that_does_not_divide(
    tiny_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An epoch is the set, of which some items are left over: they come in the next one, and none comes twice."""
    count = len(manifest.load(tiny_data, "train"))
    assert count % (WORLD * BATCH), "the test is of a set that does not divide"
    loaders = [_loaders(tiny_data, rank, monkeypatch)["train"] for rank in range(WORLD)]
    assert {len(loader) for loader in loaders} == {count // (WORLD * BATCH)}
    first, second = ([name for loader in loaders for name in _drawn(loader, epoch)] for epoch in (0, 1))
    assert len(first) == len(set(first)) == count // (WORLD * BATCH) * (WORLD * BATCH)
    assert {item.id for item in manifest.load(tiny_data, "train")} <= {*first, *second}


def test_a_set_smaller_than_a_batch_is_one_update(tiny_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(_loaders(tiny_data, 0, monkeypatch, "dataset.train.num_samples=1")["train"]) == 1


@pytest.mark.parametrize(("samples", "drawn"), [(6, 6), (5, 5), (8, 6), (2, 6)])
def test_sharded_processes_do_not_wait_for_a_batch_that_others_lack(
    samples: int, drawn: int, tiny_data: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    overrides = ["fsdp.use=true", f"dataset.valid.num_samples={samples}"]
    loaders = [_loaders(tiny_data, rank, monkeypatch, *overrides)["valid"] for rank in range(WORLD)]
    assert {len(loader) for loader in loaders} == {1} and sum(len(loader.sampler) for loader in loaders) == drawn  # type: ignore[arg-type]
    assert (f"valid: {drawn} samples instead of {samples}" in caplog.text) == (samples != drawn)
