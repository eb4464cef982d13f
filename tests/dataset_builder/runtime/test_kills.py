"""Programs that are killed at any moment: the next run goes on, and the bytes are those of one left in peace."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from support.killing import Killed, run, tree, until, words

from dataset_builder.dataset.integrity import check
from dataset_builder.errors import UserError
from dataset_builder.pipeline.build import build, build_shard
from dataset_builder.pipeline.settings import BuildSettings
from dataset_builder.runtime.process_pool import parallel_map
from dataset_builder.runtime.shards import Shard

# Runs the program; at the chosen write (of any of its processes), after the temporary file is there and before it has
# its name, the program's first process is killed. Point 0 kills nothing and prints how many writes there were.
KILLED_AT_A_WRITE = """
import multiprocessing, os, signal, sys
from contextlib import contextmanager
from dataset_builder.__main__ import main
from dataset_builder.runtime import atomic

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


@pytest.fixture(scope="module", params=["none", "table"])
def undisturbed(request, tiny_slakh, tmp_path_factory):
    """Options, the data set that they make if nothing happens, and how many writes it takes.

    Captions from a table are put into the items when these are all there, so that every result is written twice.
    """
    folder = tmp_path_factory.mktemp("undisturbed")
    options = ["--captions", request.param]
    if request.param == "table":
        lines = [{"item": f"Track0000{number}-mix", "caption": "Slow."} for number in (1, 2, 3)]
        (folder / "table.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        options += ["--caption-table", str(folder / "table.jsonl")]
    done = run("-c", KILLED_AT_A_WRITE, "0", *words(tiny_slakh, folder / "data"), *options)
    assert done.returncode == 0, done.stderr
    return options, tree(folder / "data"), int(re.search(r"writes: (\d+)", done.stdout)[1])


def finished(source, out, options):
    done = run("-m", "dataset_builder", *words(source, out), *options)
    assert done.returncode == 0, done.stderr
    return tree(out)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_killed_at_any_write(undisturbed, tiny_slakh, tmp_path, seed):
    """24 kills in all, between a file's last byte and its name; what a run leaves, the next one goes on with."""
    options, wanted, writes = undisturbed
    rng, out = np.random.default_rng(seed), tmp_path / "data"
    left = writes
    for _ in range(3):
        point = int(rng.integers(1, max(8, left - 8)))  # the end writes 11 files, however often it is begun
        assert run("-c", KILLED_AT_A_WRITE, str(point), *words(tiny_slakh, out), *options).returncode == -signal.SIGKILL
        left -= point
        for path in out.rglob("[!.]*.json*"):
            if path.suffix != ".gz":
                parts = path.read_text().splitlines() if path.suffix == ".jsonl" else [path.read_text()]
                assert all(map(json.loads, parts)), path
    assert finished(tiny_slakh, out, options) == wanted
    assert check(out) == []


@pytest.mark.slow
def test_a_build_killed_at_any_time(tiny_slakh, tmp_path):
    """20 kills that hit, with two workers, whatever they are at: the bytes are those of a build left in peace."""
    *command, _, out = [*words(tiny_slakh, tmp_path / "data"), "--out", str(tmp_path / "data")]
    Killed([*command, "--out"], Path(out)).times(20, seed=100)


@pytest.mark.slow
def test_materialising_killed_at_any_time(tiny_slakh, tmp_path):
    """8 kills that hit."""
    build(BuildSettings("slakh", tmp_path / "built", tiny_slakh, captions="none", workers=1))
    copy = partial(shutil.copytree, tmp_path / "built")
    Killed(["materialise", "--workers", "2"], tmp_path / "data", copy).times(8, seed=101)


@pytest.mark.slow
def test_a_merge_killed_at_any_time(tiny_slakh, tmp_path):
    """8 kills that hit; the bytes are those of a build without shards, too."""
    settings = BuildSettings("slakh", tmp_path / "shards", tiny_slakh, captions="none", workers=1)
    for index in (1, 2):
        build_shard(settings, Shard(index, 2))
    merging = Killed(["merge", "--workers", "2"], tmp_path / "data", partial(shutil.copytree, tmp_path / "shards"))
    build(replace(settings, out=tmp_path / "whole"))
    assert tree(tmp_path / "whole") == merging.wanted
    merging.times(8, seed=102)


@pytest.mark.slow
def test_killed_while_the_corpus_is_rendered(tmp_path):
    """4 kills that hit."""
    nano = ["build", "--source", "nano", "--works", "3", "--seconds", "6", "--captions", "none", "--out"]
    Killed(nano, tmp_path / "data").times(4, seed=103)


def test_a_worker_that_is_killed_is_one_line():
    with pytest.raises(UserError, match="items: a worker ended suddenly"):
        parallel_map(os._exit, [(1,)], 1, "items")


def child_of(pid: int) -> set[int]:
    return {int(text) for text in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()}


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="looks for processes in /proc")
def test_workers_end_with_their_parent():
    imports = "import time; from dataset_builder.runtime.process_pool import parallel_map"
    code = f"{imports}; parallel_map(time.sleep, [(60,)] * 2, 2, 'sleep')"
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
