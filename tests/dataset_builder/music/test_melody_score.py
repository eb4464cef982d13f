"""How much melody a part carries."""

import pretty_midi
import pytest

from dataset_builder.music.melody_score import melody_score
from dataset_builder.music.midi import read_midi


def score_of(tmp_path, notes, drums=False):
    """MIDI of (pitch, start, end)."""
    midi, part = pretty_midi.PrettyMIDI(), pretty_midi.Instrument(0, is_drum=drums)
    part.notes = [pretty_midi.Note(90, *note) for note in notes]
    midi.instruments.append(part)
    midi.write(str(tmp_path / "a.mid"))
    return read_midi(tmp_path / "a.mid")


def test_without_midi_a_bass_comes_last():
    assert melody_score(None, 1.0, 20.0, "violin") > melody_score(None, 1.0, 20.0, "electric bass") > 0


def line(pitch, step=0.5, seconds=20.0):
    return [(pitch + i % 5, i * step, (i + 0.9) * step) for i in range(int(seconds / step))]


def test_a_tune_comes_before_chords_a_bass_a_held_note_and_a_trill(tmp_path):
    tune = melody_score(score_of(tmp_path, line(72)), 1.0, 20.0)
    others = {
        "chords": line(72) + line(76) + line(79),
        "bass": line(36),
        "held": line(72, step=10.0),
        "trill": line(72, step=0.04),
    }
    scores = {name: melody_score(score_of(tmp_path, notes), 1.0, 20.0) for name, notes in others.items()}
    assert tune == pytest.approx(1.0, abs=0.01) and all(0 < value < 0.5 for value in scores.values()), scores


def test_it_grows_with_the_share_in_which_the_stem_sounds(tmp_path):
    score = score_of(tmp_path, line(72))
    assert melody_score(score, 0.5, 20.0) == pytest.approx(0.5 * melody_score(score, 1.0, 20.0))


def test_without_notes_none_and_without_midi_a_middling_score(tmp_path):
    assert melody_score(score_of(tmp_path, []), 1.0, 20.0) == 0
    assert melody_score(score_of(tmp_path, line(36), drums=True), 1.0, 20.0) == 0
    assert melody_score(None, 0.5, 20.0) == 0.15
