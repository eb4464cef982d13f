"""PaSST and CLAP of full size, from files of the published formats to scores, on a CPU."""

from pathlib import Path

import numpy as np
import pytest
from support import hub_cache, paper_networks

from orchestrator_solver.metrics.registry import build_metrics
from orchestrator_solver.weights import known_files


@pytest.mark.slow
def test_networks_of_full_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """12 layers of PaSST, in a file of the published one's size; HTSAT-base and RoBERTa, 200 million weights."""
    hub_cache.use(tmp_path, monkeypatch)
    paper_networks.put_tokenizer(tmp_path)
    weights = paper_networks.put_passt(tmp_path / "passt.pt")
    assert weights.stat().st_size == pytest.approx(known_files.PASST.size, rel=1e-3)
    clap = {"checkpoint": paper_networks.put_clap(tmp_path / "clap.pt"), "any_hash": True}
    of_passt = {name: {"checkpoint": weights} for name in ("kl_passt", "kl_passt_independent")}
    metrics = build_metrics([*of_passt, "clap"], **of_passt, clap=clap)
    played = paper_networks.sounds(seconds=2)
    batch = paper_networks.clips(played[:2], played[1:])
    scores = {name: metric(batch) for name, metric in metrics.items()}
    assert all(np.isfinite(values).all() and len(set(values)) == 2 for values in scores.values())
    theirs = paper_networks.audiocrafts_kl(weights, batch, monkeypatch)
    assert scores["kl_passt"].mean() == pytest.approx(theirs, abs=1e-6)
    assert sum(value.numel() for value in metrics["clap"].clap.network.parameters()) == 199_564_633
