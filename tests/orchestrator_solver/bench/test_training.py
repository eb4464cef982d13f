"""The measurements of training on small sizes: that they run, and say what they say; figures want a quiet machine."""

from functools import partial
from pathlib import Path

import pytest
from support.hub_cache import small_separator

from orchestrator_solver.bench import random_hub
from orchestrator_solver.bench.speed import training
from orchestrator_solver.bench.speed.training import WANTED, Case, bench_training


@pytest.mark.slow
def test_training_from_the_store_against_audiocraft(
    tiny_slakh: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without its caches, with that of chroma, and with that of whole batches; each side trains the same model."""
    monkeypatch.setattr(training, "slakh_root", lambda *_: tiny_slakh)
    monkeypatch.setattr(random_hub, "separator_package", small_separator)
    for name in ("put_t5", "put_codec"):
        monkeypatch.setattr(random_hub, name, partial(getattr(random_hub, name), layers=1))
    report = bench_training(tmp_path, [Case(cache, "nano") for cache in WANTED], seconds=1.92, turns=1)
    assert [case.cache for case in report.cases] == ["none", "chroma", "batch"]
    assert all(min(case.ours) > 0 and len(case.theirs) == 2 and 0 < case.loading < 1 for case in report.cases)
    assert report.cases[0].faster > 1 and report.cases[0].parameters > 4e6
    assert "wanted" in report.text() and len(report.text().splitlines()) == 5
