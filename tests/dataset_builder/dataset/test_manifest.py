"""A data set that was written is loaded again, in audiocraft's format; a broken one is told in one line."""

import gzip
import json

import pytest
from support.written_items import write_items

import orchestrator_solver  # noqa: F401  closes audiocraft's seams before it is imported
from dataset_builder.dataset import manifest
from dataset_builder.errors import UserError
from dataset_builder.items.tags import GENRE_TAGS, MOOD_TAGS


@pytest.fixture
def data(tmp_path, make_item):
    items = [make_item(), make_item(id="Track00001-mix", kind="mix", audio="train/Track00001/mix.flac", key=None)]
    write_items(tmp_path, items)
    manifest.write_origin(tmp_path, manifest.Origin("slakh", {"submixes": 3}))
    return tmp_path, items


def test_what_was_written_is_loaded(data):
    root, items = data
    assert manifest.load(root, "train") == items and manifest.load(root, "valid") == []


def test_lines_are_audiocrafts(data):
    from audiocraft.data.audio_dataset import AudioMeta

    root, _ = data
    with gzip.open(root / "egs" / "train" / "data.jsonl.gz", "rt") as file:
        lines = [json.loads(line) for line in file]
    assert [line["path"] for line in lines] == ["items/Track00001-sub2-1.flac", "train/Track00001/mix.flac"]
    assert list(lines[0]) == ["path", "duration", "sample_rate", "amplitude", "weight", "info_path"]
    known = {name: value for name, value in lines[0].items() if name != "info_path"}
    assert AudioMeta.from_dict(known).duration == 10.0


def test_sidecars_hold_every_field_of_audiocrafts_music_info(data):
    from audiocraft.data.music_dataset import MusicInfo

    _, items = data
    segment = {"meta": None, "seek_time": 0.0, "n_frames": 1, "total_frames": 1, "sample_rate": 16_000, "channels": 1}
    for item in items:
        info = MusicInfo.from_dict({**manifest.sidecar(item), **segment, "audio_tokens": None}, fields_required=True)
        assert info.instrument == "violin, drums" and info.bpm == 80.0 and info.name.lower() == item.id.lower()
        assert info.key == (item.key and item.key.lower())


def test_moods_and_genre_are_the_captioners(make_item):
    tags = {**dict.fromkeys(MOOD_TAGS + GENRE_TAGS, 0.0), "quiet": 0.5, "techno": 0.9}
    values = manifest.sidecar(make_item(tags=tags, description="A calm piece."))
    assert (values["genre"], values["moods"]) == ("techno", ["quiet"])
    assert values["prompt"] == "A calm piece. Instruments: violin, drums."


def test_what_is_mistyped_is_told_from_what_is_not_built(tmp_path):
    def told(root, split):
        with pytest.raises(UserError) as one:
            manifest.load(root, split)
        with pytest.raises(UserError) as other:
            manifest.place_of(f"{root}/egs/{split}")
        assert str(one.value) == str(other.value) and "\n" not in str(one.value)
        return str(one.value)

    assert told(tmp_path / "nope", "train").startswith(f"there is no folder {tmp_path}/nope: expected a data set; ")
    assert told(tmp_path, "train").startswith(f"{tmp_path} is no data set (it has no egs/train/data.jsonl.gz): ")
    for split in ("\x1b", "valid", "train"):
        (tmp_path / "egs" / split).mkdir(parents=True)
        (tmp_path / "egs" / split / "data.jsonl.gz").touch()
    there = "expected one of those that are there: train, valid, '\\x1b'"
    assert told(tmp_path, "tset") == f"{tmp_path} has no split 'tset': {there}"
    with pytest.raises(UserError, match="x/y is no split's folder: expected DATA/egs/SPLIT"):
        manifest.place_of("x/y")


@pytest.mark.parametrize("damage", ["manifest", "missing", "sidecar", "field"])
def test_a_broken_data_set_is_refused_in_one_line(data, damage):
    root, items = data
    path = root / manifest.item_path(items[0].id)
    if damage == "manifest":
        line = root / "egs" / "train" / "data.jsonl.gz"
        line.write_bytes(line.read_bytes()[:30])
    elif damage == "missing":
        path.unlink()
    else:
        path.write_text('{"id": 1}' if damage == "field" else "{")
    with pytest.raises(UserError, match="broken") as caught:
        manifest.load(root, "train")
    assert "\n" not in str(caught.value)


def test_the_source_is_found_and_can_move(data, tmp_path_factory, monkeypatch):
    root, _ = data
    assert manifest.source_root(root) == root / "slakh"
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    with pytest.raises(UserError, match="does not exist"):
        manifest.relocate(root, elsewhere)
    (elsewhere / "train" / "Track00001" / "stems").mkdir(parents=True)
    (elsewhere / "train" / "Track00001" / "stems" / "S00.flac").touch()
    manifest.relocate(root, elsewhere)
    assert manifest.source_root(root) == elsewhere and manifest.read_origin(root).settings == {"submixes": 3}
    monkeypatch.setenv(manifest.SOURCE_VARIABLE, "/other")
    assert str(manifest.source_root(root)) == "/other"


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"source_root": "x", "settings": 1}'])
def test_a_broken_dataset_json_is_refused(tmp_path, content):
    (tmp_path / "dataset.json").write_text(content)
    with pytest.raises(UserError, match="build the data set again"):
        manifest.read_origin(tmp_path)
