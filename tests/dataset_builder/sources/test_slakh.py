"""Slakh's layout is read as it is, and broken metadata is refused."""

import shutil

import pytest
import yaml

from dataset_builder.errors import UserError
from dataset_builder.sources.slakh import LICENCE, find_tracks, read_track


def test_tracks_are_found_with_our_names_of_the_splits(tiny_slakh):
    found = [(split, folder.name) for split, folder in find_tracks(tiny_slakh)]
    assert found == [("train", "Track00001"), ("valid", "Track00002"), ("test", "Track00003")]


def test_a_flat_folder_of_few_tracks_is_all_train(tiny_slakh):
    assert find_tracks(tiny_slakh / "test") == [("train", tiny_slakh / "test" / "Track00003")]


def test_babyslakhs_tracks_are_split_by_their_names(tiny_slakh, tmp_path):
    for number in range(1, 21):
        shutil.copytree(tiny_slakh / "test" / "Track00003", tmp_path / f"Track{number:05d}")
    splits = [split for split, _ in find_tracks(tmp_path)]
    assert splits.count("train") >= 12 and splits.count("valid") >= 1 and splits.count("test") >= 1
    assert splits == [split for split, _ in find_tracks(tmp_path)]


def test_a_track_has_its_rendered_stems(tiny_slakh):
    track = read_track(tiny_slakh / "train" / "Track00001", "train")
    assert [stem.id for stem in track.stems] == ["S00", "S01", "S03", "S04", "S05"]  # S02 was not rendered
    assert [stem.instrument for stem in track.stems] == ["violin", "cello", "drums", "pipe", "electric bass"]
    assert all(stem.audio.is_file() and stem.midi.is_file() for stem in track.stems)
    assert track.mix.is_file() and track.all_src.is_file() and track.licence == LICENCE


def test_wav_files_are_found_as_in_babyslakh(tiny_slakh, tmp_path):
    folder = shutil.copytree(tiny_slakh / "test" / "Track00003", tmp_path / "Track00003")
    for path in [*folder.glob("stems/*.flac"), folder / "mix.flac"]:
        path.rename(path.with_suffix(".wav"))
    track = read_track(folder, "train")
    assert track.mix.name == "mix.wav" and {stem.audio.suffix for stem in track.stems} == {".wav"}


def test_the_licence_of_the_embedded_corpus_is_its_own(tiny_slakh, tmp_path):
    folder = shutil.copytree(tiny_slakh / "test" / "Track00003", tmp_path / "Track00003")
    (folder / "source.json").write_text('{"licence": "public domain"}')
    assert read_track(folder, "test").licence == "public domain"
    (folder / "source.json").write_text("{}")
    with pytest.raises(UserError, match=r"source\.json does not say the licence"):
        read_track(folder, "test")


STEM = {"audio_rendered": True, "program_num": 0, "is_drum": False}


@pytest.mark.parametrize(
    "content",
    [
        "", "- a\n- b\n", "stems: 3", "stems: {S00: 1}", "a: [", "UUID: x",
        yaml.safe_dump({"stems": {"../../S00": STEM}}), yaml.safe_dump({"stems": {"S00/../..": STEM}}),
        yaml.safe_dump({"stems": {"S00": {"audio_rendered": True, "program_num": 0}}}),
        yaml.safe_dump({"stems": {"S00": {**STEM, "program_num": "piano"}}}),
        yaml.safe_dump({"stems": {"S00": {**STEM, "audio_rendered": False}}}),
        yaml.safe_dump({"stems": {"S00": {**STEM, "audio_rendered": "false"}, "S01": STEM}}),
        yaml.safe_dump({"stems": {"S00": {"program_num": 0, "is_drum": False}, "S01": STEM}}),
        yaml.safe_dump({"stems": {"S00": {**STEM, "is_drum": "false"}}}),
        yaml.safe_dump({"stems": {"S00": {**STEM, "program_num": True}}}),
        yaml.safe_dump({"stems": {0: STEM, "S01": STEM}}), yaml.safe_dump({"stems": {}}),
        "!!python/object/apply:os.system ['true']",
    ],
)  # fmt: skip
def test_broken_metadata_is_refused_in_one_line(tmp_path, content):
    (tmp_path / "metadata.yaml").write_text(content)
    with pytest.raises(UserError, match=r"metadata\.yaml") as caught:
        read_track(tmp_path, "train")
    assert "\n" not in str(caught.value)


def test_missing_and_binary_metadata_are_refused(tmp_path):
    with pytest.raises(UserError, match="metadata"):
        read_track(tmp_path, "train")
    (tmp_path / "metadata.yaml").write_bytes(bytes(range(128, 256)))
    with pytest.raises(UserError, match="metadata"):
        read_track(tmp_path, "train")


def test_a_folder_without_tracks_is_refused(tmp_path):
    with pytest.raises(UserError, match="no tracks in"):
        find_tracks(tmp_path)


def test_a_track_in_two_splits_is_refused(tmp_path):
    for split in ("train", "test"):
        (tmp_path / split / "Track00001").mkdir(parents=True)
    with pytest.raises(UserError, match="Track00001 is in two splits"):
        find_tracks(tmp_path)
