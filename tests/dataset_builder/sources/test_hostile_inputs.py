"""Files that nobody would make by accident: each is listed, or told in one line; nothing hangs or falls over."""

import json
import os
import resource
import shutil
import signal
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
import yaml
from support.serial_pool import Here

from dataset_builder.audit.track_audit import audit_track
from dataset_builder.dataset.finalize import TrackSummary, finish
from dataset_builder.dataset.report import tally
from dataset_builder.errors import UserError
from dataset_builder.pipeline.build import build
from dataset_builder.pipeline.settings import BuildSettings
from dataset_builder.runtime import process_pool
from dataset_builder.sources.untrusted_yaml import DEEPEST, LARGEST, read_yaml

RATE = 22_050
# Nine times nine times nine ... : 13 lines that stand for 3 billion words; merged, for as many look-ups.
BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{name}: &{name} [{','.join([f'*{before}'] * 9)}]\n" for before, name in zip("abcdefghi", "bcdefghij", strict=True)
)
MERGES = "a: &a {x: 1}\n" + "".join(
    f"{name}: &{name} {{<<: [{','.join([f'*{before}'] * 9)}]}}\n"
    for before, name in zip("abcdefghi", "bcdefghij", strict=True)
)


@pytest.fixture(autouse=True)
def at_most_20_seconds() -> Iterator[None]:
    """What hangs is ended by a signal, which fails the test."""

    def give_up(*_: object) -> None:
        raise AssertionError("it hangs")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(20)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def track(tiny_slakh: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_slakh / "train/Track00001", tmp_path / "slakh/train/Track00001"))


def before(text: str) -> Callable[[Path], object]:
    """Put YAML before the metadata's."""
    return lambda t: (t / "metadata.yaml").write_text(text + (t / "metadata.yaml").read_text())


def stem_0(**values: object) -> Callable[[Path], object]:
    """Give stem S00 other metadata."""

    def change(track: Path) -> None:
        metadata = yaml.safe_load((track / "metadata.yaml").read_text())
        metadata["stems"]["S00"].update(values)
        (track / "metadata.yaml").write_text(yaml.safe_dump(metadata))

    return change


def called(name: str) -> Callable[[Path], object]:
    """Call stem S00 otherwise in the metadata."""
    return lambda t: (t / "metadata.yaml").write_text((t / "metadata.yaml").read_text().replace("S00:", f"{name}:"))


def instead(name: str, make: Callable[[Path], object]) -> Callable[[Path], object]:
    """Put something else in the place of a file."""

    def change(track: Path) -> None:
        (track / name).unlink()
        make(track / name)

    return change


def flac_of(frames: int, channels: int) -> Callable[[Path], object]:
    wav = 0.1 * np.random.default_rng(0).standard_normal((frames, channels))
    return lambda path: soundfile.write(path, wav, RATE)


def promised(samples: int) -> Callable[[Path], object]:
    """Let the header of S00's FLAC promise so many samples."""

    def change(track: Path) -> None:
        path = track / "stems/S00.flac"
        data = bytearray(path.read_bytes())
        fields = int.from_bytes(data[18:26], "big")  # 28 bits of rate, channels and depth, then 36 of samples
        data[18:26] = (fields >> 36 << 36 | samples).to_bytes(8, "big")
        path.write_bytes(data)

    return change


def wav_header(rate: int) -> Callable[[Path], object]:
    """A WAV file of a few samples in the place of S00's FLAC."""
    form = struct.pack("<HHIIHH", 1, 1, rate, rate, 2, 16)
    data = b"RIFF" + struct.pack("<I", 1036) + b"WAVEfmt " + struct.pack("<I", 16) + form + b"data" + bytes([0xE8, 3])
    return instead("stems/S00.flac", lambda path: path.with_suffix(".wav").write_bytes(data + bytes(1002)))


def midi(events: bytes, quarter: int = 480, tracks: int = 1) -> bytes:
    events += b"\0\xff\x2f\0"
    return b"MThd" + struct.pack(">IHHH", 6, 1, tracks, quarter) + b"MTrk" + struct.pack(">I", len(events)) + events


NOTE = b"\xff\xff\xff\x7f\x90\x3c\x40\xff\xff\xff\x7f\x80\x3c\x00"  # after 2^28 ticks, for as many
NO_TEMPO = b"\0\xff\x51\x03\0\0\0\0\x90\x3c\x40\x60\x80\x3c\x40"
CROWD = b"".join(b"\0\x90" + bytes([note % 128, 64]) for note in range(20_000)) + b"".join(
    b"\0\x80" + bytes([note, 0]) for note in range(128)
)
METADATA = ("metadata cannot be read", "", "broken-metadata")
AUDIO = ("audio cannot be read", "S00", "broken-audio")
ALL_SRC = ("MIDI cannot be read", "all_src", "broken-midi")

LISTED = {  # how to make it; the build's reason and what it is of; the audit's kind
    "bomb in a path": (before(BOMB + "audio_dir: *j\n"), METADATA),
    "bomb in a program": (
        lambda t: (t / "metadata.yaml").write_text(BOMB + "stems: {S00: {program_num: *j}}"), METADATA),
    "merge bomb": (before(MERGES), METADATA),
    "thousands of levels": (before("x: " + "[" * 90_000 + "]" * 90_000 + "\n"), METADATA),
    "megabytes of metadata": (before("x: '" + "y" * LARGEST + "'\n"), METADATA),
    "a number of no digits": (before("x: !!int ''\n"), METADATA),
    "a time that is none": (before("x: !!timestamp 'x'\n"), METADATA),
    "a truth value that is none": (before("x: !!bool x\n"), METADATA),
    "a stem twice": (lambda t: (t / "metadata.yaml").write_text("stems: {S00: {}, S00: {}}"), METADATA),
    "program 10^100": (stem_0(program_num=10**100), METADATA),
    "program -1": (stem_0(program_num=-1), METADATA),
    "program nan": (stem_0(program_num=float("nan")), METADATA),
    "empty metadata": (lambda t: (t / "metadata.yaml").write_text(""), METADATA),
    "metadata a list": (lambda t: (t / "metadata.yaml").write_text("- S00\n- S01"), METADATA),
    "metadata without stems": (lambda t: (t / "metadata.yaml").write_text("UUID: x"), METADATA),
    "metadata without a stem's key": (lambda t: (t / "metadata.yaml").write_text("stems: {S00: {}}"), METADATA),
    "a key of the wrong type": (stem_0(is_drum="no"), METADATA),
    "a path that climbs": (called("../../S00"), ("metadata cannot be read", "", "climbing-path")),
    "an absolute path": (called("/etc/passwd"), ("metadata cannot be read", "", "climbing-path")),
    "NUL in a name": (called('"S\\0"'), METADATA),
    "a name of 5000 letters": (called("S" * 5000), METADATA),
    "metadata a named pipe": (instead("metadata.yaml", os.mkfifo), METADATA),
    "metadata a folder": (instead("metadata.yaml", Path.mkdir), METADATA),
    "stem a named pipe": (instead("stems/S00.flac", os.mkfifo), ("no audio", "S00", "missing-audio")),
    "stem a folder": (instead("stems/S00.flac", Path.mkdir), ("no audio", "S00", "missing-audio")),
    "MIDI a named pipe": (instead("MIDI/S00.mid", os.mkfifo), ("no MIDI", "S00", "missing-midi")),
    "stem a link to itself": (
        instead("stems/S00.flac", lambda p: p.symlink_to(p.name)), ("no audio", "S00", "missing-audio")),
    "stem a link out": (
        instead("stems/S00.flac", lambda p: p.symlink_to("../../elsewhere.flac")),
        ("a link out of the track", "S00", "link-out")),
    "stems a link out": (
        lambda t: (shutil.move(t / "stems", t.parent / "moved"), (t / "stems").symlink_to("../moved")),
        ("a link out of the track", "S00", "link-out")),
    "MIDI a link out": (
        instead("MIDI/S00.mid", lambda p: p.symlink_to("/etc/hostname")),
        ("a link out of the track", "S00", "link-out")),
    "length 0": (lambda t: (t / "stems/S00.flac").write_bytes(b""), AUDIO),
    "cut in half": (lambda t: os.truncate(t / "stems/S00.flac", (t / "stems/S00.flac").stat().st_size // 2), AUDIO),
    "noise after the header": (lambda t: (t / "stems/S00.flac").write_bytes(b"fLaC" + bytes(99)), AUDIO),
    "0 samples": (instead("stems/S00.flac", flac_of(0, 1)), AUDIO),
    "FLAC that promises 2^36 samples": (promised(2**36 - 1), AUDIO),
    "FLAC that does not say how many samples": (promised(0), AUDIO),
    "2 GHz": (wav_header(2**31 - 1), AUDIO),
    "1 Hz": (wav_header(1), AUDIO),
    "FLAC that is MIDI": (lambda t: shutil.copy(t / "MIDI/S00.mid", t / "stems/S00.flac"), AUDIO),
    "MIDI that is FLAC": (
        lambda t: shutil.copy(t / "stems/S00.flac", t / "MIDI/S00.mid"), ("MIDI cannot be read", "S00", "broken-midi")),
    "MIDI of length 0": (lambda t: (t / "all_src.mid").write_bytes(b""), ALL_SRC),
    "MIDI cut in half": (lambda t: os.truncate(t / "all_src.mid", 200), ALL_SRC),
    "MIDI cut between tracks": (lambda t: (t / "all_src.mid").write_bytes(midi(b"", tracks=2)), ALL_SRC),
    "a quarter of 0 ticks": (lambda t: (t / "all_src.mid").write_bytes(midi(NOTE, quarter=0)), ALL_SRC),
    "17 megabytes of MIDI": (lambda t: (t / "all_src.mid").write_bytes(midi(bytes(17 << 20))), ALL_SRC),
    "a quarter of 0 microseconds": (lambda t: (t / "all_src.mid").write_bytes(midi(NO_TEMPO)), ALL_SRC),
}  # fmt: skip

USED = {
    "8 channels": instead("stems/S00.flac", flac_of(6 * RATE, 8)),
    "10^9 ticks": lambda t: (t / "all_src.mid").write_bytes(midi(NOTE * 500, quarter=1)),
    "MIDI without notes": lambda t: (t / "all_src.mid").write_bytes(midi(b"")),
    "letters of other alphabets": before("Ｕ: é🎻\n"),
}


def built(track: Path, monkeypatch: pytest.MonkeyPatch, **settings: object) -> list[dict[str, str]]:
    """Build a data set in this process; returns what is left out of more than submixes."""
    monkeypatch.setattr(process_pool, "ProcessPoolExecutor", Here)
    root = track.parent.parent
    build(BuildSettings("slakh", root.parent / "out", root, captions="none", **settings))  # type: ignore[arg-type]
    lines = (root.parent / "out/left_out.jsonl").read_text().splitlines()
    return [line for line in map(json.loads, lines) if line["what"] != "submix"]


@pytest.mark.parametrize("name", LISTED)
def test_what_is_broken_is_listed_by_build_and_audit(track: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    inject, (reason, which, kind) = LISTED[name]
    inject(track)
    assert (reason, which) in {(line["reason"], line["which"]) for line in built(track, monkeypatch)}
    kinds = {(defect.kind, defect.which.removesuffix(".mid")) for defect in audit_track("slakh", track, "train")}
    assert (kind, which) in kinds


@pytest.mark.parametrize("name", USED)
def test_what_is_only_odd_is_used(track: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    USED[name](track)
    assert built(track, monkeypatch) == []


@pytest.mark.parametrize("key_backend", ["fast", "music21"])
def test_a_crowd_of_notes_has_no_key(track: Path, monkeypatch: pytest.MonkeyPatch, key_backend: str) -> None:
    """To compare each of 20,000 notes at one tick with each other would take gigabytes; only the key is left out."""
    (track / "all_src.mid").write_bytes(midi(CROWD))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    (line,) = built(track, monkeypatch, key_backend=key_backend)
    assert (line["reason"], line["which"]) == ("MIDI cannot be read", "all_src")
    assert "too many of its 20000 notes begin within a 16th" in line["detail"]
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2 << 20, "kilobytes"


def test_links_are_followed_where_one_says_so(track: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (track / "stems/S00.flac").rename(track.parent / "kept elsewhere")
    (track / "stems/S00.flac").symlink_to("../../kept elsewhere")
    with pytest.raises(UserError, match="Track00001 S00: link-out"):
        built(track, monkeypatch, policy=("link-out=stop",))
    shutil.rmtree(track.parent.parent.parent / "out")
    assert built(track, monkeypatch, policy=("link-out=use",)) == []


@pytest.mark.parametrize("name", ["S10000000", "S9999999999999999999", "S\u00b2", "S\u0663"])
def test_odd_numbers_of_stems_do_not_make_gaps(track: Path, name: str) -> None:
    text = (track / "metadata.yaml").read_text()
    usual = [defect for defect in audit_track("slakh", track, "train") if defect.kind == "gap"]
    more = f"  {name}: {{audio_rendered: false, is_drum: false, program_num: 0}}\n"
    (track / "metadata.yaml").write_text(text + more, encoding="utf-8")
    found = [defect for defect in audit_track("slakh", track, "train") if defect.kind == "gap"]
    assert {defect.which for defect in found} - {defect.which for defect in usual} == {name}


def test_yaml_is_plain(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    deep = "[" * DEEPEST + "]" * DEEPEST
    for text in (deep, "{a: {b: c}, d: {b: c}}", "[a, a, {a: a}]", "a: &x {b: c}\nd: *x\ne: {<<: *x, f: g}"):
        path.write_text(text)
        assert read_yaml(path) == yaml.safe_load(text)
    for text in ("!!int ''", "!!int '+'", "!!float ''", "!!timestamp 'x'", "!!bool x"):
        path.write_text(text)
        with pytest.raises(ValueError, match="not of the type that its tag names"):
            read_yaml(path)
    for text in (f"[{deep}]", "{a: {b: c, b: d}}", "&a [*a]", "a: 1\nb: 2\na: 3", f"[&a {'x' * 999}{', *a' * 300}]"):
        path.write_text(text)
        with pytest.raises(ValueError, match=r"levels deep|twice|alias"):
            read_yaml(path)


def test_items_of_one_name_stop_the_build(tmp_path: Path) -> None:
    """Track `a` with a part `b-c` and track `a-b` with a part `c`: neither may take the other's place unseen."""
    summary = TrackSummary((), (), tally([], []), (("items/a-b-c.json", "0" * 64),))
    with pytest.raises(UserError, match=r"two tracks have an item items/a-b-c\.json"):
        finish(tmp_path, [summary, summary], [])
