"""`bench decoding` times single steps of the same model on all sides, and says how far less precise ones agree."""

import pytest

from orchestrator_solver.bench.speed import decoding


def test_all_sides_take_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(decoding.SHAPES, "tiny", (32, 2, 1))
    report = decoding.bench_decoding("tiny", (3, 12), steps=2, turns=1)
    sides = {"audiocraft", "transformers", "ours, float32", "ours, bfloat16", "ours, int8", "ours, 8 takes"}
    for times, position in zip(report.times, (3, 12), strict=True):
        assert times.position == position and times.milliseconds.keys() == times.ratios.keys() == sides
        assert min(times.milliseconds.values()) > 0 and times.ratios["audiocraft"] == 1
    assert all(share > 0.8 for share in report.equal.values())
    assert "at position 12" in report.text() and "greedy codes as in float32: int8" in report.text()
