"""Plays MIDI files on the General MIDI sound font that pretty_midi carries: with one program, or as they are.

tinysoundfont is deterministic to the bit: the same file gives the same samples in any process.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from symusic.core import ScoreSecond

from ..errors import UserError

SAMPLE_RATE = 44100
CHANNEL, DRUM_CHANNEL, CHANNELS = 0, 9, 16
FONT = "TimGM6mb.sf2"  # GPL-2: read from the installed package, not part of this repository
TAIL = 1.5  # seconds kept after the last note for its release
FADE = 0.25  # seconds at the very end that fade to silence
VOICES = 128
FLUSH = SAMPLE_RATE // 10  # frames in which voices that were cut off die away; they would sound in the next stem
RESET_CONTROLLERS = 121
_SKIPPED = 10 * SAMPLE_RATE  # frames at once of what is played and not kept


def font_path() -> Path:
    """Return the path of the sound font inside the installed pretty_midi."""
    import pretty_midi

    return Path(pretty_midi.__file__).with_name(FONT)


@cache
def shared_synth() -> Any:
    """One synthesiser a process: reading the font costs as much as playing ten seconds."""
    import tinysoundfont

    synth = tinysoundfont.Synth(samplerate=SAMPLE_RATE)
    synth.sfload(str(font_path()), max_voices=VOICES)
    return synth


def end_of(midi: Path) -> float:
    """Return when the last note of a MIDI file ends, in seconds."""
    return max((note.end for track in _read(midi).tracks for note in track.notes), default=0.0)


def play(midi: Path, program: int, is_drum: bool, duration: float) -> np.ndarray:
    """Render a MIDI file with one program.

    Args:
        program: 0-based General MIDI program. For drums, the kit is the one the file selects, or the standard kit.
        duration: of the result in seconds; the last moments fade out.

    Returns:
        float32 [T] mono at 44.1 kHz, not normalised.

    Raises:
        UserError: the file is not MIDI.
    """
    synth, channel = shared_synth(), DRUM_CHANNEL if is_drum else CHANNEL
    frames = round(duration * SAMPLE_RATE)
    score = _read(midi)
    events = sorted(_events(score))
    synth.control_change(channel, RESET_CONTROLLERS, 0)
    synth.pitchbend(channel, 8192)
    synth.program_select(channel, 0, 0, _kit(score) if is_drum else program, is_drum)
    wav = np.zeros(frames, np.float32)
    position = 0
    for frame, order, first, second in events:
        if frame >= frames:
            break
        if frame > position:
            wav[position:frame] = _generate(synth, frame - position)
            position = frame
        _send(synth, channel, order, first, second)
    wav[position:] = _generate(synth, frames - position)
    fade = min(frames, round(FADE * SAMPLE_RATE))
    wav[frames - fade :] *= np.linspace(1.0, 0.0, fade, dtype=np.float32)
    synth.sounds_off(channel)
    synth.generate_simple(FLUSH)
    return wav


# Kinds of events, in the order in which those of one moment are sent.
NOTE_OFF, CONTROL, BEND, NOTE_ON = range(4)


def _events(score: ScoreSecond) -> Iterator[tuple[int, int, int, int]]:
    """Yield (frame, kind, first, second) of every note, controller and pitch bend."""
    for track in score.tracks:
        for note in track.notes:
            start = round(note.time * SAMPLE_RATE)
            yield start, NOTE_ON, note.pitch, note.velocity
            yield max(round(note.end * SAMPLE_RATE), start + 1), NOTE_OFF, note.pitch, 0
        for control in track.controls:
            yield round(control.time * SAMPLE_RATE), CONTROL, control.number, control.value
        for bend in track.pitch_bends:
            yield round(bend.time * SAMPLE_RATE), BEND, min(16383, max(0, bend.value + 8192)), 0


def _send(synth: Any, channel: int, kind: int, first: int, second: int) -> None:
    if kind == NOTE_OFF:
        synth.noteoff(channel, first)
    elif kind == CONTROL:
        synth.control_change(channel, first, second)
    elif kind == BEND:
        synth.pitchbend(channel, first)
    else:
        synth.noteon(channel, first, second)


def _generate(synth: Any, frames: int) -> np.ndarray:
    if frames <= 0:
        return np.zeros(0, np.float32)
    stereo = np.frombuffer(synth.generate_simple(frames), np.float32)
    return (stereo[::2] + stereo[1::2]) * np.float32(0.5)


def _kit(score: ScoreSecond) -> int:
    """The kit the file selects; the synthesiser itself falls back to the standard kit for one the font lacks."""
    return next((track.program for track in score.tracks if track.is_drum), 0)


def _read(midi: Path) -> ScoreSecond:
    try:
        return ScoreSecond.from_file(midi, format="midi")
    except (RuntimeError, ValueError) as error:
        raise UserError(f"{midi} cannot be read as MIDI ({' '.join(str(error).split())})") from error


def render_whole(path: Path, begin: float, end: float) -> np.ndarray:
    """The part `begin .. end` (seconds) of a MIDI file, float32 `[T]` mono at `SAMPLE_RATE`, T to the sample.

    What comes before the part is played, too, so that notes go on into it.

    Raises:
        UserError: the file is broken.
    """
    import tinysoundfont

    synth = tinysoundfont.Synth(samplerate=SAMPLE_RATE)
    synth.sfload(str(font_path()), max_voices=VOICES)
    for channel in range(CHANNELS):  # a file need not name a program before its first note
        synth.program_select(channel, 0, 0, 0, channel == DRUM_CHANNEL)
    _schedule(tinysoundfont.Sequencer(synth), path)
    first = round(begin * SAMPLE_RATE)
    for at in range(0, first, _SKIPPED):
        synth.generate(min(_SKIPPED, first - at))
    stereo = np.frombuffer(synth.generate(round(end * SAMPLE_RATE) - first), np.float32)
    return (stereo[::2] + stereo[1::2]) * np.float32(0.5)


def _schedule(sequencer: Any, path: Path) -> None:
    try:
        sequencer.midi_load(str(path))
    except (RuntimeError, ValueError) as error:
        raise UserError(f"{path} cannot be read as MIDI ({error})") from error
