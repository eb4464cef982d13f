"""The benchmark of excerpts reads both ways; its figures belong to a quiet machine."""

import pytest

from orchestrator_solver.bench.speed import excerpt
from orchestrator_solver.cli import main


@pytest.mark.slow
def test_excerpt_bench_reads_both_ways(tiny_slakh, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(excerpt, "SECONDS", 2.0)
    size = ["--tracks", "1", "--stems", "5", "--repeats", "1", "--excerpts", "3"]
    assert main(["bench", "excerpt", "--root", str(tiny_slakh), *size]) == 0
    assert "3 excerpts of 2 s, 22050 to 32000 Hz" in capsys.readouterr().out
