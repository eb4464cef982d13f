"""What docs/musicians.md tells people to type is typed: from a folder of stems to a tune that their own model plays."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from orchestrator_solver.paths import PROJECT

SMALL = {  # appended: the same in minutes
    "dora run": ["optim.epochs=1", "optim.updates_per_epoch=2", "schedule.cosine.warmup=1", "dataset.batch_size=2",
                 "dataset.valid.num_samples=2", "dataset.evaluate.num_samples=2", "dataset.generate.num_samples=1",
                 "num_threads=1"],
    "orchestrator evaluate": ["--excerpts", "2"],
    "orchestrator orchestrate": ["--duration", "2"],
}  # fmt: skip
PROGRAMS = {
    "python": [sys.executable], "orchestrator": [sys.executable, "-m", "orchestrator_solver.cli"],
    "dora": [sys.executable, "-m", "dora"],
}  # fmt: skip


@pytest.fixture
def place(tmp_path: Path, tiny_slakh: Path) -> Path:
    """A folder with a tune and three songs as stems, one a split."""
    for number, split in enumerate(("train", "valid", "test")):
        song = tmp_path / "my_songs" / f"Song {number}"
        song.mkdir(parents=True)
        for stem, name in {"S00": "01 Violin II", "S01": "02 Cello", "S04": "flute"}.items():
            wav, rate = soundfile.read(tiny_slakh / f"train/Track00001/stems/{stem}.flac", dtype="float32")
            soundfile.write(song / f"{name}.wav", np.tile(wav, 3), rate)
            shutil.copy(tiny_slakh / f"train/Track00001/MIDI/{stem}.mid", song / f"{name}.mid")
        (song / "track.yaml").write_text(f"split: {split}")
    shutil.copy(tmp_path / "my_songs/Song 0/01 Violin II.wav", tmp_path / "tune.wav")
    shutil.copy(tmp_path / "my_songs/Song 0/01 Violin II.mid", tmp_path / "tune.mid")
    (tmp_path / "tunes").mkdir()
    for name in ("tune.wav", "tune.mid"):
        shutil.copy(tmp_path / name, tmp_path / "tunes" / name)
    return tmp_path


def documented() -> list[str]:
    """Lines of the code blocks that need neither a GPU nor published weights, and end by themselves."""
    text = (PROJECT / "docs/musicians.md").read_text()
    blocks = re.findall(r"^```bash\n(.*?)```", text, re.MULTILINE | re.DOTALL)
    apart = ("orchestrator_lora", "orchestrator serve")
    return [line for block in blocks for line in block.splitlines() if not any(words in line for words in apart)]


@pytest.mark.slow
def test_from_stems_to_a_tune(place: Path) -> None:
    lines, environment = documented(), {**os.environ, "ORCHESTRATOR_DORA_DIR": str(place / "runs")}
    assert len(lines) > 10
    for line in lines:
        words = shlex.split(line, comments=True)
        for start, more in SMALL.items():
            words += more if line.startswith(start) else []
        words = [_here(word, place) for word in words]
        done = subprocess.run(
            [*PROGRAMS[words[0]], *words[1:]], cwd=PROJECT, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, (line, done.stdout[-2000:], done.stderr[-2000:])
    assert len(list((place / "out").glob("*.wav"))) == 14  # with --parts, each part has the tune beside it
    assert (place / "takes/results.csv").is_file() and len(list((place / "takes").glob("*.wav"))) == 2
    assert (place / "table-mine/table1.json").is_file()


def _here(word: str, place: Path) -> str:
    """A word with the places that it names in the test's folder, and the run's signature in place of SIG."""
    names = r"^(dset_root=)?(my_songs|data/mine|my-model|table-mine|out/|tunes/|takes/|tune\.\w+)$"
    if found := re.match(names, word):
        return f"{found[1] or ''}{place / found[2]}"
    return next((place / "runs/xps").iterdir()).name if word == "SIG" else word


@pytest.mark.slow
def test_the_code_for_engineers_runs(place: Path) -> None:
    """As it stands, in a folder with a tune."""
    blocks = re.findall(r"^```python\n(.*?)```", (PROJECT / "docs/engineers.md").read_text(), re.MULTILINE | re.DOTALL)
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    printed = []
    for code in (block for block in blocks if "gradio_client" not in block):  # serving/test_api.py runs that one
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=place, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        printed.append(done.stdout.splitlines())
    playing, choosing = printed
    assert (place / playing[-1]).is_file()
    assert choosing[0] == "2.0" and "0.50 x melody" in choosing[-1]
