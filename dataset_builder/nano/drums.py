"""Drum parts made of the metre and of the music's accents; nothing in them is drawn by chance.

The pattern comes from the felt beats; a bar's busyness follows how much the lines move; strong attacks of the whole
texture are caught by the kick; a fill leads from the last beat of every fourth bar into a crash.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .harmony import Chord
from .score import Beat, Note, Score

KICK, STICK, SNARE, CLOSED, PEDAL, OPEN, CRASH, RIDE = 36, 37, 38, 42, 44, 46, 49, 51
LOW_TOM, MID_TOM, HIGH_TOM = 41, 45, 48
HIT = 0.2  # quarters: the length written for a stroke
PHRASE = 4  # bars
Hit = Callable[[float, int, int], None]  # start in quarters, drum, velocity


def drum_part(score: Score, harmony: Sequence[Chord], feel: str) -> tuple[Note, ...]:
    """Return the kit's notes (General MIDI percussion), in quarters.

    Args:
        feel: the ensemble's name; jazz rides, electronic keeps a kick on every beat, the rest play backbeats.
    """
    first = harmony[0].beat.start if harmony else 0.0
    attacks = {round(chord.beat.start, 4): chord.attacks for chord in harmony}
    sounding = {chord.beat.bar for chord in harmony}
    by_bar: dict[int, list[Beat]] = {}
    for beat in score.beats():
        by_bar.setdefault(beat.bar, []).append(beat)
    moving = _moving_beats(score)
    first_full = next((i for i, bar in enumerate(score.bars) if bar.origin == bar.start), 0)
    strokes: dict[tuple[float, int], int] = {}

    def hit(start: float, drum: int, velocity: int) -> None:
        if start >= first - 1e-6:
            key = (round(start, 4), drum)
            strokes[key] = max(strokes.get(key, 0), velocity)

    for index, beats in by_bar.items():
        if index not in sounding or index < first_full:
            continue
        bar_in_phrase = (index - first_full) % PHRASE
        last = index == len(score.bars) - 1
        for position, beat in enumerate(beats):
            fill = bar_in_phrase == PHRASE - 1 and position == len(beats) - 1 and len(beats) > 1 and not last
            _time_keeping(hit, beat, feel, round(beat.start, 4) in moving, fill)
            if fill:
                _fill(hit, beat, feel)
            else:
                _backbeat(hit, beat, position, len(beats), feel, attacks.get(round(beat.start, 4), 0))
            if last and position == 0:
                hit(beat.start, CRASH, 92)
                break
        if bar_in_phrase == 0 and not last:
            hit(beats[0].start, CRASH, 84 if feel != "jazz" else 64)
    return tuple(Note(start, HIT, drum, velocity) for (start, drum), velocity in sorted(strokes.items()))


def _moving_beats(score: Score) -> set[float]:
    """Return the starts of beats within which some line starts another note: where time is subdivided."""
    onsets = sorted({round(note.start, 4) for line in score.lines for note in line.notes})
    moving, position = set(), 0
    for beat in score.beats():
        while position < len(onsets) and onsets[position] <= beat.start + 1e-3:
            position += 1
        if position < len(onsets) and onsets[position] < beat.start + beat.length - 1e-3:
            moving.add(round(beat.start, 4))
    return moving


def _time_keeping(hit: Hit, beat: Beat, feel: str, moving: bool, fill: bool) -> None:
    """Hats or ride: every beat, subdivided where the music is."""
    cymbal = RIDE if feel in ("jazz", "orchestra") else CLOSED
    loud = 66 + 8 * (beat.weight - 1)
    hit(beat.start, cymbal, loud)
    if fill or not moving or beat.length < 0.9:
        return
    if feel == "electronic" and beat.parts == 2:
        hit(beat.start + beat.length / 2, OPEN, loud - 8)
        return
    for part in range(1, beat.parts):
        hit(beat.start + beat.length * part / beat.parts, cymbal, loud - 14)


def _backbeat(hit: Hit, beat: Beat, position: int, count: int, feel: str, attacks: int) -> None:
    """Kick on strong beats and on the texture's accents, snare against them."""
    side = STICK if feel in ("folk", "chamber") else SNARE
    if feel == "jazz":
        if beat.weight >= 2:
            hit(beat.start, KICK, 70)
        if position % 2 == 1:
            hit(beat.start, PEDAL, 72)
        return
    if feel == "electronic" or beat.weight >= 2:
        hit(beat.start, KICK, 96 if beat.weight == 3 else 86)
    elif attacks >= 4:
        hit(beat.start, KICK, 74)
    if count == 3:
        if position > 0:
            hit(beat.start, side, 68 if position == 1 else 76)
    elif count % 2 == 0 and position % 2 == 1:
        hit(beat.start, side, 90)


def _fill(hit: Hit, beat: Beat, feel: str) -> None:
    """A run down the drums over one beat, growing into the next bar."""
    steps = 3 if beat.parts == 3 else 2 if beat.length < 0.9 else 4
    drums = (SNARE, SNARE, SNARE, SNARE) if feel in ("jazz", "chamber") else (SNARE, HIGH_TOM, MID_TOM, LOW_TOM)
    for step in range(steps):
        hit(beat.start + beat.length * step / steps, drums[step], (62 if feel == "jazz" else 76) + 6 * step)
