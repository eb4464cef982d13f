"""Table 1 from clip scores: which rows, which pairs, and what is written."""

import csv
import io
import json
from dataclasses import replace

import numpy as np
import pytest

from orchestrator_solver.evaluation.rows import ClipScores
from orchestrator_solver.evaluation.table import Column, Table, row_label
from orchestrator_solver.evaluation.table_formats import PAPER, to_csv, to_json, to_latex, to_markdown, to_text, write
from orchestrator_solver.evaluation.tabulation import tabulate
from orchestrator_solver.statistics.significance import Test

COLUMNS = (Column("sim", "SIM", True), Column("kl", "KL(musicnn)", False))
WORKS, CLIPS = 8, 4


def clip_scores(row, prompting, policy, sim, kl, silent=()):
    rng = np.random.default_rng(0)  # the same draws for every row: differences are exact
    for work in range(WORKS):
        for clip in range(CLIPS):
            noise = 0.05 * rng.normal()
            item = f"Track{work:05d}-S{clip:02d}"
            scores = {"sim": float("nan") if item in silent else sim + noise, "kl": kl - noise}
            kind, instruments = ("stem", ("violin",)) if clip % 2 else ("mix", ("violin", "cello"))
            work_of = f"Track{work:05d}"
            yield ClipScores(item, 4.0, work_of, row, prompting, policy, scores, 0, kind, instruments)


@pytest.fixture(scope="module")
def table() -> Table:
    scores = []
    for policy, drop in (("self", 0.0), ("stem", 0.1)):
        for prompting in ("without", "with"):
            scores += clip_scores("baseline", prompting, policy, 0.6 - drop, 1.4)
            scores += clip_scores("control", prompting, policy, 0.6 - drop, 1.3)
            scores += clip_scores("finetuned", prompting, policy, 0.6 - drop, 0.8, silent={"Track00001-S01"})
        scores += clip_scores("ceiling", "", policy, 0.8, 0.2)
        scores += clip_scores("random", "", policy, 0.1, 2.0)
    return tabulate(scores, COLUMNS, seed=1, resamples=500, about={"data": "synthetic"})


def test_rows_stand_in_the_papers_order(table):
    labels = [line.label for line in table.lines if line.policy == "self"]
    assert labels == [
        "Baseline (w/o description)", "Control (w/o description)", "Fine-tuned (w/o description)",
        "Baseline (w description)", "Control (w description)", "Fine-tuned (w description)",
        "Random", "Codec ceiling",
    ]  # fmt: skip
    assert table.policies == ("self", "stem")


def test_means_and_pairs_are_those_of_the_clips(table):
    line = table.line("baseline", "without", "stem").intervals["sim"]
    expected = [clip.scores["sim"] for clip in clip_scores("baseline", "without", "stem", 0.5, 1.4)]
    assert line.mean == pytest.approx(np.mean(expected))
    assert line.low < line.mean < line.high
    assert (line.n, line.groups) == (WORKS * CLIPS, WORKS)
    against = table.difference(("finetuned", "with"), ("control", "with"), "self").intervals["kl"]
    assert (against.mean, against.low, against.high) == pytest.approx((-0.5, -0.5, -0.5))
    described = table.difference(("baseline", "with"), ("baseline", "without"), "self").intervals["sim"]
    assert described.mean == 0


def test_undefined_scores_leave_the_pair_out_and_are_told(table):
    line = table.line("finetuned", "with", "self").intervals["sim"]
    assert (line.n, line.undefined) == (WORKS * CLIPS - 1, 1)
    pair = table.difference(("finetuned", "with"), ("baseline", "with"), "self").intervals["sim"]
    assert (pair.n, pair.undefined, pair.mean) == (WORKS * CLIPS - 1, 1, pytest.approx(0))
    assert "SIM 1" in to_text(table)


def test_clips_pair_by_item_and_start_not_by_order():
    scores = list(clip_scores("baseline", "with", "self", 0.6, 1.4))
    scores += reversed(list(clip_scores("finetuned", "with", "self", 0.6, 0.8)))
    pair = tabulate(scores[:-3], COLUMNS, resamples=50).difference(("finetuned", "with"), ("baseline", "with"), "self")
    assert pair.intervals["kl"].n == WORKS * CLIPS - 3
    assert pair.intervals["kl"].low == pytest.approx(-0.6)


def test_text_and_markdown_show_every_number(table):
    text, markdown = to_text(table), to_markdown(table)
    for line in table.lines:
        assert line.label in text and f"| {line.label} |" in markdown
    assert "32 clips of 8 works" in text
    assert "-0.600 [-0.600, -0.600]\n" in text and "corrected for 36 tests" in text
    assert "KL(musicnn) ↓" in markdown and "SIM ↑" in markdown
    assert "need 32 works" in text and "Made of data: synthetic." in markdown
    assert "for orientation" in text and "1.467" in text and "0.214" in markdown
    assert len(PAPER) == 4


def test_csv_has_one_line_a_number(table):
    rows = list(csv.DictReader(io.StringIO(to_csv(table))))
    assert len(rows) == 2 * (len(table.lines) + len(table.differences) + len(table.parts))
    kl = [row for row in rows if row["part"] == "difference" and row["metric"] == "kl" and row["policy"] == "stem"]
    ours = next(row for row in kl if row["row"] == "finetuned" and row["against"] == "baseline")
    assert float(ours["high"]) < 0 and ours["works"] == "8"
    assert float(ours["p"]) == pytest.approx(2 / 2**WORKS, abs=1e-6)
    assert float(ours["detectable"]) == pytest.approx(0, abs=1e-9)
    assert not any(row["p"] for row in rows if row["part"] == "mean")


def test_json_is_strict_and_complete(table):
    record = json.loads(json.dumps(to_json(table), allow_nan=False))
    assert record["about"] == {"data": "synthetic"}
    assert record["columns"][1] == {"name": "kl", "label": "KL(musicnn)", "higher_is_better": False}
    assert len(record["lines"]) == len(table.lines) and len(record["differences"]) == len(table.differences)
    assert record["paper"]["rows"][0][2] == 1.380


def test_a_metric_that_no_clip_has_shows_a_dash():
    scores = [ClipScores("a", 0.0, "w", "baseline", "with", "self", {"sim": float("nan"), "kl": 1.0})]
    table = tabulate(scores, COLUMNS, resamples=10)
    assert "| Baseline (w description) | - | 1.000 (one work) |" in to_markdown(table)
    assert to_json(table)["lines"][0]["intervals"]["sim"]["mean"] is None


def test_rows_by_kind_and_instrument(table):
    """A clip counts for each instrument that it was asked for."""
    parts = {(p.by, p.value): p.line for p in table.parts if (p.line.row, p.line.policy) == ("ceiling", "self")}
    assert set(parts) == {("kind", "stem"), ("kind", "mix"), ("instrument", "violin"), ("instrument", "cello")}
    assert parts["kind", "stem"].intervals["sim"].n == WORKS * CLIPS // 2
    assert parts["instrument", "violin"].intervals["sim"].n == WORKS * CLIPS
    assert [row for row in csv.DictReader(io.StringIO(to_csv(table))) if row["value"] == "cello"]


def test_the_best_and_the_worst_clips_are_named(table):
    found = [one for one in to_json(table)["extremes"] if one["metric"] == "kl" and one["row"] == "finetuned"]
    best = [one for one in found if one["which"] == "best" and one["policy"] == "stem" and one["prompting"] == "with"]
    scores = sorted(clip.scores["kl"] for clip in clip_scores("finetuned", "with", "stem", 0.5, 0.8))
    assert [one["score"] for one in best] == scores[:3]
    worst = [one for one in found if one["which"] == "worst" and one["policy"] == "stem" and one["prompting"] == "with"]
    assert [one["score"] for one in worst] == scores[::-1][:3]
    assert not [one for one in to_json(table)["extremes"] if one["row"] == "random"]


def test_other_models_stand_between_ours_and_the_anchors():
    scores = [
        clip for row in ("baseline", "finetuned", "guided & plain") for clip in clip_scores(row, "with", "self", 0.5, 1)
    ]
    table = tabulate([*scores, *clip_scores("random", "", "self", 0.1, 2)], COLUMNS, resamples=50)
    assert [line.row for line in table.lines] == ["baseline", "finetuned", "guided & plain", "random"]
    assert table.difference(("guided & plain", "with"), ("finetuned", "with"), "self").intervals["kl"].mean == 0
    assert r"guided \& plain (w description)" in to_latex(table)


def test_latex_compiles_by_eye(table):
    """Every row ends, every column is there, and nothing is left that LaTeX would take for its own."""
    text = to_latex(table)
    rows = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert len(rows) == len(table.lines) + len(table.differences) + len(table.policies)
    assert all(row.count(" & ") == len(COLUMNS) for row in rows)
    assert text.count(r"\begin{tabular}{lcc}") == text.count(r"\end{tabular}") == 2
    assert r"$\uparrow$" in text and "−" not in text
    starred = replace(table.differences[0], tests=dict.fromkeys(("sim", "kl"), Test(0.001, 0.01, 0.1)))
    assert to_latex(replace(table, differences=(starred,))).count(" $^{*}$") == 2


def test_takes_of_one_clip_are_not_doubled_clips():
    scores = [
        replace(clip, take=take, scores={name: value + take for name, value in clip.scores.items()})
        for take in (0, 1) for clip in clip_scores("baseline", "with", "self", 0.5, 1)
    ]  # fmt: skip
    line = tabulate(scores, COLUMNS, resamples=200).line("baseline", "with", "self").intervals["sim"]
    assert line.n == 2 * WORKS * CLIPS and line.groups == WORKS
    assert line.high - line.low > 0.9, "whole seeds are drawn: of two, both may be the same"


def test_write_makes_six_files(table, tmp_path):
    paths = write(table, tmp_path / "out")
    assert [path.name for path in paths] == ["table1.txt", "table1.md", "table1.tex", "table1.csv", "table1.json",
                                               "table1_clips.json"]  # fmt: skip
    assert json.loads(paths[-2].read_text())["lines"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(path.name for path in paths)


def test_doubled_clips_are_refused():
    scores = list(clip_scores("baseline", "with", "self", 0.6, 1.4))
    with pytest.raises(ValueError, match="twice"):
        tabulate(scores + scores[:1], COLUMNS)


def test_labels_are_worded_as_in_the_paper():
    assert row_label("finetuned", "without") == "Fine-tuned (w/o description)"
    assert row_label("ceiling", "") == "Codec ceiling"
