"""A whole MIDI file as audio, all its programs and drums together, on the sound font that pretty_midi carries."""

from pathlib import Path
from typing import Any

import numpy as np

from ..errors import UserError
from .midi_synth import DRUM_CHANNEL, SAMPLE_RATE, TAIL, VOICES, font_path

CHANNELS = 16


def render(path: Path, seconds: float) -> np.ndarray:
    """The first `seconds` of a MIDI file and the end of its last notes, float32 `[T]` mono at `SAMPLE_RATE`.

    Raises:
        UserError: the file is broken.
    """
    import tinysoundfont

    synth = tinysoundfont.Synth(samplerate=SAMPLE_RATE)
    synth.sfload(str(font_path()), max_voices=VOICES)
    for channel in range(CHANNELS):  # a file need not name a program before its first note
        synth.program_select(channel, 0, 0, 0, channel == DRUM_CHANNEL)
    _schedule(tinysoundfont.Sequencer(synth), path)
    stereo = np.frombuffer(synth.generate(round((seconds + TAIL) * SAMPLE_RATE)), np.float32)
    return (stereo[::2] + stereo[1::2]) * np.float32(0.5)


def _schedule(sequencer: Any, path: Path) -> None:
    try:
        sequencer.midi_load(str(path))
    except (RuntimeError, ValueError) as error:
        raise UserError(f"{path} cannot be read as MIDI ({error})") from error
