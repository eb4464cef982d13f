"""Jobs of Dora ask Slurm for nodes of any size and for notice in time; programs of Slurm's names stand for it."""

from pathlib import Path

import pytest
from dora.shep import Shepherd, SubmitRules

from orchestrator_solver.train import main


@pytest.fixture
def shepherd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shepherd:
    """Dora's, whose sbatch writes down the script that it is given."""
    programs = {"srun": "", "sacct": "", "sbatch": f'cp "$1" {tmp_path}/script; echo Submitted batch job 1'}
    for name, does in programs.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{does}\n")
        (tmp_path / name).chmod(0o700)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr(main.dora, "dir", tmp_path / "runs")
    return Shepherd(main)


def _script(shepherd: Shepherd, folder: Path, **settings: object) -> str:
    slurm = main.get_slurm_config()
    for name, value in settings.items():
        assert hasattr(slurm, name)
        setattr(slurm, name, value)
    sheep = shepherd.get_sheep_from_argv(["solver=orchestrator_nano"])
    sheep.xp.folder.mkdir(parents=True)
    shepherd.maybe_submit_lazy(sheep, slurm, SubmitRules())
    shepherd.commit()
    return (folder / "script").read_text()


def test_gpus_are_spread_over_nodes(shepherd: Shepherd, tmp_path: Path) -> None:
    script = _script(shepherd, tmp_path, gpus=8, nodes=2, mem_per_gpu=10, notice=600, account="music", qos="long")
    for option in ("nodes=2", "ntasks-per-node=4", "gres=gpu:4", "mem=40GB", "signal=USR2@600", "account=music",
                   "qos=long"):  # fmt: skip
        assert f"#SBATCH --{option}\n" in script


def test_by_default_it_is_as_dora_has_it(shepherd: Shepherd, tmp_path: Path) -> None:
    script = _script(shepherd, tmp_path, gpus=16, setup=["#SBATCH --reservation=mine", "module load cuda"])
    for option in ("nodes=2", "ntasks-per-node=8", "gres=gpu:8", "signal=USR2@90", "partition=gpu"):
        assert f"#SBATCH --{option}\n" in script
    lines = [line for line in script.splitlines() if line and not line.startswith("# ")]
    assert lines.index("#SBATCH --reservation=mine") < lines.index("module load cuda")
    assert all(line.startswith("#") for line in lines[: lines.index("module load cuda")]), "or it would be no option"


def test_gpus_that_nodes_cannot_share_are_refused(shepherd: Shepherd, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"error: slurm.nodes=3 cannot share slurm.gpus=8"):
        _script(shepherd, tmp_path, gpus=8, nodes=3)
