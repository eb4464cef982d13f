"""Tracks of one's own: instruments read from file names or track.yaml, and built like any other."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from dataset_builder.__main__ import main
from dataset_builder.dataset import manifest
from dataset_builder.dataset.excerpt import read_excerpt
from dataset_builder.errors import UserError
from dataset_builder.music.instruments import find_instruments
from dataset_builder.pipeline.build import build
from dataset_builder.pipeline.settings import BuildSettings
from dataset_builder.sources.own_stems import find_tracks, read_track
from dataset_builder.sources.stem_names import spelt_out

RATE = 16_000


def write(path: Path, hz: float = 440.0, channels: int = 1, rate: int = RATE, seconds: float = 4.0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    wav = 0.2 * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate)) / rate)
    soundfile.write(path, np.stack([wav] * channels, axis=1), rate)
    return path


@pytest.fixture
def band(tmp_path: Path, tiny_slakh: Path) -> Path:
    """Four tracks: one with names, MIDI and no mix, three others in stereo, ogg and 44.1 kHz."""
    root = tmp_path / "band"
    slakh = tiny_slakh / "train/Track00001"
    for stem, name in {"S00": "01 Violin II", "S01": "cello", "S03": "Drums", "S04": "flute_take3"}.items():
        write(root / "alpha/x.wav").unlink()
        shutil.copy(slakh / f"stems/{stem}.flac", root / "alpha" / f"{name}.flac")
        shutil.copy(slakh / f"MIDI/{stem}.mid", root / "alpha" / f"{name}.mid")
    write(root / "beta/stems/piano.wav", channels=2)
    write(root / "beta/stems/Slap-Bass.ogg", 110)
    write(root / "beta/mix.wav")
    write(root / "gamma/violin.flac", rate=44_100)
    write(root / "gamma/zither.wav")
    write(root / "delta/choir.wav")
    return root


def test_names_say_the_instruments(band: Path) -> None:
    track = read_track(band / "alpha", "train")
    assert {stem.id: stem.instrument for stem in track.stems} == {
        "01_Violin_II": "violin", "Drums": "drums", "cello": "cello", "flute_take3": "pipe"
    }  # fmt: skip
    assert track.mix is None and track.all_src is None and all(stem.midi for stem in track.stems)
    assert {stem.is_drum for stem in track.stems} == {True, False}
    beta = read_track(band / "beta", "train")
    assert [stem.instrument for stem in beta.stems] == ["electric bass", "acoustic piano"] and beta.mix


def test_a_track_keeps_its_split_whatever_is_added_or_removed(tmp_path: Path) -> None:
    """Also the first tracks of a new set, of which none is moved to fill a split."""
    kept: dict[str, str] = {}
    for number in range(60):
        write(tmp_path / f"track {number}" / "violin.wav", seconds=0.1)
        found = {folder.name: split for split, folder in find_tracks(tmp_path)}
        assert kept.items() <= found.items()
        kept = found
    assert 36 < list(kept.values()).count("train") < 60 and {*kept.values()} == {"train", "valid", "test"}
    for number in range(0, 60, 2):
        shutil.rmtree(tmp_path / f"track {number}")
    assert {folder.name: split for split, folder in find_tracks(tmp_path)}.items() <= kept.items()


@pytest.mark.parametrize("source", ["stems", "slakh"])
def test_empty_splits_are_told_by_plan_and_build_with_their_cure(
    tmp_path: Path, source: str, tiny_slakh: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In one line; what the line says to do helps."""
    root, said = tmp_path / "songs", "no track is in valid and none in test, which training wants: "
    cures = {"stems": "say `split: NAME` in a track's track.yaml", "slakh": "into train/, validation/ and test/"}
    for name in ("Track00004", "Track00006", "Track00008"):  # all drawn to train
        shutil.copytree(tiny_slakh / "train/Track00001", root / name)
        write(root / name / "violin.wav")
    options = ["--source", source, "--root", str(root)]
    for command in (["plan"], ["build", "--captions", "none", "--out", str(tmp_path / "data")]):
        assert main([*command, *options]) == 0
        printed = "".join(capsys.readouterr())
        (line,) = [line for line in printed.splitlines() if said in line]
        assert line.startswith("warning: ") and cures[source] in line
    for name, (ours, theirs) in {"Track00004": ("valid", "validation"), "Track00006": ("test", "test")}.items():
        if source == "stems":
            (root / name / "track.yaml").write_text(f"split: {ours}")
        else:
            (root / "train").mkdir(exist_ok=True)
            shutil.move(root / name, root / theirs / name)
    if source == "slakh":
        shutil.move(root / "Track00008", root / "train/Track00008")
    assert main(["build", "--captions", "none", "--out", str(tmp_path / "data"), *options]) == 0
    assert "warning" not in "".join(capsys.readouterr())
    assert {split for split in manifest.SPLITS if manifest.read_split(tmp_path / "data", split)} == {*manifest.SPLITS}


def test_the_description_of_a_track_overrules(band: Path) -> None:
    (band / "gamma/track.yaml").write_text(
        "split: valid\nstems: {zither.wav: harp, violin.flac: ignore}\nlicence: mine"
    )
    track = read_track(band / "gamma", "valid")
    assert [stem.instrument for stem in track.stems] == ["orchestral harp"] and track.licence == "mine"
    assert ("valid", band / "gamma") in find_tracks(band)


def test_own_words_are_kept_beside_the_class(band: Path, tmp_path: Path) -> None:
    """In items, and as prompts have them where instruments are called by their sound."""
    yaml = "split: train\nstems: {zither.wav: {word: Bass Zither, like: harp}, violin.flac: fiddle}"
    (band / "gamma/track.yaml").write_text(yaml)
    zither, violin = read_track(band / "gamma", "train").stems[::-1]
    assert (zither.instrument, zither.word, zither.program) == ("orchestral harp", "bass zither", 46)
    assert (violin.instrument, violin.word, violin.program) == ("violin", "fiddle", 40)
    flute = next(stem for stem in read_track(band / "alpha", "train").stems if stem.instrument == "pipe")
    assert flute.program == 73 and flute.word is None, "General MIDI calls it so, too"
    build(BuildSettings("stems", tmp_path / "data", band, captions="none", workers=1))
    item = next(item for item in manifest.load(tmp_path / "data", "train") if item.id == "gamma-mix")
    assert item.words(0.0, 4.0, "midi") == ("fiddle", "bass zither")
    assert item.words(0.0, 4.0, "classes") == item.instruments == ("violin", "orchestral harp")


def test_the_word_is_the_one_that_means_the_class(tmp_path: Path) -> None:
    for name in ("Bell Choir", "Banjo Guitar", "2 violins"):
        write(tmp_path / f"one/{name}.wav")
    (tmp_path / "one/track.yaml").write_text("stems: {2 violins.wav: 2 violins}")
    found = {stem.id: (stem.instrument, stem.word) for stem in read_track(tmp_path / "one", "train").stems}
    assert found == {
        "Bell_Choir": ("choir and voice", None), "Banjo_Guitar": ("acoustic guitar", "guitar"),
        "2_violins": ("violin", "violins"),
    }  # fmt: skip


@pytest.mark.parametrize(
    "text",
    ["stems: {zither.wav: {word: a, like: b}}", "stems: {zither.wav: {word: zither}}",
     "stems: {zither.wav: {word: 'a, b', like: harp}}", "stems: {zither.wav: {word: \"a\\eb\", like: harp}}",
     "- a", "splits: x", "stems: {no.wav: violin}", "stems: {zither.wav: zithern}", "a: [", "stems: {zither.wav: 3}",
     "mix: ../beta/mix.wav", "stems: {zither.wav: ignore, violin.flac: ignore}"],
)  # fmt: skip
def test_a_broken_description_is_one_line(band: Path, text: str) -> None:
    (band / "gamma/track.yaml").write_text(text)
    with pytest.raises(UserError) as caught:
        read_track(band / "gamma", "train")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["violinn.wav", "Violin & Cello.wav", 'my "solo", 2: zyther.wav', "{a}: [b.wav"])
def test_a_name_that_says_no_instrument_is_listed_with_its_cure(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """By plan, audit and build alike; what they say to write does help."""
    for stem in ("cello.wav", name):
        write(tmp_path / "songs/one" / stem)
    out = tmp_path / "data"
    of = ["--source", "stems"]
    assert main(["plan", "--root", str(tmp_path / "songs"), *of]) == 0
    assert main(["audit", str(tmp_path / "songs"), *of, "--workers", "1"]) == 0
    printed = capsys.readouterr().out
    assert printed.count("say which in track.yaml, as in ") == 2 and printed.count(name) >= 2
    build(BuildSettings("stems", out, tmp_path / "songs", captions="none", workers=1))
    left_out = [json.loads(line) for line in (out / "left_out.jsonl").read_text().splitlines()]
    detail = next(line["detail"] for line in left_out if line["reason"] == "no instrument class")
    (tmp_path / "songs/one/track.yaml").write_text(detail.partition(" as in '")[2].removesuffix("'"))
    assert all(stem.instrument for stem in read_track(tmp_path / "songs/one", "train").stems)


def test_what_is_likely_stands_first(tmp_path: Path) -> None:
    for name in ("violinn", "zither"):
        write(tmp_path / f"one/{name}.wav")
    typo, strange = (stem.unnamed for stem in read_track(tmp_path / "one", "train").stems)
    assert "no known instrument (violin?): " in typo and typo.endswith(": violin}'")
    assert "no known instrument: " in strange and strange.endswith(": ignore}'")


@pytest.mark.parametrize(
    ("name", "instruments"),
    [
        ("01 Kick In", ("drums",)), ("OH_L", ("drums",)), ("bass drum", ("drums",)), ("Bass DI", ("electric bass",)),
        ("E Gtr L", ("clean electric guitar",)), ("AGtr", ("acoustic guitar",)), ("Vln II", ("violin",)),
        ("Lead Vox", ("choir and voice",)), ("Bass Clarinet", ("clarinet",)), ("cor anglais", ("english horn",)),
        ("Synth Bass", ("electric bass",)), ("Str Pad", ("string ensemble", "synth pad")), ("click", ()),
    ],
)  # fmt: skip
def test_names_as_studios_write_them(name: str, instruments: tuple[str, ...]) -> None:
    assert find_instruments(spelt_out(name)) == instruments


def test_own_stems_are_planned_as_they_are_built(
    band: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plan", "--source", "stems", "--root", str(band), "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    build(BuildSettings("stems", tmp_path / "data", band, captions="none", workers=1))
    built = {split: len(manifest.load(tmp_path / "data", split)) for split in manifest.SPLITS}
    assert {split: sum(plan["items"][split].values()) for split in manifest.SPLITS} == built


def test_links_out_of_a_track_are_not_followed(band: Path, tmp_path: Path) -> None:
    secret = write(tmp_path / "elsewhere/violin.wav")
    (band / "delta/oboe.wav").symlink_to(secret)
    build(BuildSettings("stems", tmp_path / "data", band, captions="none", workers=1))
    left_out = [json.loads(line) for line in (tmp_path / "data/left_out.jsonl").read_text().splitlines()]
    assert [line["reason"] for line in left_out if line["which"] == "oboe"] == ["a link out of the track"]
    items = [item.id for split in manifest.SPLITS for item in manifest.load(tmp_path / "data", split)]
    assert "delta-choir" in items and "delta-oboe" not in items


def test_a_data_set_of_own_stems(band: Path, tmp_path: Path) -> None:
    out = tmp_path / "data"
    report = build(BuildSettings("stems", out, band, captions="none", workers=1))
    items = {item.id: item for split in manifest.SPLITS for item in manifest.load(out, split)}
    assert report.left_out["stem: no instrument class"] == 1 and "zither.wav" in (out / "left_out.jsonl").read_text()
    mix = items["alpha-mix"]
    assert mix.audio is None and len(mix.stems) == 4
    assert (mix.bpm, mix.key) == (80.0, "C major")  # of the stems' MIDI files together
    assert mix.references and mix.references[0].melody > 0
    stems = [read_excerpt(items[f"alpha-{stem.id}"], out, 1.0, 2.0, RATE) for stem in mix.stems]
    assert np.allclose(read_excerpt(mix, out, 1.0, 2.0, RATE), np.sum(stems, axis=0), atol=1e-6)
    assert items["beta-mix"].audio == "beta/mix.wav" and items["beta-mix"].key is None
    assert items["gamma-violin"].sample_rate == 44_100
    assert main(["check", str(out)]) == 0


def test_no_tracks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["build", "--source", "stems", "--root", str(tmp_path), "--out", str(tmp_path / "out")]) == 2
    assert "expected a folder a track" in capsys.readouterr().err and not (tmp_path / "out").exists()


def test_what_redux_omits_is_left_out_of_the_original(write_track: Callable[..., Path], tmp_path: Path) -> None:
    from dataset_builder.sources.slakh_index import omitted_tracks

    omitted = min(omitted_tracks())
    for name in ("Track00001", omitted):
        write_track(tmp_path / "slakh/train" / name, 100.0, {0: 0, 1: 40})
    settings = BuildSettings("slakh", tmp_path / "out", tmp_path / "slakh", omit=True, captions="none", workers=1)
    report = build(settings)
    assert report.tracks == {"train": 1} and omitted in (tmp_path / "out/left_out.jsonl").read_text()
