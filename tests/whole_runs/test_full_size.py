"""The paper's run on published weights' true formats and widths: trained, exported, played; and what stops it early."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from support import hub_cache
from support.tiny_models import build_tiny_data
from support.tiny_runs import SHORT

from orchestrator_solver.generation.model import load_model
from orchestrator_solver.generation.reference_audio import ReferenceAudio
from orchestrator_solver.generation.sampling import SamplingSettings
from orchestrator_solver.paths import PROJECT
from orchestrator_solver.weights.package import load
from orchestrator_solver.weights.published import published


def _run(folder: Path, hub: Path, *command: str) -> subprocess.CompletedProcess:
    environment = {**os.environ, **hub_cache.environment(hub), "ORCHESTRATOR_DORA_DIR": str(folder)}
    return subprocess.run(
        [sys.executable, "-m", *command], cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=600,
        check=False,
    )  # fmt: skip


@pytest.mark.slow
def test_the_papers_run_from_published_weights(
    tiny_data: Path, filled_hub: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`continue_from`, T5, EnCodec and htdemucs; an update, validation, test, samples; export; playing the export."""
    mixed = "orchestrator.reference.any=1.0"  # the target itself, or another item: stems, mixes and submixes
    done = _run(tmp_path, filled_hub, "dora", "run", *SHORT, mixed, f"dset_root={tiny_data}")
    assert done.returncode == 0, done.stderr[-3000:]
    (history,) = tmp_path.glob("xps/*/history.json")
    (epoch,) = json.loads(history.read_text())
    assert {"train", "valid", "evaluate", "generate"} <= epoch.keys()
    assert all(np.isfinite(epoch[stage]["ce"]) for stage in ("train", "valid", "evaluate"))

    exported = tmp_path / "mine"
    done = _run(tmp_path, filled_hub, "orchestrator_solver.cli", "export", history.parent.name, "--to", str(exported))
    assert done.returncode == 0, done.stderr[-3000:]
    hub_cache.use(filled_hub, monkeypatch)
    original = published("facebook/musicgen-melody").state
    kept = load(str(exported), "lm").state
    assert kept.keys() == original.keys()
    assert all(torch.allclose(kept[name], value, atol=2e-3) for name, value in original.items())

    model = load_model(str(exported))
    tone = ReferenceAudio((0.2 * np.sin(np.arange(64_000) / 12)).astype(np.float32), 32_000)
    assert model.generate(["violin"], [tone], 0.4, SamplingSettings()).shape == (1, 1, 12_800)


@pytest.mark.slow
def test_the_papers_run_from_the_store(tiny_slakh: Path, filled_hub: Path, tmp_path: Path) -> None:
    """Computed by `execute_only=prepare`, a part by each of two processes; then losses are those from audio, nearly:
    excerpts are encoded with nothing before them, items as a whole."""
    data = build_tiny_data(tiny_slakh, tmp_path / "data")
    common = (*SHORT, "optim.lr=1e-3", "optim.optimizer=adamw", f"dset_root={data}")
    stored = "orchestrator.store=true"
    early = _run(tmp_path, filled_hub, "dora", "run", *common, stored)
    assert early.returncode == 2 and "run `orchestrator prepare`" in early.stderr
    workers = ("-d", "--ddp_workers=2")
    done = _run(tmp_path, filled_hub, "dora", "run", *workers, *common, stored, "execute_only=prepare")
    assert done.returncode == 0, done.stderr[-3000:]
    assert len(list((data / "store").rglob("Track*.safetensors"))) == 3 and list((data / "store").glob("text-*/*"))
    losses = {}
    for name, overrides in (("audio", ()), ("store", (stored,))):
        folder = tmp_path / name
        done = _run(folder, filled_hub, "dora", "run", *common, *overrides)
        assert done.returncode == 0, done.stderr[-3000:]
        (epoch,) = json.loads(next(folder.glob("xps/*/history.json")).read_text())
        losses[name] = [epoch[stage]["ce"] for stage in ("train", "valid", "evaluate")]
    assert losses["store"] == pytest.approx(losses["audio"], abs=0.05)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("lacking", "words"),
    [("models--facebook--musicgen-melody", "hf download facebook/musicgen-melody"),
     ("models--t5-base", "hf download t5-base"), ("models--adefossez--HTDemucs", "hf download adefossez/HTDemucs")],
)  # fmt: skip
def test_missing_weights_stop_the_run_within_seconds(
    tiny_data: Path, filled_hub: Path, tmp_path: Path, lacking: str, words: str
) -> None:
    hub = tmp_path / "hf"
    (hub / "hub").mkdir(parents=True)
    for folder in (filled_hub / "hub").glob("models--*"):
        if folder.name != lacking:
            (hub / "hub" / folder.name).symlink_to(folder)
    before = time.monotonic()
    done = _run(tmp_path, hub, "dora", "run", *SHORT, f"dset_root={tiny_data}")
    assert done.returncode == 2, done.stderr[-3000:]
    (error,) = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    assert words in error and str(hub) in error and "Traceback" not in done.stderr
    assert time.monotonic() - before < 60, "most of it the start of Python on a busy machine"


def _lora_step(filled_hub: Path, folder: Path, layers: int, seconds: float, timeout: float) -> dict[str, float]:
    tests = PROJECT / "tests"
    path = os.pathsep.join([str(PROJECT), str(tests)])
    environment = {**os.environ, **hub_cache.environment(filled_hub), "PYTHONPATH": path}
    command = [sys.executable, str(tests / "support" / "full_size_step.py"), str(layers), str(seconds), str(folder)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=timeout, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.slow
def test_a_lora_step_in_half_precision(filled_hub: Path, tmp_path: Path) -> None:
    seen = _lora_step(filled_hub, tmp_path, 1, 1.92, 600)
    assert seen["second"] < seen["first"] and seen["trained"] < seen["parameters"] / 20


@pytest.mark.slow
@pytest.mark.skipif(
    os.environ.get("ORCHESTRATOR_FULL_SIZE") != "1",
    reason="takes 20 GiB of memory, 3 GB of disk and long: ORCHESTRATOR_FULL_SIZE=1 runs it",
)
def test_a_lora_step_of_the_real_size_within_20_gib(filled_hub: Path, tmp_path: Path) -> None:
    """The language model alone has 1.4 billion parameters; with T5 it is the 1.5B model."""
    seen = _lora_step(filled_hub, tmp_path, 48, 30.0, 3600)
    assert seen["parameters"] > 1.35e9 and seen["second"] < seen["first"]
    assert seen["peak_gib"] < 20
