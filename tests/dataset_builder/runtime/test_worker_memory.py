"""However long a track is, a worker holds only blocks of it."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

RATE, HOURS = 44_100, 2
# Whole, a file of the track would take 1.2 GB as float32, and the three that are open at once 3.6 GB.
MOST_MEGABYTES = 400
MEASURED = """
import re, resource, sys
from dataset_builder.__main__ import main

code = main(sys.argv[1:])
own = int(re.search(r"VmHWM:\\s*(\\d+)", open("/proc/self/status").read())[1])  # getrusage would count who started it
print("peak:", max(own, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss) // 1024)
sys.exit(code)
"""


@pytest.fixture(scope="module")
def long_file(tmp_path_factory):
    """Two hours with a second of sound in every minute."""
    path = tmp_path_factory.mktemp("long") / "long.flac"
    minute = np.zeros(60 * RATE, np.int16)
    minute[:RATE] = 8000 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)
    with soundfile.SoundFile(path, "w", RATE, 1, "PCM_16", format="FLAC") as file:
        for _ in range(60 * HOURS):
            file.write(minute)
    return path


def peak_of(*words):
    """Megabytes that the program's greatest process held."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, *map(str, words)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout.rsplit("peak: ", 1)[1])


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="reads /proc")
def test_a_long_track_is_read_and_summed_in_blocks(long_file, write_track, tmp_path):
    folder = write_track(tmp_path / "slakh" / "train" / "Track00001", 120.0, {0: 40, 1: 42})
    for path in folder.rglob("*.flac"):
        path.unlink()
        os.link(long_file, path)
    out = tmp_path / "data"
    options = ("--captions", "none", "--descriptions", "none", "--workers", "1")
    built = peak_of("build", "--source", "slakh", "--root", tmp_path / "slakh", "--out", out, *options)
    audited = peak_of("audit", tmp_path / "slakh", "--workers", "1")
    materialised = peak_of("materialise", out, "--workers", "1")
    assert soundfile.info(out / "items" / "Track00001-sub2-1.flac").duration == 3600 * HOURS
    assert max(built, audited, materialised) < MOST_MEGABYTES
