"""A build that runs out of disk, or meets another one."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from support.killing import is_held, tree, words

from dataset_builder.__main__ import main
from dataset_builder.dataset import manifest
from dataset_builder.dataset.integrity import check
from dataset_builder.dataset.source_record import FOLDER
from dataset_builder.errors import UserError
from dataset_builder.runtime import locks


@pytest.mark.parametrize("point", [1, 2, 20, 32, 35, 38, 41])
def test_a_full_disk_is_one_line_and_the_next_run_goes_on(
    tiny_slakh, tmp_path, monkeypatch, capsys, in_this_process, point
):
    out, count, real = tmp_path / "data", [0], Path.write_bytes

    def write(path, data):
        count[0] += 1
        if count[0] >= point:
            real(path, data[: len(data) // 2])
            raise OSError(28, "No space left on device", str(path))
        return real(path, data)

    with monkeypatch.context() as full:
        full.setattr(Path, "write_bytes", write)
        assert main(words(tiny_slakh, out)) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("error: ") and "No space left on device: free some and run it again" in error
    for path in out.rglob("*.json"):
        json.loads(path.read_text())
    assert not [path for path in out.rglob(".*") if path.name not in (locks.LOCK, FOLDER)]
    assert main(words(tiny_slakh, out)) == 0
    assert check(out) == []


def test_a_full_disk_while_flac_is_written(tiny_slakh, tmp_path, monkeypatch, capsys, in_this_process):
    import soundfile

    out = tmp_path / "data"

    def full(self, data):
        raise soundfile.LibsndfileError(2)

    with monkeypatch.context() as patch:
        patch.setattr(soundfile.SoundFile, "write", full)
        assert main(words(tiny_slakh, out)) == 2
    assert "is the disk full? If so, free some and run it again" in capsys.readouterr().err.splitlines()[-1]
    assert not list(out.glob("items/.*")) and not [p for p in out.glob("items/*.flac") if not p.is_symlink()]
    assert main(words(tiny_slakh, out)) == 0
    assert check(out) == []


def test_a_full_disk_while_files_are_linked(tiny_slakh, tmp_path, monkeypatch, capsys, in_this_process):
    def full(path, target):
        raise OSError(28, "No space left on device", str(path))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "symlink_to", full)
        assert main(words(tiny_slakh, tmp_path / "data")) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert re.fullmatch(r"error: .*\.flac cannot be written: No space left on device: free some and .*", error)


def test_a_second_process_on_a_data_set_says_so(tiny_slakh, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(locks, "PATIENCE", 0.0)
    out = tmp_path / "data"
    with locks.alone(out):
        for command in (words(tiny_slakh, out), [*words(tiny_slakh, out)[:-1], "--shard", "1/2"]):
            assert main(command) == 2
            assert "another process is working on" in capsys.readouterr().err.splitlines()[-1]
    assert not (out / manifest.ORIGIN).exists()


def test_shards_share_a_data_set_but_not_a_shard(tmp_path, monkeypatch):
    monkeypatch.setattr(locks, "PATIENCE", 0.0)
    with locks.sharing(tmp_path, "shard-1-of-2"), locks.sharing(tmp_path, "shard-2-of-2"):
        assert locks.shards(tmp_path) == ["shard-1-of-2", "shard-2-of-2"]
        with pytest.raises(UserError, match="working on shard-1-of-2"), locks.sharing(tmp_path, "shard-1-of-2"):
            pass
        with pytest.raises(UserError, match="another process is working on it"), locks.alone(tmp_path):
            pass
    with locks.alone(tmp_path):
        locks.forget_shards(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [locks.LOCK]


def test_a_file_system_without_locks_is_one_line(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(37, "No locks available")

    monkeypatch.setattr(locks.fcntl, "flock", refuse)
    with pytest.raises(UserError, match=r"no locks \(No locks available\)"), locks.alone(tmp_path):
        pass


def test_no_workers_is_one_line(tiny_slakh, tmp_path, capsys):
    assert main([*words(tiny_slakh, tmp_path)[:-1], "--workers", "0"]) == 2
    assert main(["check", str(tmp_path), "--workers", "0"]) == 2
    assert all(line.startswith("error: ") for line in capsys.readouterr().err.splitlines())


def test_a_lock_of_a_run_that_was_just_killed_is_waited_for(tmp_path, monkeypatch):
    """Its workers hold it until they have noticed."""
    held, tries, real = os.open(tmp_path / locks.LOCK, os.O_RDWR | os.O_CREAT), [], locks.time.sleep
    locks.fcntl.flock(held, locks.fcntl.LOCK_EX)

    def wait(seconds):
        assert not is_free()
        tries.append(seconds)
        if len(tries) == 3:
            os.close(held)
        real(0)

    def is_free():
        return not is_held(tmp_path)

    monkeypatch.setattr(locks.time, "sleep", wait)
    with locks.alone(tmp_path):
        assert len(tries) == 3 and not is_free()
    assert is_free()


@pytest.mark.slow
def test_two_processes_on_one_output(tiny_slakh, tmp_path):
    """One waits for the other for a while, or says that it may not; the data set is whole."""
    command = [sys.executable, "-m", "dataset_builder", *words(tiny_slakh, tmp_path / "data")]
    both = [subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) for _ in range(2)]
    errors = [process.communicate()[1] for process in both]
    assert 0 in {process.returncode for process in both}
    for process, error in zip(both, errors, strict=True):
        assert process.returncode == 0 or "another process is working on" in error.splitlines()[-1]
    assert main(words(tiny_slakh, tmp_path / "alone")) == 0
    assert tree(tmp_path / "data") == tree(tmp_path / "alone")
