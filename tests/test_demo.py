"""The demo whole, as small as it can be: from the corpus to the page, and again without doing anything twice."""

from pathlib import Path

import pytest

from orchestrator_solver.demo import DemoSettings, run_demo


@pytest.mark.slow
def test_the_demo_ends_with_a_table_and_a_page_and_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORCHESTRATOR_DORA_DIR", str(tmp_path / "runs"))
    settings = DemoSettings(tmp_path / "demo", works=4, epochs=1, updates=2, excerpts=4, shown=1, workers=1)
    first = run_demo(settings)
    assert "Fine-tuned (w description)" in first.table and "Codec ceiling" in first.table
    assert first.page.read_text().startswith("<!doctype html>")
    made = {path: path.stat().st_mtime_ns for path in (settings.out / "data").rglob("*.flac")}
    weights = (settings.out / "finetuned/model.safetensors").read_bytes()
    again = run_demo(settings)
    assert again.table == first.table and (settings.out / "finetuned/model.safetensors").read_bytes() == weights
    assert made == {path: path.stat().st_mtime_ns for path in (settings.out / "data").rglob("*.flac")}
