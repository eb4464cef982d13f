"""Notes played on the sound font, for tests of what hears them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pretty_midi
import soxr

from dataset_builder.music import midi_synth
from orchestrator_solver.metrics.clips import Notes


def notes_of(pitches: Sequence[int], seconds: float = 0.5, begin: float = 0.25, length: float = 0.9) -> Notes:
    """`pitches` in turn, one every `seconds`; each sounds for a share `length` of that."""
    onsets = begin + seconds * np.arange(len(pitches))
    return Notes(onsets, onsets + length * seconds, np.array(pitches))


def play(notes: Notes, folder: Path, program: int = 0, rate: int = 22_050, seconds: float = 8.0) -> np.ndarray:
    """Notes on a General MIDI program, float32 `[T]` with a peak of 0.5."""
    midi, part = pretty_midi.PrettyMIDI(), pretty_midi.Instrument(program)
    for onset, offset, pitch in zip(notes.onsets, notes.offsets, notes.pitches, strict=True):
        part.notes.append(pretty_midi.Note(90, int(pitch), float(onset), float(offset)))
    midi.instruments.append(part)
    midi.write(str(folder / "played.mid"))
    wav = midi_synth.play(folder / "played.mid", program, False, seconds)
    return soxr.resample(wav / np.abs(wav).max() * np.float32(0.5), midi_synth.SAMPLE_RATE, rate)
