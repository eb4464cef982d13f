"""The tempo of a track, weighted by how long it lasts."""

import numpy as np
import pretty_midi
import pytest

from dataset_builder.errors import UserError
from dataset_builder.music.midi import read_midi
from dataset_builder.music.tempo import track_bpm


def by_pretty_midi(path):
    """The duration-weighted tempo by pretty_midi's own tempo map."""
    midi = pretty_midi.PrettyMIDI(str(path))
    times, bpm = midi.get_tempo_changes()
    seconds = np.diff(np.append(times, midi.get_end_time()))
    return float((bpm * seconds).sum() / seconds.sum())


def write(path, tempi, seconds=20.0):
    """A MIDI file with `tempi` as (tick, bpm), notes throughout."""
    midi = pretty_midi.PrettyMIDI(initial_tempo=tempi[0][1])
    midi._tick_scales = [(tick, 60.0 / (bpm * midi.resolution)) for tick, bpm in tempi]
    midi._update_tick_to_time(100_000)
    part = pretty_midi.Instrument(0)
    part.notes = [pretty_midi.Note(90, 60, start, start + 0.5) for start in np.arange(0, seconds, 0.5)]
    midi.instruments.append(part)
    midi.write(str(path))
    return path


@pytest.mark.parametrize(
    "tempi",
    [
        [(0, 80.0)],
        [(0, 90.0), (880, 200.0), (880, 60.0)],
        [(0, 120.0), (2200, 60.0)],
        [(0, 90.0), (880, 91.0), (3000, 140.0), (6000, 33.3)],
    ],
)
def test_tempo_is_pretty_midis_weighted_by_duration(tmp_path, tempi):
    path = write(tmp_path / "a.mid", tempi)
    assert track_bpm(read_midi(path)) == pytest.approx(by_pretty_midi(path), rel=1e-3)


def test_an_empty_file_has_no_tempo(tmp_path):
    pretty_midi.PrettyMIDI().write(str(tmp_path / "empty.mid"))
    assert track_bpm(read_midi(tmp_path / "empty.mid")) is None


@pytest.mark.parametrize("content", [b"", b"hello", b"MThd\0\0\0\6\0\1\0\1\1\xe0MTrk\0\0\0\x20\0\x90"])
def test_a_broken_file_is_refused(tmp_path, content):
    (tmp_path / "a.mid").write_bytes(content)
    with pytest.raises(UserError, match="cannot be read as MIDI"):
        read_midi(tmp_path / "a.mid")


def test_the_real_track_has_80_bpm(real_track):
    assert track_bpm(read_midi(real_track / "all_src.mid")) == pytest.approx(80, abs=0.05)
