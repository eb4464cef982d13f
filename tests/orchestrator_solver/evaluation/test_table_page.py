"""Table 1 as a page: every number of the table, plots to scale, takes that are heard, and nothing that breaks out."""

import re
from html import unescape
from pathlib import Path

import numpy as np
import pytest

from orchestrator_solver.evaluation.rows import ClipScores
from orchestrator_solver.evaluation.table import Column, Table
from orchestrator_solver.evaluation.tabulation import tabulate
from orchestrator_solver.evaluation.takes import Takes
from orchestrator_solver.page.table_page import write_table_page

COLUMNS = (Column("sim", "SIM", True), Column("kl", "KL(musicnn)", False))
HOSTILE = "<script>alert(1)</script>\" onload='x"


@pytest.fixture
def takes(tmp_path: Path) -> Takes:
    takes = Takes(tmp_path / "takes")
    for number in range(4):
        takes.keep(f"{number:064x}", 0.1 * np.sin(np.arange(8000) / (5 + number)), 16_000)
    return takes


@pytest.fixture
def table() -> Table:
    scores = [
        ClipScores(f"Track{w}-mix", 0.0, f"Track{w}", row, prompting, "stem",
                   {"sim": mean + w / 10, "kl": float("nan")}, 0, "mix", ("violin", HOSTILE),
                   f"{w:064x}" if prompting else "")
        for row, prompting, mean in
        (("baseline", "with", 0.2), ("finetuned", "with", 0.4), (HOSTILE, "with", 0.3), ("random", "", 0.0))
        for w in range(4)
    ]  # fmt: skip
    return tabulate(scores, COLUMNS, resamples=100, about={HOSTILE: HOSTILE})


def test_numbers_plots_and_takes(tmp_path: Path, table: Table, takes: Takes) -> None:
    write_table_page(tmp_path / "a.html", table, takes)
    page = unescape((tmp_path / "a.html").read_text())
    for line in table.lines:
        assert line.label in page and line.text("sim") in page
    assert "mix: Fine-tuned (w description)" in page and "violin: Baseline (w description)" in page
    assert page.count("<svg") == 1, "a metric that no clip has is not drawn"
    means = {line.label: line.intervals["sim"].mean for line in table.lines}
    drawn = dict(zip(means, map(float, re.findall(r'<circle cx="([\d.]+)"', page)), strict=True))
    pixels = [drawn[one] - drawn[other] for one, other in (("Fine-tuned (w description)", "Baseline (w description)"),)]
    scale = (drawn["Baseline (w description)"] - drawn["Random"]) / (
        means["Baseline (w description)"] - means["Random"]
    )
    assert pixels == [pytest.approx(0.2 * scale, abs=0.3)]
    assert page.count("<audio") == 3 * 2 * 2, "two best and two worst of three models by the one metric there is"
    assert "Fine-tuned, best by SIM ↑: 0.700" in page and "Fine-tuned, worst by SIM ↑: 0.400" in page


def test_names_break_out_of_nothing(tmp_path: Path, table: Table, takes: Takes) -> None:
    write_table_page(tmp_path / "a.html", table, takes)
    raw = (tmp_path / "a.html").read_text()
    assert "<script>alert" not in raw and "onload='" not in raw
    assert "default-src 'none'" in unescape(raw) and 'src="http' not in raw
