"""A build follows its sources: just what changed, was added or moved is made again, to the bytes of a new build.

What is only touched or copied is not; where it is not known what a track was made of, what is there is taken as that.
"""

import io
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from support.killing import tree

from dataset_builder.__main__ import main
from dataset_builder.dataset import freshness
from dataset_builder.dataset.integrity import check
from dataset_builder.dataset.materialise import materialise
from dataset_builder.errors import UserError
from dataset_builder.pipeline import build as pipeline_build
from dataset_builder.pipeline import track_jobs
from dataset_builder.pipeline.build import build, build_shard, merge
from dataset_builder.pipeline.repair import repair
from dataset_builder.pipeline.settings import BuildSettings
from dataset_builder.pipeline.track_jobs import make_track
from dataset_builder.runtime import checksums
from dataset_builder.runtime.shards import Shard
from dataset_builder.sources import registry

pytestmark = pytest.mark.usefixtures("in_this_process")
DRUMS, VIOLIN = "stems/S03.flac", "stems/S00.flac"


@pytest.fixture
def source(tiny_slakh: Path, tmp_path: Path) -> Path:
    """A source of one's own."""
    return Path(shutil.copytree(tiny_slakh, tmp_path / "slakh"))


@pytest.fixture
def settings(source: Path, tmp_path: Path) -> BuildSettings:
    """Of a data set that is built."""
    settings = BuildSettings("slakh", tmp_path / "data", source, captions="none", workers=1)
    build(settings)
    return settings


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tracks that are made from now on."""
    names: list[str] = []

    def counted(*args):
        names.append(args[-1].name)
        return make_track(*args)

    monkeypatch.setattr(pipeline_build, "make_track", counted)
    return names


def as_new(settings: BuildSettings) -> dict[str, bytes]:
    """What a build that knows nothing of before makes."""
    fresh = replace(settings, out=settings.out.with_name("fresh"))
    shutil.rmtree(fresh.out, ignore_errors=True)
    build(fresh)
    return tree(fresh.out)


def swap(folder: Path) -> None:
    """Give a track's drums the violin's sound: of the same length, and as old as what was there."""
    stat = (folder / DRUMS).stat()
    (folder / DRUMS).write_bytes((folder / VIOLIN).read_bytes())
    os.utime(folder / DRUMS, ns=(stat.st_mtime_ns, stat.st_mtime_ns + 1))


def add(folder: Path) -> None:
    shutil.copy(folder / VIOLIN, folder / "stems/S02.flac")


CHANGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "a stem": (swap, "stems/S03.flac changed"),
    "metadata": (
        lambda folder: (folder / "metadata.yaml").write_text(
            (folder / "metadata.yaml").read_text().replace("program_num: 42", "program_num: 73")
        ),
        "metadata.yaml changed",
    ),
    "MIDI": (lambda folder: shutil.copy(folder / "MIDI/S01.mid", folder / "MIDI/S00.mid"), "MIDI/S00.mid changed"),
    "added": (add, "stems/S02.flac was added"),
    "removed": (lambda folder: (folder / "MIDI/S03.mid").unlink(), "MIDI/S03.mid is gone"),
    "split": (
        lambda folder: folder.rename(folder.parent.parent / "test" / folder.name), "moved from train to test",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", CHANGES)
def test_just_the_track_that_changed_is_made_again(
    settings: BuildSettings, source: Path, made: list[str], kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """check says so with an exit code of its own, or, where files are missing, beside its faults; merge refuses."""
    change, line = CHANGES[kind]
    change(source / "train/Track00001")
    with pytest.raises(UserError, match=rf"1 tracks are not what they were .* such as Track00001 \({line}"):
        merge(settings.out, workers=1)
    assert main(["check", str(settings.out), "--workers", "1"]) == (2 if kind == "split" else 3)
    printed = capsys.readouterr()
    assert f"Track00001: {line} since it was built" in printed.out.splitlines()
    assert kind == "split" or "out of date (1 tracks changed, 0 added, 0 gone)" in printed.err
    build(settings)
    assert made == ["Track00001"] and f"Track00001: {line} since it was built" in capsys.readouterr().out
    assert tree(settings.out) == as_new(settings)
    made.clear()
    build(settings)
    assert made == [] and main(["check", str(settings.out)]) == 0


def test_a_repair_follows_the_source_too(settings: BuildSettings, source: Path) -> None:
    swap(source / "train/Track00001")
    repair(settings.out)
    assert tree(settings.out) == as_new(settings) and main(["check", str(settings.out)]) == 0


def test_what_is_only_touched_or_copied_is_read_once_and_not_made_again(
    settings: BuildSettings, source: Path, made: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Path] = []

    def counted(path):
        read.append(path)
        return checksums.digest_of(path)

    monkeypatch.setattr("dataset_builder.dataset.freshness.digest_of", counted)
    before = tree(settings.out)
    build(settings)
    assert read == [], "equal sizes and times are trusted"
    files = [path for path in source.rglob("*") if path.is_file()]
    for path in files:
        os.utime(path)
    build(settings)
    assert sorted(read) == sorted(files), "another time is looked into"
    build(settings)
    assert len(read) == len(files), "and remembered"
    assert made == [] and tree(settings.out) == before


def test_tracks_that_are_gone_go_with_all_that_was_made_of_them(
    settings: BuildSettings, source: Path, made: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    materialise(settings.out, 1)
    shutil.rmtree(source / "test/Track00003")
    assert main(["check", str(settings.out)]) == 2
    assert "Track00003: its folder is gone since it was built" in capsys.readouterr().out
    build(settings)
    printed = capsys.readouterr().out
    assert "Track00003: its folder is gone" in printed and "0 tracks changed, 0 added, 1 gone" in printed
    assert made == [] and list(settings.out.rglob("*Track00003*")) == []
    materialise(settings.out, 1)
    assert check(settings.out) == []


def test_a_source_of_which_much_is_missing_takes_nothing_along(
    settings: BuildSettings, source: Path, made: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """As when a disk is not mounted: a build, a merge and a repair refuse, unless it is meant."""
    before = tree(settings.out)
    shutil.copytree(source, source.with_name("whole"))
    for split in ("train", "validation"):
        shutil.rmtree(source / split)
    for action in (lambda: build(settings), lambda: merge(settings.out), lambda: repair(settings.out)):
        with pytest.raises(UserError, match=r"no longer 2 of the 3 tracks .* such as Track00001: .* --remove-gone"):
            action()
    assert tree(settings.out) == before
    shutil.copytree(source.with_name("whole"), source, dirs_exist_ok=True)
    build(settings)
    assert made == [] and tree(settings.out) == before
    for split in ("train", "validation"):
        shutil.rmtree(source / split)
    merge(settings.out, workers=1, lose_gone=True)
    build(replace(settings, remove_gone=True))
    assert "0 tracks changed, 0 added, 2 gone" in capsys.readouterr().out
    assert tree(settings.out) == as_new(replace(settings, remove_gone=False))


def test_a_track_that_is_added_is_made_alone(
    settings: BuildSettings, source: Path, made: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(source / "test/Track00003", source / "test/Track00009")
    assert main(["check", str(settings.out)]) == 3
    assert "Track00009: added since the data set was built" in capsys.readouterr().out
    build(settings)
    assert made == ["Track00009"] and tree(settings.out) == as_new(settings)


def test_sums_of_a_stem_that_changed_are_materialised_anew(settings: BuildSettings, source: Path) -> None:
    """Even where no sidecar says otherwise: the stem sounds when it sounded, but upside down."""
    materialise(settings.out, 1)
    path, before = source / "train/Track00001" / VIOLIN, tree(settings.out / "items")
    wav, rate = soundfile.read(path, dtype="int16")
    soundfile.write(path, -wav, rate)
    build(settings)
    materialise(settings.out, 1)
    after = tree(settings.out / "items")
    assert all(after[name] == before[name] for name in before if name.endswith(".json"))
    new, old = (soundfile.read(io.BytesIO(files["Track00001-sub4-1.flac"]))[0] for files in (after, before))
    assert np.abs(new - old).max() > 0.1 and check(settings.out) == []


def test_shards_follow_and_merge_says_what_is_gone(
    settings: BuildSettings, source: Path, made: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    swap(source / "train/Track00001")
    shutil.rmtree(source / "test/Track00003")
    build_shard(settings, Shard(2, 2))
    assert made == []
    with pytest.raises(UserError, match=r"Track00001 \(stems/S03.flac changed\): run their shards again"):
        merge(settings.out, workers=1)
    build_shard(settings, Shard(1, 2))
    capsys.readouterr()
    merge(settings.out, workers=1)
    assert made == ["Track00001"] and tree(settings.out) == as_new(settings)
    assert "Track00003: its folder is gone since it was built" in capsys.readouterr().out


def test_a_repair_removes_what_is_gone_and_says_so(
    settings: BuildSettings, source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(source / "test/Track00003")
    repair(settings.out)
    assert "0 tracks changed, 0 added, 1 gone" in capsys.readouterr().out
    assert list(settings.out.rglob("*Track00003*")) == [] and check(settings.out) == []


def test_a_file_of_no_end_is_not_read(settings: BuildSettings, source: Path) -> None:
    """A sparse one of a terabyte."""
    with (source / "test/Track00003/stems/S09.mid").open("wb") as file:
        file.truncate(1 << 40)
    build(settings)
    files = json.loads((settings.out / ".sources/Track00003.json").read_text())["files"]
    assert files["stems/S09.mid"][::2] == [1 << 40, ""]


@pytest.mark.parametrize("record", [None, "", "{", "[]", '{"split": "train"}', "\x00" * 9, '{"split": 3, "files": {}}'])
def test_without_its_record_a_track_is_taken_for_what_is_there(
    settings: BuildSettings, source: Path, made: list[str], record: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    """And the build says so; but it follows a move, which the items tell."""
    path = settings.out / ".sources/Track00001.json"
    kept = path.read_text()
    path.unlink() if record is None else path.write_text(record)
    build(settings)
    assert made == [] and path.read_text() == kept
    assert "1 tracks have no record of their sources in .sources/" in capsys.readouterr().out
    path.unlink()
    (source / "train/Track00001").rename(source / "test/Track00001")
    build(settings)
    assert made == ["Track00001"] and tree(settings.out) == as_new(settings)


@pytest.mark.parametrize(
    "change",
    [{"files": {"x": [-1, 0, ""]}}, {"files": {"x": [0, 0, "ab"]}}, {"folder": "a\u001b"},
     {"files": {"x": [0, 1 << 70, ""]}}, {"files": []}, {"made_by": None}],
)  # fmt: skip
def test_a_strangers_record_is_none(settings: BuildSettings, made: list[str], change: dict[str, object]) -> None:
    path = settings.out / ".sources/Track00001.json"
    kept = path.read_text()
    path.write_text(json.dumps({**json.loads(kept), **change}))
    build(settings)
    assert made == [] and path.read_text() == kept


def test_a_folder_of_records_that_leads_elsewhere_is_refused(settings: BuildSettings, tmp_path: Path) -> None:
    shutil.rmtree(settings.out / ".sources")
    (tmp_path / "elsewhere").mkdir()
    (settings.out / ".sources").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UserError, match=r"\.sources is a link to .*elsewhere"):
        build(settings)
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_kill_between_record_and_result_loses_no_change(
    settings: BuildSettings, source: Path, made: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    swap(source / "train/Track00001")

    def killed(*args):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(track_jobs, "write_result", killed)
        with pytest.raises(KeyboardInterrupt):
            build(settings)
    build(settings)
    assert made == ["Track00001"] * 2 and tree(settings.out) == as_new(settings)


def test_another_reader_makes_all_again(
    settings: BuildSettings, made: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(registry.READERS, "slakh", replace(registry.READERS["slakh"], version=2))
    build(settings)
    assert made == ["Track00001", "Track00002", "Track00003"]
    assert "made by another version (slakh 1, items 1, now slakh 2, items 1)" in capsys.readouterr().out


def test_names_that_no_terminal_should_see_are_recorded(settings: BuildSettings, source: Path) -> None:
    for name in (b"S\x1b[31m.wav", b"S\xff.wav", b"notes.txt", b".hidden.wav"):
        Path(os.fsdecode(bytes(source / "test/Track00003") + b"/" + name)).touch()
    build(settings)
    files = json.loads((settings.out / ".sources/Track00003.json").read_text())["files"]
    assert {"S\\x1b[31m.wav", "S\\udcff.wav"} <= set(files) and not {"notes.txt", ".hidden.wav"} & set(files)


def test_files_behind_links_out_of_a_track_count_only_where_they_are_used(
    source: Path, tmp_path: Path, made: list[str]
) -> None:
    elsewhere = tmp_path / "S00.flac"
    stem = source / "train/Track00001" / VIOLIN
    stem.rename(elsewhere)
    stem.symlink_to(elsewhere)
    used, not_used = (
        BuildSettings("slakh", tmp_path / name, source, captions="none", workers=1, policy=(f"link-out={policy}",))
        for name, policy in (("used", "use"), ("not", "skip"))
    )
    build(used), build(not_used)
    names = [json.loads((each.out / ".sources/Track00001.json").read_text())["files"] for each in (used, not_used)]
    assert [VIOLIN in files for files in names] == [True, False]
    made.clear()
    shutil.copy(stem.with_name("S01.flac"), elsewhere)
    build(used)
    assert made == ["Track00001"]


def test_a_source_that_is_named_is_compared_through_its_links(
    settings: BuildSettings, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """As a cluster lays out a copy: folders, and links to files that are elsewhere."""
    moved = source.rename(tmp_path / "moved")
    for file in [path for path in moved.rglob("*") if path.is_file()]:
        link = tmp_path / "links" / file.relative_to(moved)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(file)
    monkeypatch.setenv("ORCHESTRATOR_SOURCE_ROOT", str(tmp_path / "links"))
    assert main(["check", str(settings.out), "--workers", "1"]) == 0, capsys.readouterr()
    swap(moved / "train" / "Track00001")
    assert main(["check", str(settings.out), "--workers", "1"]) == 3
    assert "Track00001: stems/S03.flac changed" in capsys.readouterr().out


def test_a_check_reads_no_audio_of_which_nothing_is_recorded(
    settings: BuildSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.rmtree(settings.out / ".sources")
    monkeypatch.setattr(freshness, "digest_of", lambda path: pytest.fail(f"{path} was read"))
    assert main(["check", str(settings.out), "--workers", "1"]) == 0


def test_the_embedded_corpus_is_rendered_and_followed(tmp_path: Path, made: list[str]) -> None:
    from dataset_builder.nano.corpus import NanoSettings

    settings = BuildSettings("nano", tmp_path / "data", captions="none", workers=1, nano=NanoSettings(3, 0, 6.0))
    build(settings)
    before = tree(settings.out)
    made.clear()
    lost = sorted((settings.out / "slakh").glob("*/*"))[0]
    shutil.rmtree(lost)
    build(settings)
    assert made == [] and tree(settings.out) == before, "it is rendered again, to the byte, and so nothing has changed"
    (lost / "source.json").write_text((lost / "source.json").read_text().replace('"licence": "', '"licence": "my '))
    build(settings)
    assert made == [lost.name]
