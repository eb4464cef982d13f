import numpy as np
import pretty_midi
import pytest
from symusic.core import NoteTick, ScoreTick, TrackTick

from dataset_builder.key import KEY_BACKENDS, NAMES, key_from_durations
from dataset_builder.midi import read_midi
from dataset_builder.music21_import import is_one_part, pitch_class_durations

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
    score = read_midi(path)
    return {name: backend(path, score) for name, backend in KEY_BACKENDS.items()}


@pytest.mark.parametrize("seed", range(6))
def test_the_label_is_music21s(tmp_path, seed):
    keys = keys_of(write(tmp_path / "a.mid", seed))
    assert keys["fast"] == keys["music21"] and keys["fast"] in NAMES


def assert_durations_are_music21s(path):
    import music21

    stream = music21.converter.parse(path, forceSource=True).flatten()
    expected = music21.analysis.discrete.AardenEssen()._getPitchClassDistribution(stream)
    found = pitch_class_durations(read_midi(path), is_one_part(path))
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


def test_notes_without_length_are_grace_notes(tmp_path):
    ons = [
        bytes([0, 0x90, pitch, 64, length, 0x80, pitch, 0]) for pitch, length in ((60, 0), (62, 96), (64, 0), (65, 50))
    ]
    track = b"".join(ons) + b"\0\xff\x2f\0"
    header = b"MThd\0\0\0\6\0\1\0\1\0\x60MTrk" + len(track).to_bytes(4, "big")
    (tmp_path / "a.mid").write_bytes(header + track)
    assert_durations_are_music21s(tmp_path / "a.mid")
    assert list(pitch_class_durations(read_midi(tmp_path / "a.mid"))[[0, 2, 4, 5]]) == [0, 1, 0, 0.5]


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
