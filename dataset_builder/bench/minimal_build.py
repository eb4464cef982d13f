"""The least that a build could do, for comparison: start, read each file once, and write the sums if asked for.

`python -m dataset_builder.bench.minimal_build JOBS.json --workers N`. JOBS.json lists the tracks: MIDI files to parse,
audio files to decode, and sums to encode (lists of the audio files' numbers). It holds whole files in memory, resumes
nothing and keeps nothing. Threads, since parsing, decoding and encoding leave Python free: they start faster than
processes.
"""

import argparse
import json
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import soundfile
from symusic.core import ScoreTick


def work(track: dict[str, list], out: Path) -> None:
    """One track's files."""
    for path in track["midi"]:
        ScoreTick.from_file(path)
    if not track["sums"]:
        for path in track["audio"]:
            soundfile.read(path, dtype="int16")
        return
    decoded = [soundfile.read(path, dtype="int16") for path in track["audio"]]
    for number, parts in enumerate(track["sums"]):
        total = np.zeros(max(len(decoded[part][0]) for part in parts), np.int16)
        for part in parts:
            wav = decoded[part][0]
            np.add(total[: len(wav)], wav, out=total[: len(wav)])
        soundfile.write(out / f"{track['id']}-{number}.flac", total, decoded[parts[0]][1], "PCM_16")


def main() -> None:
    """Read the arguments and share out the tracks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("jobs", type=Path)
    parser.add_argument("--workers", type=int, required=True)
    args = parser.parse_args()
    tracks = json.loads(args.jobs.read_text())
    with tempfile.TemporaryDirectory(dir=args.jobs.parent) as out, ThreadPoolExecutor(args.workers) as pool:
        list(pool.map(work, tracks, [Path(out)] * len(tracks)))


if __name__ == "__main__":
    main()
