"""A build by jobs, through submitit: its own processes stand for Slurm's."""

import os
import pickle
import stat
import sys

import pytest
import submitit

from dataset_builder.__main__ import main
from dataset_builder.errors import UserError
from dataset_builder.pipeline.build import build
from dataset_builder.pipeline.cluster_jobs import Launch, launch_build
from dataset_builder.pipeline.settings import BuildSettings
from dataset_builder.runtime import locks


class Planted:
    """Writes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def bytes_of(out):
    return {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*") if path.is_file()}


@pytest.mark.slow
def test_jobs_make_the_same_bytes_as_one_process(tiny_slakh, tmp_path):
    settings = BuildSettings("slakh", tmp_path / "jobs", tiny_slakh, captions="none", workers=1)
    build(BuildSettings("slakh", tmp_path / "one", tiny_slakh, captions="none", workers=1))
    launch_build(settings, Launch("local", shards=2, poll=0.1))
    assert bytes_of(tmp_path / "jobs") == bytes_of(tmp_path / "one")


@pytest.mark.slow
def test_a_job_that_fails_is_named_with_its_log(tiny_slakh, tmp_path):
    settings = BuildSettings("slakh", tmp_path / "data", tiny_slakh, captions="none", workers=1)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "tracks").write_text("in the way")
    with pytest.raises(UserError, match=r"shard 1/2 failed \(.*its log: .*\); shard 2/2 failed .*: run it again"):
        launch_build(settings, Launch("local", shards=2, poll=0.1))
    (tmp_path / "data" / "tracks").unlink()
    launch_build(settings, Launch("local", shards=2, poll=0.1))


def test_mistaken_settings_are_told_before_any_job_is_submitted(tiny_slakh, tmp_path, monkeypatch):
    settings = BuildSettings("slakh", tmp_path / "data", tmp_path / "nowhere", captions="none")
    with pytest.raises(UserError, match="expected Slakh2100's folder"):
        launch_build(settings, Launch("local", 2))
    with pytest.raises(UserError, match="shards is 0"):
        Launch("slurm", 0)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="there is no sbatch here"):
        launch_build(BuildSettings("slakh", tmp_path / "data", tiny_slakh, captions="none"), Launch("slurm", 2))
    assert not (tmp_path / "data").exists()


@pytest.fixture
def slurm(tmp_path, monkeypatch):
    """A folder of programs named as Slurm's: sbatch writes down the script that it is given."""
    folder = tmp_path / "slurm"
    folder.mkdir()
    programs = {
        "sbatch": f"#!/bin/sh\ncp \"$1\" {folder}/script\necho 'Submitted batch job 17'\n",
        "srun": "#!/bin/sh\n",
        "sacct": "#!/bin/sh\necho 'JobID|State|NodeList'\necho '17_0|FAILED|a'\necho '17_1|FAILED|a'\n",
    }
    for name, text in programs.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755 | stat.S_IEXEC)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return folder


def test_slurm_is_asked_for_what_was_wanted(tiny_slakh, tmp_path, slurm, monkeypatch):
    monkeypatch.setattr(submitit.Job, "done", lambda job: True)
    monkeypatch.setattr(submitit.Job, "exception", lambda job: RuntimeError("UserError: no"))
    settings = BuildSettings("slakh", tmp_path / "data", tiny_slakh, captions="none", workers=3)
    with pytest.raises(UserError, match=r"shard 1/2 failed \(no; its log: .*\); shard 2/2 failed .*: run it again"):
        launch_build(settings, Launch("slurm", 2, "debug", "music", minutes=90, memory=12))
    script = (slurm / "script").read_text()
    for line in (
        "--partition=debug",
        "--account=music",
        "--time=90",
        "--mem=12GB",
        "--cpus-per-task=3",
        "--array=0-1%2",
    ):
        assert f"#SBATCH {line}\n" in script, line
    assert sys.executable in script


def test_no_launch_reads_what_another_left(tiny_slakh, tmp_path, slurm, monkeypatch):
    """A pickle that somebody put beside the data, under the number that the next job gets, would run what it says."""
    out = tmp_path / "data"
    for folder in (".jobs", "."):
        (out / folder).mkdir(parents=True, exist_ok=True)
        for task in (0, 1):
            (out / folder / f"17_{task}_0_result.pkl").write_bytes(pickle.dumps(("success", Planted(tmp_path / "ran"))))
    folders, modes = set(), set()

    def look(job):
        folders.add(job.paths.folder)
        modes.add(stat.S_IMODE(job.paths.folder.stat().st_mode))
        return True

    monkeypatch.setattr(submitit.Job, "done", look)
    monkeypatch.setattr(submitit.Job, "_results_timeout_s", 0.1)
    settings = BuildSettings("slakh", out, tiny_slakh, captions="none", workers=1)
    for _ in range(2):
        with pytest.raises(UserError, match="shard 1/2 failed"):
            launch_build(settings, Launch("slurm", 2))
    assert not (tmp_path / "ran").exists()
    assert len(folders) == 2 and modes == {0o700}, "each launch has its own, which only its user may open"


def test_a_shard_beside_a_launcher_is_refused(tiny_slakh, tmp_path, capsys):
    words = ["build", "--source", "slakh", "--root", str(tiny_slakh), "--out", str(tmp_path), "--captions", "none"]
    for more in (["--launcher", "local", "--shard", "1/2"], ["--shard", "1/2", "--materialise"], ["--shard", "2/1"]):
        assert main([*words, *more]) == 2
        assert capsys.readouterr().err.startswith("error: ")
    assert main([*words, "--shard", "1/2"]) == 0
    assert "shard 1/2: 2 tracks; when all are done: python -m dataset_builder merge" in capsys.readouterr().out
    assert locks.shards(tmp_path) == ["shard-1-of-2"]
