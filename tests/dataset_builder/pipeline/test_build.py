"""A build makes the same bytes whatever its workers, shards and interruptions, and says what it leaves out and why."""

import json
import shutil
from collections import Counter
from dataclasses import asdict, replace

import miniaudio
import numpy as np
import pytest
import soundfile
import yaml

from dataset_builder.audit import exclusions as why
from dataset_builder.dataset import manifest
from dataset_builder.dataset.integrity import check
from dataset_builder.errors import UserError
from dataset_builder.music.instruments import instrument_words_in
from dataset_builder.pipeline import build as pipeline_build
from dataset_builder.pipeline.build import build, build_shard, merge
from dataset_builder.pipeline.settings import BuildSettings
from dataset_builder.pipeline.track_jobs import make_track
from dataset_builder.runtime.shards import Shard

pytestmark = pytest.mark.usefixtures("in_this_process")  # but `built`, which is made before


def settings_of(source_root, out, **changes):
    return replace(BuildSettings("slakh", out, source_root, captions="none"), **changes)


def bytes_of(out):
    return {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def built(tiny_slakh, tmp_path_factory):
    """The tiny source as a data set, made by two processes."""
    out = tmp_path_factory.mktemp("built")
    return out, build(settings_of(tiny_slakh, out, workers=2))


def test_a_data_set_has_mixes_stems_and_submixes(built):
    out, report = built
    items = manifest.load(out, "train")
    assert Counter(item.kind for item in items) == {"mix": 1, "stem": 5, "submix": 9}
    assert len(manifest.load(out, "valid")) == 1 + 2 + 1 and len(manifest.load(out, "test")) == 1 + 3 + 3 + 1
    assert report.tracks == {"train": 1, "valid": 1, "test": 1}
    assert report.left_out == {f"submix: {why.FEW_COMBINATIONS}": 5}
    mix = items[0]
    assert mix.instruments == ("electric bass", "violin", "cello", "pipe", "drums")
    assert (mix.duration, mix.sample_rate, mix.bpm, mix.key) == (6.0, 22_050, pytest.approx(80, abs=0.05), "F major")
    assert mix.audio == "train/Track00001/mix.flac" and [stem.id for stem in mix.stems][2] == "S03"


def test_stock_audiocraft_is_told_instruments_as_asked(built, tiny_slakh, tmp_path):
    """And nothing else differs; a build of other words goes into another folder."""
    settings = settings_of(tiny_slakh, tmp_path / "midi", instrument_words="midi")
    build(settings)
    name = manifest.item_path("Track00001-mix")
    plain, midi = (json.loads((out / name).read_text()) for out in (built[0], settings.out))
    assert plain["instrument"] == "electric bass, violin, cello, pipe, drums"
    assert midi["instrument"].endswith("violin, cello, flute, drums") and "flute" in midi["prompt"]
    assert {key for key in plain if plain[key] != midi[key]} == {"instrument", "prompt"}
    assert check(settings.out) == []
    with pytest.raises(UserError, match=r"other settings \(instrument_words midi, not None\)"):
        build(settings_of(tiny_slakh, settings.out))
    with pytest.raises(UserError, match="unknown instrument_words 'x'"):
        settings_of(tiny_slakh, settings.out, instrument_words="x")


def test_what_sounds_and_what_can_be_its_reference(built):
    items = {item.id: item for item in manifest.load(built[0], "train")}
    assert items["Track00001-mix"].sounding(2.5, 3.5) == ("electric bass", "cello", "drums")  # S00 and S04 pause
    assert items["Track00001-S03"].key is None and items["Track00001-S03"].references
    for item in items.values():
        names = [reference.item for reference in item.references]
        assert names and item.id not in names and "Track00001-S03" not in names
        assert [reference.melody for reference in item.references] == sorted(
            (reference.melody for reference in item.references), reverse=True
        )
        if item.kind == "submix":
            assert len(item.stems) == len(item.instruments) == int(item.id[-3])


def test_descriptions_name_no_instrument(built):
    for split in manifest.SPLITS:
        for item in manifest.load(built[0], split):
            assert item.description.endswith(".") and not instrument_words_in(item.description)


def test_the_data_set_is_whole(built):
    assert check(built[0]) == []


def test_the_report_counts_and_says_so(built):
    out, report = built
    assert json.loads((out / "report.json").read_text()) == asdict(report)
    text = report.text()
    assert "left out: 5" in text and f"5  submix: {why.FEW_COMBINATIONS}" in text and "9 instruments: drums" in text


def test_the_bytes_do_not_depend_on_workers_or_interruptions(built, tiny_slakh, tmp_path, monkeypatch):
    settings, made = settings_of(tiny_slakh, tmp_path, workers=1), []

    def interrupted(*args):
        if made:
            raise KeyboardInterrupt
        made.append(make_track(*args))
        return made[0]

    with monkeypatch.context() as patch:
        patch.setattr(pipeline_build, "make_track", interrupted)
        with pytest.raises(KeyboardInterrupt):
            build(settings)
    assert [path.name for path in (tmp_path / "tracks").iterdir()] == ["Track00001.json"]
    build(settings)
    assert bytes_of(tmp_path) == bytes_of(built[0])


def test_shards_are_merged_to_the_same_bytes(built, tiny_slakh, tmp_path):
    settings = settings_of(tiny_slakh, tmp_path, workers=1)
    assert build_shard(settings, Shard(1, 3)) == build_shard(settings, Shard(3, 3)) == 1
    with pytest.raises(UserError, match=r"lacks 1 of 3 tracks, such as Track00002, of shard 2/3: run them"):
        merge(tmp_path)
    assert not (tmp_path / "egs").exists()
    build_shard(settings, Shard(2, 3))
    merge(tmp_path, workers=1)
    assert bytes_of(tmp_path) == bytes_of(built[0])


def test_missing_tracks_are_named_where_no_shard_is_known(tiny_slakh, tmp_path):
    manifest.write_origin(tmp_path, manifest.Origin(str(tiny_slakh), settings_of(tiny_slakh, tmp_path).fingerprint()))
    with pytest.raises(UserError, match="lacks 3 of 3 tracks, such as Track00001: run the shards"):
        merge(tmp_path)


def test_a_torn_result_is_made_again(built, tiny_slakh, tmp_path):
    out = shutil.copytree(built[0], tmp_path / "out")
    for name, text in (("Track00001", "{"), ("Track00002", '{"items": [{"id": 1}], "left_out": []}')):
        (out / "tracks" / f"{name}.json").write_text(text)
    build(settings_of(tiny_slakh, out))
    assert bytes_of(out) == bytes_of(built[0])


def test_items_that_are_no_more_go_with_their_audio(built, tiny_slakh, tmp_path):
    out = shutil.copytree(built[0], tmp_path / "out")
    for name in ("Other.json", "Other.flac", ".Track00001-mix.0123abcd.tmp.json"):
        (out / "items" / name).touch()
    build(settings_of(tiny_slakh, out))
    assert bytes_of(out) == bytes_of(built[0])


def test_a_finished_data_set_is_not_made_again(built, tiny_slakh, monkeypatch):
    monkeypatch.setattr(pipeline_build, "make_track", lambda *args: pytest.fail("made again"))
    build(settings_of(tiny_slakh, built[0], workers=1))


def test_other_settings_and_sources_are_refused(built, tiny_slakh, tmp_path):
    with pytest.raises(UserError, match=r"other settings \(submixes 3, not 1\): choose another --out"):
        build(settings_of(tiny_slakh, built[0], submixes=1))
    moved = shutil.copytree(tiny_slakh, tmp_path / "moved")
    with pytest.raises(UserError, match=r"dataset_builder relocate .* --source .*moved"):
        build(settings_of(moved, built[0]))
    assert manifest.source_root(built[0]) == tiny_slakh


@pytest.fixture
def damaged(tiny_slakh, tmp_path):
    return shutil.copytree(tiny_slakh, tmp_path / "slakh"), tmp_path / "out"


def left_out(out):
    """Track, what, which and reason of everything left out but submixes."""
    lines = [json.loads(line) for line in (out / "left_out.jsonl").read_text().splitlines()]
    found = [(line["track"], line["what"], line["which"], line["reason"]) for line in lines]
    return {line for line in found if line[3] != why.FEW_COMBINATIONS}


def test_what_is_broken_is_left_out_with_its_reason_and_tried_again(damaged):
    root, out = damaged
    train, valid, test = root / "train" / "Track00001", root / "validation" / "Track00002", root / "test" / "Track00003"
    kept = (train / "stems" / "S00.flac").read_bytes()
    (train / "stems" / "S00.flac").write_text("no audio")
    (train / "stems" / "S01.flac").unlink()
    (train / "MIDI" / "S04.mid").write_text("no MIDI")
    (train / "MIDI" / "S05.mid").unlink()
    (valid / "metadata.yaml").write_text("- a list")
    (test / "mix.flac").write_bytes((test / "mix.flac").read_bytes()[:2000])
    report = build(settings_of(root, out))
    assert left_out(out) == {
        ("Track00001", "stem", "S00", why.BROKEN_AUDIO), ("Track00001", "stem", "S01", why.NO_AUDIO),
        ("Track00001", "MIDI", "S04", why.BROKEN_MIDI), ("Track00001", "MIDI", "S05", why.NO_MIDI),
        ("Track00002", "track", "", why.BROKEN_METADATA), ("Track00003", "mix", "mix", why.BROKEN_AUDIO),
    }  # fmt: skip
    assert str(root) not in (out / "left_out.jsonl").read_text()
    assert report.left_out[f"stem: {why.BROKEN_AUDIO}"] == 1 and report.tracks == {"train": 1, "test": 1}
    assert "Track00003-mix" not in {item.id for item in manifest.load(out, "test")}  # but its stems are used
    assert check(out) == []
    (train / "stems" / "S00.flac").write_bytes(kept)
    build(settings_of(root, out))
    assert "Track00001-S00" in {item.id for item in manifest.load(out, "train")}


def test_silent_and_unnamed_stems_are_in_the_mix_alone(damaged, write_track):
    root, out = damaged
    folder = write_track(root / "train" / "Track00004", 90.0, {0: 40, 1: 120, 2: 42})  # 120: a sound effect
    metadata = yaml.safe_load((folder / "metadata.yaml").read_text())
    metadata["stems"]["S09"] = dict(metadata["stems"]["S00"])
    (folder / "metadata.yaml").write_text(yaml.safe_dump(metadata))
    soundfile.write(folder / "stems" / "S09.flac", np.zeros(6 * 22_050), 22_050)
    build(settings_of(root, out))
    items = [item for item in manifest.load(out, "train") if item.track == "Track00004"]
    assert [item.id[11:] for item in items if item.kind != "submix"] == ["mix", "S00", "S02"]
    assert items[0].instruments == ("violin", "cello")
    assert [stem.id for stem in items[0].stems] == ["S00", "S01", "S02"]
    assert {line for line in left_out(out) if line[0] == "Track00004"} == {
        ("Track00004", "stem", "S01", why.NO_CLASS), ("Track00004", "stem", "S09", why.SILENT),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"source": "mp3"}, "unknown source"), ({"captions": "ear"}, "unknown captioner"),
     ({"workers": 0}, "workers is 0"),
     ({"descriptions": "poet"}, "unknown describer"), ({"key_backend": "ear"}, "unknown key_backend"),
     ({"submixes": -1}, "submixes is -1"), ({"root": None}, "expected Slakh2100's folder")],
)  # fmt: skip
def test_mistaken_settings_are_refused_before_anything_is_written(tiny_slakh, tmp_path, changes, message):
    with pytest.raises(UserError, match=message):
        build(settings_of(tiny_slakh, tmp_path / "out", **changes))
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_written_is_refused(tiny_slakh, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot be written"):
        build(settings_of(tiny_slakh, tmp_path / "file" / "out"))


def test_captions_by_musicnn(damaged):
    root, out = damaged
    for split in ("validation", "test"):
        shutil.rmtree(root / split)
    build(settings_of(root, out, captions="musicnn", submixes=0))
    for item in manifest.load(out, "train"):
        assert (
            item.caption.endswith("usic.") and 0 < item.tags["slow"] < 1 and not instrument_words_in(item.description)
        )


def test_each_file_is_decoded_once_whatever_is_wanted_of_it(damaged, monkeypatch):
    """For its loudness, and for the captions of all items that it is part of."""
    root, out = damaged
    decoded, stream_file = [], miniaudio.stream_file

    def counted(path, **options):
        decoded.append(path)
        return stream_file(path, **options)

    monkeypatch.setattr(miniaudio, "stream_file", counted)
    build(settings_of(root, out, captions="musicnn"))
    assert sorted(decoded) == sorted(str(path) for path in root.rglob("*.flac"))


def test_a_defect_that_is_skipped_is_in_no_stem_and_no_submix(damaged):
    root, out = damaged
    stems = root / "train" / "Track00001" / "stems"
    shutil.copy(stems / "S00.flac", stems / "S01.flac")
    build(settings_of(root, out, audit=True, policy=("gap=use", "mix-differs=use")))
    assert ("Track00001", "stem", "S01", why.DEFECT) in left_out(out)
    assert "twin: the same file as S00" in (out / "left_out.jsonl").read_text()
    for item in manifest.load(out, "train"):
        assert "S01" not in {stem.id for stem in item.stems}
    assert check(out) == []


def test_the_stems_of_slakh_that_are_known_to_be_bad_are_left_out(damaged, write_track):
    root, out = damaged
    write_track(root / "train" / "Track00633", 90.0, {0: 40, 1: 42, 2: 73})
    build(settings_of(root, out))
    assert ("Track00633", "stem", "S01", why.DEFECT) in left_out(out)
    again = out.with_name("used")
    build(settings_of(root, again, policy=("white-noise=use",)))
    assert "Track00633-S01" in {item.id for item in manifest.load(again, "train")}


def test_what_an_audit_finds_broken_is_tried_again(damaged):
    root, out = damaged
    path = root / "train" / "Track00001" / "stems" / "S00.flac"
    kept = path.read_bytes()
    path.unlink()
    build(settings_of(root, out, audit=True))
    assert ("Track00001", "stem", "S00", why.NO_AUDIO) in left_out(out)
    path.write_bytes(kept)
    build(settings_of(root, out, audit=True))
    assert "Track00001-S00" in {item.id for item in manifest.load(out, "train")}


@pytest.mark.parametrize("audit", [False, True])
def test_stems_and_tracks_are_skipped_by_policy(damaged, audit):
    root, out = damaged
    (root / "train" / "Track00001" / "MIDI" / "S03.mid").unlink()  # the drums': the build itself does not read it
    (root / "test" / "Track00003" / "MIDI" / "S00.mid").write_text("no MIDI")
    build(settings_of(root, out, audit=audit, policy=("missing-midi=skip", "broken-midi=skip")))
    found = {line for line in left_out(out) if line[1] == "stem"}
    assert found == {("Track00001", "stem", "S03", why.NO_MIDI), ("Track00003", "stem", "S00", why.BROKEN_MIDI)}
    build(settings_of(root, again := out.with_name("again"), audit=audit, policy=("absolute-path=skip",)))
    assert {line[:2] for line in left_out(again) if line[3] == why.DEFECT} == {
        (name, "track") for name in ("Track00001", "Track00002", "Track00003")
    }


@pytest.mark.parametrize(
    ("audit", "policy"),
    [(True, "gap=stop"), (False, "gap=stop"), (False, "broken-audio=stop"), (False, "absolute-path=stop"),
     (True, "missing-audio=stop"), (False, "missing-audio=stop")],
)  # fmt: skip
def test_a_policy_to_stop_stops(damaged, audit, policy):
    root, out = damaged
    (root / "train" / "Track00001" / "stems" / "S00.flac").write_text("no audio")
    (root / "train" / "Track00001" / "stems" / "S01.flac").unlink()
    with pytest.raises(UserError, match=r"Track0000[123] (S0[012]|-): " + policy.split("=")[0]):
        build(settings_of(root, out, audit=audit, policy=(policy,)))
    with pytest.raises(UserError, match="unknown kind of defect"):
        settings_of(root, out, policy=("gaps=stop",))
