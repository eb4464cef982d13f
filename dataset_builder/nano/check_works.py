"""Compares `works.json` with the installed music21: `python -m dataset_builder.nano.check_works [--write]`.

Reads every score and reports those that are missing, slow to read, too thin to arrange, or that carry a statement
reserving rights, those of one group in two splits, and chorales of one tune in two. With --write, notes in the list
what lines each score has.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
import zipfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path

from rapidfuzz.distance import Levenshtein
from tqdm import tqdm

from ..runtime import atomic
from .score import Score, read
from .works import Work, load

SLOW = 6.0  # seconds: reading a score takes 0.1 to 3 on an idle machine
FEWEST_NOTES = 40
RESERVED = re.compile(r"all rights reserved|derivative electronic formats|non-?commercial|edizioni", re.IGNORECASE)
TUNE = 14  # intervals of a tune's opening that are compared
SAME_TUNE = 3  # edits between the openings of two versions of one tune; different tunes differ by 6 and more


def main(arguments: Sequence[str] | None = None) -> int:
    """Check the list; returns 0 if nothing is wrong with it."""
    parser = argparse.ArgumentParser(prog="python -m dataset_builder.nano.check_works", description=__doc__)
    parser.add_argument("--write", action="store_true", help="write each score's lines into works.json")
    write = parser.parse_args(arguments).write
    complaints = [
        f"{group}: in splits {', '.join(sorted(splits))}" for group, splits in _splits().items() if len(splits) > 1
    ]
    scores = {}
    for work in tqdm(load(), desc="check works", unit="work"):
        started = time.perf_counter()
        score = scores[work] = read(work)
        complaints += [
            f"{work.id}: {complaint}"
            for complaint in _complaints(score, time.perf_counter() - started, compare=not write)
        ]
    complaints += _shared_tunes([score for score in scores.values() if score.work.style == "chorale"])
    if write:
        _write(scores)
    for complaint in complaints:
        print(complaint, file=sys.stderr)
    composers = {work.composer for work in scores}
    print(f"{len(scores)} works of {len(composers)} composers, {len(_splits())} groups, {len(complaints)} complaints")
    return 1 if complaints else 0


def _splits() -> dict[str, set[str]]:
    splits = defaultdict(set)
    for work in load():
        splits[work.group].add(work.split)
    return splits


def _complaints(score: Score, seconds: float, compare: bool) -> Iterator[str]:
    if seconds > SLOW:
        yield f"takes {seconds:.1f} s to read"
    if sum(len(line.notes) for line in score.lines) < FEWEST_NOTES:
        yield f"has fewer than {FEWEST_NOTES} notes"
    if compare and tuple(line.kind for line in score.lines) != score.work.lines:
        yield "has other lines than works.json says"
    if reserved := RESERVED.search(_text(score.work)):
        yield f"its file says {reserved[0]!r}"


def _text(work: Work) -> str:
    """Return the text of the score's file."""
    from music21 import corpus

    path = Path(corpus.__file__).parent / work.path
    if path.suffix != ".mxl":
        return path.read_text(encoding="utf-8", errors="replace")
    with zipfile.ZipFile(path) as archive:
        return "".join(archive.read(name).decode("utf-8", "replace") for name in archive.namelist())


def _shared_tunes(chorales: Sequence[Score]) -> Iterator[str]:
    """Name the pairs of chorales of two splits whose sopranos open alike, in whatever key."""
    openings = [(score.work, _opening(score)) for score in chorales]
    for index, (work, opening) in enumerate(openings):
        for other, its_opening in openings[:index]:
            if other.split != work.split and Levenshtein.distance(opening, its_opening) <= SAME_TUNE:
                yield f"{work.id}: harmonises the tune of {other.id}"


def _opening(score: Score) -> list[int]:
    """Return the first intervals of the melody from beat to beat, which leaves out passing notes."""
    pitches = [note.pitch for note in score.lines[0].notes if note.start % 1 == 0]
    return [following - pitch for pitch, following in pairwise(pitches)][:TUNE]


def _write(scores: dict[Work, Score]) -> None:
    entries = [{**asdict(work), "lines": [line.kind for line in score.lines]} for work, score in scores.items()]
    lines = ",\n".join("  " + json.dumps(entry, ensure_ascii=False) for entry in entries)
    atomic.write_text(Path(__file__).with_name("works.json"), f"[\n{lines}\n]\n")


if __name__ == "__main__":
    sys.exit(main())
