"""The builder's benchmarks on small sets: the figures themselves belong to a quiet machine."""

import json
from pathlib import Path

import pytest

from dataset_builder.__main__ import main
from dataset_builder.bench.comparison import compare
from dataset_builder.bench.inputs import midi_files, slakh_root
from dataset_builder.errors import UserError


def test_sides_are_timed_in_turns():
    calls = []
    found = compare("x", ("a", lambda: calls.append("a")), ("b", lambda: calls.append("b")), repeats=3)
    assert calls == ["a", "b", "b", "a", "a", "b"]
    assert len(found.our_seconds) == len(found.their_seconds) == len(found.ratios) == 3
    assert found.to_json()["ratio"] == sorted(found.ratios)[1]


def test_key_bench_prints_and_writes_its_figures(tiny_slakh, tmp_path, capsys):
    out = tmp_path / "key.json"
    assert main(["bench", "key", "--midi", str(tiny_slakh), "--files", "3", "--repeats", "1", "--out", str(out)]) == 0
    text, figures = capsys.readouterr().out, json.loads(out.read_text())
    assert "3 of 3 labels equal" in text and "3 of 3 tempi equal" in text
    assert figures["files"] == 3 and figures["differing"] == [] and 0 < figures["key"]["ratio"] < 1


def test_midi_files_are_made_of_the_corpus(tmp_path):
    paths = midi_files(None, tmp_path, 3)
    assert len(paths) == len({path.read_bytes() for path in paths}) == 3


def test_too_few_files_or_tracks_are_told(tiny_slakh, tmp_path):
    with pytest.raises(UserError, match="holds 3 MIDI files, expected 9"):
        midi_files(tiny_slakh, tmp_path, 9)
    with pytest.raises(UserError, match="has 2 tracks of 3 stems, expected 3"):
        slakh_root(tiny_slakh, tmp_path / "chosen", tracks=3, stems=3)


def test_audit_bench_puts_defects_into_stems_and_counts(tiny_data, tmp_path, capsys):
    out = tmp_path / "audit.json"
    words = ["bench", "audit", "--data", str(tiny_data), "--every", "1", "--workers", "1", "--out", str(out)]
    assert main(words) == 0
    figures = json.loads(out.read_text())
    assert figures["stems"] == 8 and figures["flagged"] == [] and figures["flatness"] < 0.3
    for noise in ("white", "where the stem sounds", "pink"):
        assert figures["injected"][f"noise: {noise}"] == [8, 8]
    assert figures["injected"]["pitch: 3 semitones"][0] >= 6
    assert figures["injected"]["tone: with vibrato and tremolo"] == [0, 8]  # shorter than what is called endless
    assert "8 pitched stems as they are: 0 called" in capsys.readouterr().out
    assert main(["bench", "audit", "--data", str(tiny_data), "--every", "0"]) == 2


@pytest.mark.slow
def test_build_bench_times_whole_programs(tiny_slakh, tmp_path, capsys):
    out = tmp_path / "build.json"
    size = ["--tracks", "2", "--stems", "3", "--repeats", "1", "--workers", "1"]
    assert main(["bench", "build", "--root", str(tiny_slakh), *size, "--out", str(out)]) == 0
    figures = json.loads(out.read_text())
    assert figures["tracks"] == 2 and figures["stems"] == 8 and figures["sums"] == 9 + 3 + 1
    assert min(figures["build"]["ratio"], figures["materialise"]["ratio"], figures["caption_seconds"]) > 0
    assert "build, virtual" in capsys.readouterr().out


@pytest.mark.slow
def test_describing(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    out = tmp_path / "figures.json"
    assert main(["bench", "describe", "--items", "50", "--out", str(out)]) == 0
    assert "50 descriptions, 32 at once" in capsys.readouterr().out
    assert json.loads(out.read_text())["items"] == 50


@pytest.mark.slow
def test_rebuild_bench_counts_what_is_made_again(tmp_path, capsys):
    out = tmp_path / "rebuild.json"
    assert main(["bench", "rebuild", "--tracks", "9", "--changed", "2", "--workers", "1", "--out", str(out)]) == 0
    figures = json.loads(out.read_text())
    assert figures["made"] == 2 and min(figures[name] for name in ("finding", "again", "whole")) > 0
    assert "2 tracks changed, 2 made again" in capsys.readouterr().out
    assert main(["bench", "rebuild", "--tracks", "1", "--changed", "2"]) == 2
