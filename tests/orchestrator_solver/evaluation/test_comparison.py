"""`orchestrator compare`: runs by their histories and by what they play, tested over works, on a page and as plots."""

import argparse
import math
import re

import numpy as np
import pytest
from support.made_up_runs import KL, SIM, WORKS, clips_of, evaluated, trained

from dataset_builder.errors import UserError
from orchestrator_solver import train
from orchestrator_solver.commands.runs import compare
from orchestrator_solver.evaluation import clip_records
from orchestrator_solver.evaluation.tabulation import tabulate
from orchestrator_solver.page import run_plots
from orchestrator_solver.page.comparison_page import Losses
from orchestrator_solver.statistics.significance import sign_flip
from orchestrator_solver.workflows import comparison
from orchestrator_solver.workflows.sweep import rows as grids


@pytest.fixture
def sweep(tmp_path, monkeypatch) -> list[grids.Row]:
    """Two rows, trained and evaluated; the second plays what scores higher."""
    monkeypatch.setattr(train.main.dora, "dir", tmp_path)
    rows = grids.expand("nano_sweep")[:2]
    for row, losses, mean in zip(rows, ([4.0, 3.0, 3.5], [4.0, 3.8]), (0.4, 0.6), strict=True):
        trained(row, losses)
        evaluated(row, mean)
    return rows


def call(*words: str) -> None:
    parser = argparse.ArgumentParser()
    compare.add_parser(parser.add_subparsers())
    assert compare.run(parser.parse_args(["compare", *words])) == 0


def test_runs_of_a_grid_are_compared_with_the_first(sweep, tmp_path, capsys):
    first, second = sweep
    call(first.sig, second.sig, "--out", str(tmp_path / "page.html"))
    told = capsys.readouterr().out
    assert re.search(rf"{first.sig} +self +3/3 +1\.5 +4\.5000 +3\.0000 \(2\) +-", told)
    assert re.search(rf"{second.sig} +stem +2/3 +1\.0 +4\.8000 +3\.8000 \(2\) +-", told)
    assert re.search(
        rf"{second.sig} stem \(w/o description\) − {first.sig} self \(w/o description\) +\+0\.200 .* \*", told
    )
    page = (tmp_path / "page.html").read_text()
    assert page.count("<polyline") == 4 and page.count("<figure>") == 4  # train, valid; SIM, KL
    assert "http://" not in page and "https://" not in page and "Target" not in page


def test_plots_are_written_as_png(sweep, tmp_path, capsys, monkeypatch):
    sweep[0].sheep.xp.cfg.label = "a $ b_$"  # no formula, though it looks like one
    monkeypatch.setattr(comparison, "expand", lambda name: sweep)
    call("nano_sweep", "--out", str(tmp_path / "page.html"), "--plots", str(tmp_path / "plots"))
    names = ["differences-stem.png", "losses.png", "scores-stem.png"]
    assert sorted(path.name for path in (tmp_path / "plots").iterdir()) == names
    told = capsys.readouterr().out
    for name in names:
        assert (tmp_path / "plots" / name).read_bytes().startswith(b"\x89PNG") and name in told


def test_plots_show_the_table(sweep):
    """Means, intervals, colours of the runs, and p-values after correction, as the table has them."""
    runs = comparison.find([row.sig for row in sweep])
    table = comparison.table_of(runs)
    known = run_plots.colours_of(["not evaluated", *(run.label for run in runs)])
    scores, differences = run_plots.scores_figure(table, "stem", known), run_plots.differences_figure(table, "stem")
    assert [axis.get_title() for axis in scores.axes] == ["SIM ↑", "KL ↓"]
    drawn = [tuple(float(x) for x in line.get_xdata()) for line in scores.axes[0].lines]
    expected = [line.intervals["sim"] for line in table.lines]
    assert drawn[1::2] == [(interval.mean,) for interval in expected]
    assert drawn[::2] == [(interval.low, interval.high) for interval in expected]
    assert [label.get_text() for label in scores.axes[0].get_yticklabels()] == [line.label for line in table.lines]
    told = [text.get_text() for text in differences.axes[0].texts]
    assert told == [f"p = {one.tests['sim'].corrected:.3f}" for one in table.differences]
    lines = [Losses("not evaluated", [(1, 4.0)]), *(Losses(run.label, run.losses("valid")) for run in runs)]
    losses = run_plots.losses_figure({"validation": lines})
    colours = [line.get_color() for line in scores.axes[0].lines[:4:2]]
    assert [line.get_color() for line in losses.axes[0].lines[1:]] == colours
    assert run_plots.losses_figure({"validation": [Losses("new", [])]}) is None


def test_lines_stand_in_the_order_of_the_runs(sweep):
    for order in (sweep, sweep[::-1]):
        table = comparison.table_of(comparison.find([row.sig for row in order]))
        assert [line.row[:8] for line in table.lines] == [row.sig for row in order] * 2


def test_p_values_are_those_of_flipping_signs_of_works(sweep):
    runs = comparison.find([row.sig for row in sweep])
    table = comparison.table_of(runs)
    (difference,) = [one for one in table.differences if one.left[1] == "with"]
    ours, theirs = (
        [clip.scores["sim"] for clip in clips_of(mean) if (clip.row, clip.prompting) == ("finetuned", "with")]
        for mean in (0.6, 0.4)
    )
    works = [f"work{clip // 2}" for clip in range(2 * WORKS)]
    expected = sign_flip(np.subtract(ours, theirs), works, 2036)
    assert difference.tests["sim"].p == pytest.approx(expected) == pytest.approx(2 / 2**WORKS)
    assert difference.left[0].startswith(sweep[1].sig) and difference.right[0].startswith(sweep[0].sig)


def test_a_grid_names_all_its_rows_and_what_is_left_out_is_told(sweep, tmp_path, capsys):
    (sweep[1].sheep.xp.folder / comparison.CLIPS).unlink()
    call("nano_sweep", sweep[0].sig, "--out", str(tmp_path / "page.html"))
    told = capsys.readouterr().out
    assert told.count(f"{sweep[0].sig} ") == 1 and f"before clips were kept: {sweep[1].sig}" in told
    assert "SIM" not in told


def test_scores_that_not_all_have_are_left_out_and_named(sweep):
    evaluated(sweep[1], 0.6, (SIM,))
    runs = comparison.find([row.sig for row in sweep])
    table = comparison.table_of(runs)
    assert [column.name for column in table.columns] == ["sim"]
    assert comparison.notes_of(runs, table) == ["Scores that not all of them have: kl_musicnn."]


def test_labels_are_shown_as_text(sweep, tmp_path, monkeypatch):
    sweep[0].sheep.xp.cfg.label = "<script>alert(1)</script>"
    monkeypatch.setattr(comparison, "expand", lambda name: sweep)
    call("nano_sweep", "--out", str(tmp_path / "page.html"))
    assert "<script>alert" not in (tmp_path / "page.html").read_text()


@pytest.mark.parametrize(
    ("words", "told"),
    [(["nano"], "'nano' is no run: expected the signature of a run in "), (["../../etc"], "'../../etc' is no run"),
     (["01234567", "x"], "there is no run 01234567")],
)  # fmt: skip
def test_what_is_no_run_is_refused(sweep, words, told):
    with pytest.raises(UserError, match=told):
        call(*words)


def test_one_run_is_too_few(sweep):
    with pytest.raises(UserError, match=f"found one run, {sweep[0].sig}: name two or more"):
        call(sweep[0].sig)


def test_clips_come_back_as_they_were_written(tmp_path):
    clips = clips_of(0.5)
    clips[0].scores["sim"] = math.nan
    clip_records.write_clips(tmp_path / "clips.json", tabulate(clips, (SIM, KL), resamples=20))
    assert "NaN" not in (tmp_path / "clips.json").read_text()
    found = clip_records.read_clips(tmp_path / "clips.json")
    assert found.columns == (SIM, KL) and math.isnan(found.clips[0].scores["sim"])
    assert found.clips[1:] == tuple(clips[1 : 4 * WORKS])  # of models alone


def test_runs_that_differ_in_their_seed_are_one_row(tmp_path, monkeypatch):
    """Of the made-up study's two cells of three runs: each row has all clips, and its interval that of the seeds."""
    monkeypatch.setattr(train.main.dora, "dir", tmp_path)
    rows = grids.expand("nano_study")[:6]
    for row, mean in zip(rows, (0.3, 0.4, 0.5, 0.6, 0.7, 0.8), strict=True):
        trained(row, [4.0])
        evaluated(row, mean)
    table = comparison.table_of(comparison.find([row.sig for row in rows]))
    first, second = [line for line in table.lines if line.prompting == "with"]
    assert (first.row, second.row) == ("stem, all, 200 updates (3 seeds)", "reference: self (3 seeds)")
    means = [line.intervals["sim"].mean for line in (first, second)]
    assert means[1] - means[0] == pytest.approx(0.3) and means[0] == pytest.approx(0.4, abs=0.05)
    assert first.intervals["sim"].high - first.intervals["sim"].low > 0.1  # seeds are 0.1 apart
    (difference,) = [one for one in table.differences if one.left[1] == "with"]
    assert difference.intervals["sim"].low == pytest.approx(0.3) == pytest.approx(difference.intervals["sim"].high)
