"""The audit of a source finds every kind of defect, and none in what is right."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pretty_midi
import pytest
import soundfile
import yaml

from dataset_builder.__main__ import main
from dataset_builder.audit.defects import KINDS, Defect, policies, skipped
from dataset_builder.audit.detectors import DefectDetector
from dataset_builder.audit.slakh_errata import known_defects
from dataset_builder.audit.track_audit import audit_track
from dataset_builder.errors import UserError
from dataset_builder.sources.slakh_index import published

RATE = 22_050


@pytest.fixture
def track(tiny_slakh: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_slakh / "train/Track00001", tmp_path / "Track00001"))


def kinds(folder: Path, source: str = "nano") -> set[tuple[str, str]]:
    return {(defect.kind, defect.which) for defect in audit_track(source, folder, "train")}


SOUND = {("gap", "S02"), ("absolute-path", "")}  # what the tiny track has of itself


def test_a_sound_track_has_nothing_else(track: Path) -> None:
    assert kinds(track) == SOUND


def replace_audio(path: Path, wav: np.ndarray) -> None:
    soundfile.write(path, wav, RATE, subtype="PCM_16")


def change_metadata(track: Path, change: object) -> None:
    path = track / "metadata.yaml"
    values = yaml.safe_load(path.read_text())
    change(values)  # type: ignore[operator]
    path.write_text(yaml.safe_dump(values))


SECONDS = np.arange(12 * RATE) / RATE
NOISE = 0.1 * np.random.default_rng(0).standard_normal(len(SECONDS))
TONE = 0.2 * np.sin(2 * np.pi * 440 * SECONDS)

INJECTED = {
    "missing audio": (lambda t: (t / "stems/S00.flac").unlink(), ("missing-audio", "S00")),
    "missing mix": (lambda t: (t / "mix.flac").unlink(), ("missing-audio", "mix")),
    "missing midi": (lambda t: (t / "MIDI/S00.mid").unlink(), ("missing-midi", "S00")),
    "missing all_src": (lambda t: (t / "all_src.mid").unlink(), ("missing-midi", "all_src")),
    "broken midi": (lambda t: (t / "MIDI/S00.mid").write_bytes(b"MThd"), ("broken-midi", "S00")),
    "not audio": (lambda t: (t / "stems/S00.flac").write_bytes(b"fLaC" + bytes(99)), ("broken-audio", "S00")),
    "empty file": (lambda t: (t / "stems/S00.flac").write_bytes(b""), ("broken-audio", "S00")),
    "cut off": (lambda t: os.truncate(t / "stems/S00.flac", 9000), ("broken-audio", "S00")),
    "silent": (lambda t: replace_audio(t / "stems/S00.flac", np.zeros(RATE * 6)), ("silent", "S00")),
    "noise": (lambda t: replace_audio(t / "stems/S00.flac", NOISE), ("white-noise", "S00")),
    "endless": (lambda t: replace_audio(t / "stems/S00.flac", TONE), ("endless-tone", "S00")),
    "clipped": (lambda t: replace_audio(t / "stems/S00.flac", np.clip(9 * TONE, -1, 1)), ("clipped", "S00")),
    "twin": (lambda t: shutil.copy(t / "stems/S00.flac", t / "stems/S01.flac"), ("twin", "S01")),
    "other mix": (lambda t: replace_audio(t / "mix.flac", TONE), ("mix-differs", "mix")),
    "broken mix": (lambda t: (t / "mix.flac").write_bytes(b"no"), ("broken-audio", "mix")),
    "mix cut off": (lambda t: os.truncate(t / "mix.flac", 9000), ("broken-audio", "mix")),
    "silent mix": (lambda t: replace_audio(t / "mix.flac", np.zeros(RATE * 6)), ("silent", "mix")),
    "no truth value": (
        lambda t: change_metadata(t, lambda m: m["stems"]["S00"].pop("audio_rendered")), ("broken-metadata", ""),
    ),
    "list": (lambda t: (t / "metadata.yaml").write_text("- a"), ("broken-metadata", "")),
    "climbing": (
        lambda t: change_metadata(t, lambda m: m["stems"].update({"../../S00": m["stems"]["S00"]})),
        ("climbing-path", ""),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", INJECTED)
def test_what_is_broken_is_found(track: Path, name: str) -> None:
    inject, expected = INJECTED[name]
    inject(track)
    assert expected in kinds(track)


def test_a_mix_is_not_compared_where_a_stem_is_missing(track: Path) -> None:
    (track / "stems/S00.flac").unlink()
    assert kinds(track) == {*SOUND, ("missing-audio", "S00")}


def test_a_stem_that_plays_other_pitches_is_found(track: Path) -> None:
    path = track / "MIDI/S00.mid"
    score = pretty_midi.PrettyMIDI(str(path))
    for note in score.instruments[0].notes:
        note.pitch += 3
    score.write(str(path))
    assert ("wrong-pitch", "S00") in kinds(track)


def test_clipping_across_blocks_is_counted_once() -> None:
    whole, parts = DefectDetector(RATE), DefectDetector(RATE)
    wav = np.concatenate([np.zeros(10), np.ones(6), np.zeros(10), np.ones(2), np.zeros(4)]).astype(np.float32)
    whole.add(wav)
    for part in np.split(wav, [13, 15]):
        parts.add(part)
    assert whole.clipped == parts.clipped == 1


def test_known_defects_are_of_stems_that_slakh_has() -> None:
    tracks = {track.id: track.stems for track in published("original")}
    known = [defect for name in tracks for defect in known_defects(name)]
    assert len(known) == 20 and all(defect.which in tracks[defect.track] for defect in known)
    assert {defect.kind for defect in known} <= set(KINDS)


def test_known_defects_are_slakhs_alone(track: Path) -> None:
    folder = track.rename(track.with_name("Track00357"))
    assert ("white-noise", "S03") in kinds(folder, "slakh") and ("white-noise", "S03") not in kinds(folder, "nano")


def test_policies() -> None:
    clipped, twin = Defect("clipped", "T", "S00", "9 times"), Defect("twin", "T", "S01", "of S00")
    assert skipped([clipped, twin], policies()) == {"S01": twin}
    assert set(skipped([clipped, twin], policies(["clipped=skip", "twin=use"]))) == {"S00"}
    with pytest.raises(UserError, match="T S00: clipped: 9 times"):
        skipped([clipped], policies(["clipped=stop"]))
    for wrong in ("clip=skip", "clipped=drop", "clipped", "silent=use", "missing-audio=use"):
        with pytest.raises(UserError):
            policies([wrong])
    with pytest.raises(UserError, match="add --audit"):
        policies(["twin=stop"], audited=False)
    assert policies(["twin=skip", "gap=stop"], audited=False)["gap"] == "stop"


def test_the_command(tiny_slakh: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    listed = tmp_path / "defects.json"
    assert main(["audit", str(tiny_slakh), "--workers", "1", "--json", str(listed)]) == 0
    printed = capsys.readouterr().out
    assert "Track00001 S02: gap" in printed and len(json.loads(listed.read_text())) == printed.count("Track0")
    assert main(["audit", str(tiny_slakh), "--workers", "1", "--policy", "gap=stop"]) == 1
    assert main(["audit", str(tmp_path / "nowhere")]) == 2
