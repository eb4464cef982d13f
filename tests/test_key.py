import numpy as np
import pretty_midi
import pytest

from dataset_builder.key import KEY_BACKENDS, NAMES, key_from_durations, pitch_class_durations
from dataset_builder.midi import read_midi

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


@pytest.mark.parametrize("seed", range(3))
def test_durations_are_music21s(tmp_path, seed):
    import music21

    path = write(tmp_path / "a.mid", seed)
    analysis = music21.analysis.discrete.AardenEssen()
    expected = analysis._getPitchClassDistribution(music21.converter.parse(path).flatten())
    np.testing.assert_allclose(pitch_class_durations(read_midi(path)), np.array(expected, dtype=float), atol=1e-9)


def test_labels_of_durations_are_music21s():
    import music21

    rng = np.random.default_rng(0)
    for _ in range(100):
        quarters = np.round(rng.uniform(0, 4, 12), 3)
        stream = music21.stream.Stream()
        for pitch_class, length in enumerate(quarters):
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
