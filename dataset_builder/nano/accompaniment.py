"""Accompanying parts derived from the harmony: bass, guitar, pads and broken chords, timpani.

All functions take the chords of `harmony.chords` and return notes in quarters.
"""

from __future__ import annotations

from collections.abc import Sequence

from .harmony import Chord, voice
from .score import Note

STRUM = 0.03  # quarters between two strings of a strummed chord


def bass_part(chords: Sequence[Chord], low: int, high: int) -> list[Note]:
    """The lowest sounding pitch of each beat, an octave or more down; struck on strong beats and when it changes."""
    notes: list[Note] = []
    for chord in chords:
        pitch = fold(chord.bass - 12, low, min(high, low + 19))
        joined = notes and abs(notes[-1].end - chord.beat.start) < 1e-3 and notes[-1].pitch == pitch
        if joined and chord.beat.weight == 1:
            held = notes[-1]
            notes[-1] = Note(held.start, held.length + chord.beat.length, pitch, held.velocity)
        else:
            notes.append(Note(chord.beat.start, chord.beat.length, pitch, 84 + 5 * chord.beat.weight))
    return notes


def filled(line: Sequence[Note], part: Sequence[Note]) -> list[Note]:
    """The line, with the part's notes where the line rests: a bass player does not stop when the bass voice does."""
    kept, position = list(line), 0
    for note in part:
        while position < len(line) and line[position].end <= note.start + 1e-3:
            position += 1
        until = line[position].start if position < len(line) else note.end
        if until - note.start > 0.2:
            kept.append(Note(note.start, min(note.length, until - note.start), note.pitch, note.velocity))
    return sorted(kept, key=lambda note: (note.start, note.pitch))


def strummed(chords: Sequence[Chord], low: int, high: int) -> list[Note]:
    """A chord on every beat, its strings one after another, accented by the metre."""
    notes, near = [], (low + high) / 2
    for chord in chords:
        pitches = voice(chord.pitch_classes, low, high, 4, near)
        near = _centre(pitches, near)
        for string, pitch in enumerate(pitches):
            start = string * min(STRUM, chord.beat.length / 16)
            notes.append(
                Note(chord.beat.start + start, 0.9 * chord.beat.length - start, pitch, 66 + 7 * chord.beat.weight)
            )
    return notes


def broken(chords: Sequence[Chord], low: int, high: int) -> list[Note]:
    """Chords played note by note in even parts of the beat, upwards, each ringing to the end of its beat."""
    notes, near = [], (low + high) / 2
    for index, chord in enumerate(chords):
        pitches = voice(chord.pitch_classes, low, high, 4, near)
        near = _centre(pitches, near)
        steps = chord.beat.parts if chord.beat.length < 1.4 else 2 * chord.beat.parts
        offset = 0 if chord.beat.weight == 3 else 2 * (index % 2)
        for step in range(steps if pitches else 0):
            start = chord.beat.length * step / steps
            pitch = pitches[(offset + step) % len(pitches)]
            velocity = (78 if step == 0 else 66) + 3 * chord.beat.weight
            notes.append(Note(chord.beat.start + start, chord.beat.length - start, pitch, velocity))
    return without_overlaps(notes)


def sustained(chords: Sequence[Chord], low: int, high: int, size: int) -> list[Note]:
    """Held chords: tones common to neighbouring beats are kept, up to the bar."""
    notes: list[Note] = []
    held: dict[int, int] = {}
    near = (low + high) / 2
    for chord in chords:
        pitches = voice(chord.pitch_classes, low, high, size, near)
        near = _centre(pitches, near)
        holding: dict[int, int] = {}
        for pitch in pitches:
            index = held.get(pitch)
            if index is not None and chord.beat.weight < 3 and abs(notes[index].end - chord.beat.start) < 1e-3:
                kept = notes[index]
                notes[index] = Note(kept.start, kept.length + chord.beat.length, pitch, kept.velocity)
                holding[pitch] = index
            else:
                notes.append(Note(chord.beat.start, chord.beat.length, pitch, 68 + 4 * chord.beat.weight))
                holding[pitch] = len(notes) - 1
        held = holding
    return sorted(notes, key=lambda note: (note.start, note.pitch))


def powered(chords: Sequence[Chord], low: int, high: int) -> list[Note]:
    """The distorted guitar's part: the root and, where it sounds, the fifth, held until the harmony moves."""
    notes: list[Note] = []
    for chord in chords:
        fifth = (chord.root + 7) % 12
        root = fold(chord.root + 36, low, low + 11)
        pitches = [root, root + 7] if fifth in chord.pitch_classes else [root, root + 12]
        for pitch in (p for p in pitches if p <= high):
            held = next(
                (i for i, n in enumerate(notes) if n.pitch == pitch and abs(n.end - chord.beat.start) < 1e-3), None
            )
            if held is not None and chord.beat.weight < 3:
                notes[held] = Note(
                    notes[held].start, notes[held].length + chord.beat.length, pitch, notes[held].velocity
                )
            else:
                notes.append(Note(chord.beat.start, 0.95 * chord.beat.length, pitch, 74 + 6 * chord.beat.weight))
    return sorted(notes, key=lambda note: (note.start, note.pitch))


def timpani_part(chords: Sequence[Chord], low: int, high: int, tonic: int) -> list[Note]:
    """Two drums tuned to tonic and dominant, struck on strong beats whose bass they can double."""
    return [
        Note(chord.beat.start, chord.beat.length, fold(chord.bass, low, low + 11), 72 + 8 * chord.beat.weight)
        for chord in chords
        if chord.beat.weight >= 2 and chord.bass % 12 in (tonic, (tonic + 7) % 12)
    ]


def fold(pitch: int, low: int, high: int) -> int:
    """Move a pitch by octaves into [low, high], which must span an octave."""
    while pitch < low:
        pitch += 12
    while pitch > high:
        pitch -= 12
    return pitch


def without_overlaps(notes: Sequence[Note]) -> list[Note]:
    """Shorten notes that are still on when their pitch is struck again, so that none sticks."""
    following: dict[int, float] = {}
    kept = []
    for note in sorted(notes, key=lambda note: (-note.start, note.pitch)):
        end = min(note.end, following.get(note.pitch, note.end))
        if end - note.start > 1e-3:
            kept.append(Note(note.start, end - note.start, note.pitch, note.velocity))
            following[note.pitch] = note.start
    return sorted(kept, key=lambda note: (note.start, note.pitch))


def _centre(pitches: Sequence[int], near: float) -> float:
    return sum(pitches) / len(pitches) if pitches else near
