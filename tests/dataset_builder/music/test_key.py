"""The key of MIDI files is music21's, to the letter, and is said as people say it."""

import struct

import numpy as np
import pretty_midi
import pytest
from symusic.core import NoteTick, ScoreTick, TrackTick

from dataset_builder.errors import UserError
from dataset_builder.music.key import KEY_BACKENDS, NAMES, key_from_durations, key_named, spoken_key
from dataset_builder.music.midi_events import read_events
from dataset_builder.music.pitch_class_durations import pitch_class_durations

SCALES = {"major": (0, 2, 4, 5, 7, 9, 11), "minor": (0, 2, 3, 5, 7, 8, 11)}


def write(path, seed, drums=False):
    """Random music in a key, played loosely: chords that do not start together, odd lengths, triplets."""
    rng = np.random.default_rng(seed)
    scale = SCALES["major" if seed % 2 else "minor"]
    midi = pretty_midi.PrettyMIDI(initial_tempo=100)
    for part in range(2):
        instrument = pretty_midi.Instrument(24 + part, is_drum=drums)
        time = 0.0
        while time < 30:
            length = float(rng.choice([0.15, 0.2, 0.3, 0.6, 1.2]))
            for step in rng.choice(7, size=int(rng.integers(1, 4)), replace=False):
                start = time + rng.uniform(0, 0.02)
                end = start + length * rng.uniform(0.4, 1.1)
                pitch = 48 + 12 * part + scale[step] + seed % 12
                instrument.notes.append(pretty_midi.Note(80, int(pitch), start, end))
            time += length
        midi.instruments.append(instrument)
    midi.write(str(path))
    return path


def keys_of(path):
    return {name: backend(path) for name, backend in KEY_BACKENDS.items()}


@pytest.mark.parametrize("seed", range(6))
def test_the_label_is_music21s(tmp_path, seed):
    keys = keys_of(write(tmp_path / "a.mid", seed))
    assert keys["fast"] == keys["music21"] and keys["fast"] in NAMES


def assert_durations_are_music21s(path):
    import music21

    stream = music21.converter.parse(path, forceSource=True).flatten()
    expected = music21.analysis.discrete.AardenEssen()._getPitchClassDistribution(stream)
    found = pitch_class_durations(read_events(path))
    np.testing.assert_allclose(found, np.array(expected, dtype=float), atol=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_durations_are_music21s(tmp_path, seed):
    assert_durations_are_music21s(write(tmp_path / "a.mid", seed))


@pytest.mark.parametrize("grid", [1, 20, 60])
def test_durations_of_crowded_parts_are_music21s(tmp_path, grid):
    """Notes that overlap others of their pitch, chords whose members end apart."""
    rng, score = np.random.default_rng(grid), ScoreTick(480)
    for _ in range(3):
        part = TrackTick("", 0, False)
        for _ in range(80):
            start, length = int(rng.integers(8000)) // grid * grid, (int(rng.integers(600)) // grid + 1) * grid
            part.notes.append(NoteTick(start, length, int(rng.integers(50, 62)), 80))
        part.notes.sort(inplace=True)
        score.tracks.append(part)
    score.dump_midi(str(tmp_path / "a.mid"))
    assert_durations_are_music21s(tmp_path / "a.mid")


def midi(*tracks, quarter=96, form=1):
    """A MIDI file of tracks' bytes."""
    chunks = [track + b"\0\xff\x2f\0" for track in tracks]
    header = b"MThd\0\0\0\6" + b"".join(number.to_bytes(2, "big") for number in (form, len(tracks), quarter))
    return header + b"".join(b"MTrk" + len(chunk).to_bytes(4, "big") + chunk for chunk in chunks)


ODD_FILES = {
    "notes without length": midi(bytes.fromhex("00903c40 00803c00 00903e40 60803e00 00904040 00804000")),
    "an end before its note": midi(bytes.fromhex("00803c00 00903c40 60904040 60804000 60903c40 60803c00")),
    "two notes with one end": midi(bytes.fromhex("00903c40 30903c40 60803c00 00904040 60804000")),
    "a note without an end": midi(bytes.fromhex("00903c40 60803c00 00904040 60904340 60804300")),
    "running status": midi(bytes.fromhex("00c005 00903c40 603c00 004040 604000 00b00740 000a40 00904340 8100 4300")),
    "running program changes": midi(bytes.fromhex("00c005 0006 0007 00903c40 603c00 00d040 0041 00904040 604000")),
    "two channels in a track": midi(bytes.fromhex("00903c40 00913c40 30803c00 30813c00 00924040 60824000")),
    "drums in a chord": midi(bytes.fromhex("00903c40 00992440 60803c00 00892400 00904040 60804000")),
    "format 0": midi(bytes.fromhex("00903c40 00914040 40803c00 40814000 00924340 60824300"), form=0),
    "system messages": midi(bytes.fromhex("00f003010203 00903c40 30f70101 30803c00 00ff0103616263 00904340 60804300")),
    "marks after notes": midi(
        bytes.fromhex("00903c40 46803c00 1ac005 14904040 36804000 2aff5103061a80 8100904340 60804300")
    ),
    "long pauses": midi(bytes.fromhex("00903c40 60803c00 a000904340 60804300")),
}  # fmt: skip


@pytest.mark.parametrize("name", ODD_FILES)
def test_durations_of_odd_files_are_music21s(tmp_path, name):
    (tmp_path / "a.mid").write_bytes(ODD_FILES[name])
    assert_durations_are_music21s(tmp_path / "a.mid")


@pytest.mark.slow
@pytest.mark.parametrize("path", ["monteverdi/madrigal.3.2.mxl", "monteverdi/madrigal.4.3.mxl"])
def test_labels_of_scores_that_music21_wrote_as_midi_are_music21s(tmp_path, path):
    """music21 writes notes whose ends come before them."""
    import music21

    music21.corpus.parse(path).write("midi", fp=tmp_path / "a.mid")
    keys = keys_of(tmp_path / "a.mid")
    assert keys["fast"] == keys["music21"]
    assert_durations_are_music21s(tmp_path / "a.mid")


@pytest.mark.parametrize("content", [b"", b"hello", midi(b"")[:12], b"MThd\0\0\0\6\0\1\0\1\xe7\x28"])
def test_what_is_no_midi_is_refused(tmp_path, content):
    (tmp_path / "a.mid").write_bytes(content)
    for backend in KEY_BACKENDS.values():
        with pytest.raises(UserError, match="cannot be read as MIDI"):
            backend(tmp_path / "a.mid")


def test_torn_files_are_read_as_far_as_they_go(tmp_path):
    whole = midi(bytes.fromhex("00c005 00903c40 603c00 00ff0103616263 00904340 8100 4300")) + bytes.fromhex("ff")
    for size in range(22, len(whole)):
        (tmp_path / "a.mid").write_bytes(whole[:size])
        assert pitch_class_durations(read_events(tmp_path / "a.mid")).sum() in (0, 1, 1 + 4 / 3)


def evenly(*classes):
    return np.bincount(classes, minlength=12).astype(float)


def test_labels_of_durations_are_music21s():
    import music21

    rng = np.random.default_rng(0)
    draws = [evenly(*range(0, 12, step), shift) for step in (1, 2, 3, 4, 6, 12) for shift in (0, 1)]
    draws += [np.roll(evenly(0, 3, 6, 9), 2), np.roll(evenly(0, 4, 8), 1), np.roll(evenly(0, 6), 5), evenly(*range(12))]
    for quarters in [np.round(rng.uniform(0, 4, 12), 3) for _ in range(100)] + draws:
        stream = music21.stream.Stream()
        for pitch_class, length in enumerate(quarters):
            if length:  # 0 would be music21's default, a quarter
                stream.append(music21.note.Note(60 + pitch_class, quarterLength=float(length)))
        name = stream.analyze("key").name
        assert key_from_durations(quarters) == name[0].upper() + name[1:]


def test_drums_have_no_key(tmp_path):
    assert keys_of(write(tmp_path / "a.mid", 0, drums=True)) == {"fast": None, "music21": None}


@pytest.mark.filterwarnings("ignore:Unable to decode lyrics")
def test_the_real_track_and_its_stems(real_track):
    for path in [real_track / "all_src.mid", *sorted(real_track.glob("MIDI/S0[0-3].mid"))]:
        keys = keys_of(path)
        assert keys["fast"] == keys["music21"], path.name


@pytest.mark.parametrize(
    ("key", "spoken"), [("E- major", "E-flat major"), ("F# minor", "F-sharp minor"), ("A minor",) * 2]
)
def test_keys_are_written_as_people_say_them(key, spoken):
    assert spoken_key(key) == spoken


@pytest.mark.parametrize(
    ("events", "reason"), [(b"", "its header promises 2"), (b"\xff\xff\xff\x7f", "expected at most 10000: music21")]
)
def test_what_music21_would_fall_over_or_never_end_with_is_one_line(tmp_path, events, reason):
    """A file that ends before its second track, and one whose note begins after 2^28 quarters."""
    track = (events or b"\0") + b"\x90\x3c\x40\x60\x80\x3c\x40\0\xff\x2f\0"
    tracks, quarter = (1, 1) if events else (2, 480)
    header = b"MThd" + struct.pack(">IHHH", 6, 1, tracks, quarter)
    (tmp_path / "a.mid").write_bytes(header + b"MTrk" + struct.pack(">I", len(track)) + track)
    with pytest.raises(UserError, match=reason):
        KEY_BACKENDS["music21"](tmp_path / "a.mid")


@pytest.mark.parametrize(
    ("text", "name"),
    [("G minor", "G minor"), ("Bb major", "B- major"), ("e-flat major", "E- major"), ("F sharp minor", "F# minor"),
     ("Db", "C# major"), ("a", "A major"), ("Ab minor", "G# minor"), ("C♯ minor", "C# minor"), ("B- major", "B- major"),
     ("E- minor", "E- minor")],
)  # fmt: skip
def test_keys_as_people_write_them(text: str, name: str) -> None:
    assert key_named(text) == name and name in NAMES


@pytest.mark.parametrize("text", ["", "H", "G dur", "minor", "G  #  minor x", "\n", "G" * 100])
def test_what_is_no_key(text: str) -> None:
    with pytest.raises(UserError, match="is no key: expected such as"):
        key_named(text)
