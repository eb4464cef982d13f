"""`.ci/install` takes the build of torch that the machine needs or the user names, and says which and why; a clean
clone also resolves by uv alone."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator_solver.paths import PROJECT

UV = Path(sys.executable).with_name("uv")


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A folder of programs that stand in for a machine's, with an environment whose uv writes down what it is asked."""
    _program(tmp_path / "nvidia-smi", "exit 1")
    _program(tmp_path / "venv" / "bin" / "python", "exit 0")
    _program(tmp_path / "venv" / "bin" / "uv", f'echo "$UV_FIND_LINKS $*" >> {tmp_path}/asked')
    return tmp_path


def _program(path: Path, script: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def _install(machine: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("UV_", "PIP_"))}
    path = f"{machine}:{os.environ['PATH']}"
    return subprocess.run(
        [PROJECT / ".ci" / "install"], capture_output=True, text=True, check=False,
        env={**clean, "PATH": path, "VENV": str(machine / "venv"), **environment},
    )  # fmt: skip


def _asked(machine: Path) -> list[str]:
    """What uv was asked for of the lock."""
    return [line.strip() for line in (machine / "asked").read_text().splitlines() if "requirements.lock" in line]


@pytest.mark.parametrize(
    ("gpus", "backend", "words"),
    [("580.65.06, 9.0", None, "CUDA 13.0"), ("580.65.06, 7.5\n580.65.06, 9.0", None, "CUDA 13.0"),
     ("570.86.15, 8.0", "cu126", "570.86.15, 8.0; CUDA 13.0 wants 580 and 7.5"), ("590.1, 7.0", "cu126", "CUDA 12.6"),
     ("580.65.06, 10.0\n580.65.06, 6.1", None, "6.1"), ("570.86.15, 12.0", None, "570.86.15, 12.0; it wants 580")],
)  # fmt: skip
def test_driver_and_gpus_decide(machine: Path, gpus: str, backend: str | None, words: str) -> None:
    """CUDA 13 wants driver 580 and no GPU before Turing; torch's build for 12.6 knows none after Hopper."""
    _program(machine / "nvidia-smi", f"printf '{gpus}\\n'")
    done = _install(machine)
    assert done.returncode == 0 and words in done.stdout
    (asked,) = _asked(machine)
    assert asked.endswith(f"--torch-backend {backend}" if backend else "requirements.lock")


def test_without_a_gpu_it_is_the_cpus_and_says_how_to_have_another(machine: Path) -> None:
    done = _install(machine)
    assert "for the CPU from its own index" in done.stdout and "UV_TORCH_BACKEND=cu130 make setup" in done.stdout
    assert [asked.endswith("--torch-backend cpu") for asked in _asked(machine)] == [True]


def test_wheels_at_hand_are_preferred(machine: Path) -> None:
    wheels = machine / "wheels"
    _program(wheels / "torch-2.13.0+cpu-cp311-cp311-linux_x86_64.whl", "")
    done = _install(machine, PIP_FIND_LINKS=str(wheels))
    assert f"for the CPU from {wheels}" in done.stdout
    assert [asked.startswith(str(wheels)) and "--torch-backend" not in asked for asked in _asked(machine)] == [True]


def test_a_cpu_build_that_cannot_be_had_is_the_indexs(machine: Path) -> None:
    _program(machine / "venv/bin/uv", f'echo " $*" >> {machine}/asked; case "$*" in *backend*) exit 1;; esac')
    done = _install(machine)
    assert done.returncode == 0 and "no CPU build could be had (CUDA 13.0, 6.5 GB in all)" in done.stdout
    assert len(_asked(machine)) == 2


def test_the_indexs_own_build_stands_in_for_cu130(machine: Path) -> None:
    """Where torch's own index cannot be reached: that of the packages has a build for the same CUDA."""
    _program(machine / "venv/bin/uv", f'echo " $*" >> {machine}/asked; case "$*" in *backend*) exit 1;; esac')
    done = _install(machine, UV_TORCH_BACKEND="cu130")
    assert done.returncode == 0 and "as the package index has it: CUDA 13.0, too" in done.stdout
    assert [("--torch-backend" in asked, "--reinstall-package torch " in asked) for asked in _asked(machine)] == [
        (True, True), (False, True),
    ]  # fmt: skip


@pytest.mark.parametrize("backend", ["cpu", "cu126", "cu130"])
def test_what_is_named_replaces_what_is_installed(machine: Path, backend: str) -> None:
    """`torch==2.13.0` is met by any build of it, so that uv would leave the one that is there."""
    done = _install(machine, UV_TORCH_BACKEND=backend)
    assert done.returncode == 0 and "as UV_TORCH_BACKEND asks" in done.stdout
    (asked,) = _asked(machine)
    assert f"--torch-backend {backend}" in asked and "--reinstall-package torch " in asked


def test_a_build_that_is_not_there_is_one_line(machine: Path) -> None:
    _program(machine / "venv/bin/uv", "exit 1")
    done = _install(machine, UV_TORCH_BACKEND="cu128")
    assert done.returncode != 0
    (error,) = done.stderr.splitlines()
    assert error.startswith("error: torch for cu128 could not be had") and "cpu, cu126 and cu130" in error


def test_a_driver_that_tells_no_capability_is_old(machine: Path) -> None:
    _program(machine / "nvidia-smi", 'case "$*" in *compute_cap*) echo "not a valid field"; exit 2;; esac; echo 470.82')
    assert "for CUDA 12.6" in _install(machine).stdout


@pytest.mark.parametrize("system", ["MINGW64_NT-10.0", "MSYS_NT-10.0", "CYGWIN_NT-10.0"])
def test_windows_is_sent_to_wsl(machine: Path, system: str) -> None:
    _program(machine / "uname", f"echo {system}")
    done = _install(machine)
    assert done.returncode == 2 and "WSL" in done.stderr and not (machine / "asked").exists()


@pytest.mark.slow
def test_a_clean_clone_resolves_by_uv(tmp_path: Path) -> None:
    """`uv sync` finds versions for every environment that is admitted; its lock stays out of the repository."""
    subprocess.run(["git", "clone", "--quiet", PROJECT, tmp_path / "clone"], check=True)
    environment = {**os.environ, "UV_FIND_LINKS": os.environ.get("PIP_FIND_LINKS", ""), "UV_PYTHON_DOWNLOADS": "never"}
    done = subprocess.run(
        [UV, "sync", "--dry-run", "--python", sys.executable], cwd=tmp_path / "clone", env=environment,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if "error sending request" in done.stderr or "dns error" in done.stderr:
        pytest.skip("no package index can be reached")
    assert done.returncode == 0 and " + audiocraft==1.3.0" in done.stderr, done.stderr[-2000:]
    assert "/uv.lock" in (tmp_path / "clone" / ".gitignore").read_text().splitlines()
