"""A take written down: the notes that are heard in it, as MIDI."""

import io

import numpy as np
import pretty_midi

from ...metrics.transcription.transcriber import shared_transcriber

VELOCITY = 90  # of all notes: the transcriber does not tell how loud they are


def midi_of(wav: np.ndarray, sample_rate: int, bpm: float | None = None) -> bytes:
    """A MIDI file of the notes in audio `[T]`, on one track; of drums there are none.

    Args:
        wav: mono.
        sample_rate: in Hz.
        bpm: tempo that the file states; times are those of the audio whatever it is.
    """
    (notes,) = shared_transcriber().notes([wav], sample_rate)
    instrument = pretty_midi.Instrument(program=0, name="transcription")
    instrument.notes = [
        pretty_midi.Note(VELOCITY, int(pitch), float(start), float(end))
        for pitch, start, end in zip(notes.pitches, notes.onsets, notes.offsets, strict=True)
    ]
    score = pretty_midi.PrettyMIDI(initial_tempo=bpm or 120.0)
    score.instruments.append(instrument)
    file = io.BytesIO()
    score.write(file)
    return file.getvalue()
