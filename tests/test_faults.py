"""A build that is killed, runs out of disk, or meets another one."""

import gzip
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from pools import Here

from dataset_builder import lock, manifest, workers
from dataset_builder.__main__ import main
from dataset_builder.check import check
from dataset_builder.errors import UserError

# Runs the program; at the chosen write (of any of its processes), after the temporary file is there and before it has
# its name, the program's first process is killed. Point 0 kills nothing and prints how many writes there were.
KILLED_AT_A_WRITE = """
import multiprocessing, os, signal, sys
from contextlib import contextmanager
from dataset_builder import atomic
from dataset_builder.__main__ import main

parent, point, writes, real = os.getpid(), int(sys.argv[1]), multiprocessing.Value("i", 0), atomic.replacing

@contextmanager
def replacing(path):
    with real(path) as temporary:
        yield temporary
        with writes.get_lock():
            writes.value += 1
            if writes.value == point:
                os.kill(parent, signal.SIGKILL)

atomic.replacing = replacing
code = main(sys.argv[2:])
print(f"writes: {writes.value}")
sys.exit(code)
"""


def words(source, out):
    return ["build", "--source", "slakh", "--root", str(source), "--out", str(out), "--captions", "none",
            "--workers", "2", "--materialise"]  # fmt: skip


def run(*arguments, **options):
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False, **options)


def tree(out: Path) -> dict[str, bytes]:
    """Every file's bytes; the folder's own name, which stands in the manifests of absolute paths, is left out."""
    found = {}
    for path in sorted(out.rglob("*")):
        name = str(path.relative_to(out))
        if name.startswith("files/") and name.endswith(".gz"):
            found[name] = gzip.decompress(path.read_bytes()).replace(str(out).encode(), b"OUT")
        elif path.is_file():
            found[name] = path.read_bytes()
    return found


@pytest.fixture(scope="module")
def undisturbed(tiny_slakh, tmp_path_factory):
    """A data set that nothing happened to, how many writes it took, and how long."""
    out, begin = tmp_path_factory.mktemp("undisturbed") / "data", time.monotonic()
    done = run("-c", KILLED_AT_A_WRITE, "0", *words(tiny_slakh, out))
    assert done.returncode == 0, done.stderr
    return tree(out), int(re.search(r"writes: (\d+)", done.stdout)[1]), time.monotonic() - begin


def finished(source, out):
    done = run("-m", "dataset_builder", *words(source, out))
    assert done.returncode == 0, done.stderr
    return tree(out)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(8))
def test_killed_at_any_write(undisturbed, tiny_slakh, tmp_path, seed):
    """24 kills in all, between a file's last byte and its name; what a run leaves, the next one goes on with."""
    wanted, writes, _ = undisturbed
    rng, out = np.random.default_rng(seed), tmp_path / "data"
    left = writes
    for _ in range(3):
        point = int(rng.integers(1, max(8, left - 8)))  # the end writes 11 files, however often it is begun
        assert run("-c", KILLED_AT_A_WRITE, str(point), *words(tiny_slakh, out)).returncode == -signal.SIGKILL
        left -= point
        for path in out.rglob("[!.]*.json*"):
            if path.suffix != ".gz":
                parts = path.read_text().splitlines() if path.suffix == ".jsonl" else [path.read_text()]
                assert all(map(json.loads, parts)), path
    assert finished(tiny_slakh, out) == wanted
    assert check(out) == []


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_killed_at_any_time(undisturbed, tiny_slakh, tmp_path, seed):
    """12 kills in 4 builds, at times of the clock."""
    wanted, _, seconds = undisturbed
    rng, out = np.random.default_rng(100 + seed), tmp_path / "data"
    for _ in range(3):
        kill_after(float(rng.uniform(0.3, 1.0)) * seconds, words(tiny_slakh, out))
    assert finished(tiny_slakh, out) == wanted


@pytest.mark.slow
def test_killed_while_the_corpus_is_rendered(tmp_path):
    """4 kills, at times of the clock."""
    nano = ["build", "--source", "nano", "--works", "3", "--seconds", "6", "--captions", "none", "--out"]
    begin = time.monotonic()
    assert run("-m", "dataset_builder", *nano, str(tmp_path / "undisturbed")).returncode == 0
    seconds, rng = time.monotonic() - begin, np.random.default_rng(7)
    for _ in range(4):
        kill_after(float(rng.uniform(0.3, 1.0)) * seconds, [*nano, str(tmp_path / "data")])
    assert run("-m", "dataset_builder", *nano, str(tmp_path / "data")).returncode == 0
    assert tree(tmp_path / "data") == tree(tmp_path / "undisturbed")


def kill_after(seconds, command):
    """Start the program, and kill it after so many seconds unless it has ended by then."""
    begun = subprocess.Popen(
        [sys.executable, "-m", "dataset_builder", *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        begun.wait(seconds)
    except subprocess.TimeoutExpired:
        begun.kill()
        begun.wait()


@pytest.mark.slow
def test_a_worker_that_is_killed_is_one_line(tiny_slakh, tmp_path):
    code = """
import os, sys
from dataset_builder import pipeline
from dataset_builder.__main__ import main
pipeline.TrackReader = lambda *args: os.kill(os.getpid(), 9)
sys.exit(main(sys.argv[1:]))
"""
    done = run("-c", code, *words(tiny_slakh, tmp_path / "data"))
    assert done.returncode == 2 and done.stderr.splitlines()[-1].startswith("error: items: a worker ended suddenly")


def child_of(pid: int) -> set[int]:
    return {int(text) for text in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()}


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="looks for processes in /proc")
def test_workers_end_with_their_parent():
    code = "import time; from dataset_builder.workers import share_out; share_out(time.sleep, [(60,)] * 2, 2, 'sleep')"
    parent = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL)
    try:
        until(lambda: len(child_of(parent.pid)) == 2)
        children = child_of(parent.pid)
    finally:
        parent.kill()
        parent.wait()
    until(lambda: not any(alive(child) for child in children))


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def until(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def in_this_process(monkeypatch):
    monkeypatch.setattr(workers, "ProcessPoolExecutor", Here)


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
    assert not [path for path in out.rglob(".*") if path.name != lock.LOCK]
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
    monkeypatch.setattr(lock, "_PATIENCE", 0.0)
    out = tmp_path / "data"
    with lock.alone(out):
        for command in (words(tiny_slakh, out), [*words(tiny_slakh, out)[:-1], "--shard", "1/2"]):
            assert main(command) == 2
            assert "another process is working on" in capsys.readouterr().err.splitlines()[-1]
    assert not (out / manifest.ORIGIN).exists()


def test_shards_share_a_data_set_but_not_a_shard(tmp_path, monkeypatch):
    monkeypatch.setattr(lock, "_PATIENCE", 0.0)
    with lock.sharing(tmp_path, "shard-1-of-2"), lock.sharing(tmp_path, "shard-2-of-2"):
        assert lock.shards(tmp_path) == ["shard-1-of-2", "shard-2-of-2"]
        with pytest.raises(UserError, match="working on shard-1-of-2"), lock.sharing(tmp_path, "shard-1-of-2"):
            pass
        with pytest.raises(UserError, match="another process is working on it"), lock.alone(tmp_path):
            pass
    with lock.alone(tmp_path):
        lock.forget_shards(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [lock.LOCK]


def test_a_file_system_without_locks_is_one_line(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(37, "No locks available")

    monkeypatch.setattr(lock.fcntl, "flock", refuse)
    with pytest.raises(UserError, match=r"no locks \(No locks available\)"), lock.alone(tmp_path):
        pass


def test_no_workers_is_one_line(tiny_slakh, tmp_path, capsys):
    assert main([*words(tiny_slakh, tmp_path)[:-1], "--workers", "0"]) == 2
    assert main(["check", str(tmp_path), "--workers", "0"]) == 2
    assert all(line.startswith("error: ") for line in capsys.readouterr().err.splitlines())


def test_a_lock_of_a_run_that_was_just_killed_is_waited_for(tmp_path):
    """Its workers hold it until they have noticed."""
    held = os.open(tmp_path / lock.LOCK, os.O_RDWR | os.O_CREAT)
    lock.fcntl.flock(held, lock.fcntl.LOCK_EX)
    timer = threading.Timer(0.1, os.close, (held,))
    timer.start()
    with lock.alone(tmp_path):
        timer.join()
