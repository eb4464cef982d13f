"""Which of the lock's packages have no wheel, for each platform and Python that the project admits.

`make wheels` resolves requirements.lock as if on each of them; nothing is installed. Exit code 1 if one has no
solution at all. A package without a wheel is built from its source, which needs no compiler where it is Python alone.
"""

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

UV = Path(sys.executable).with_name("uv")
LOCK = Path(__file__).resolve().parent.parent / "requirements.lock"
PLATFORMS = {  # as uv calls them; torch's own wheels want manylinux 2.28 and macOS 14
    "Linux x86-64": "x86_64-manylinux_2_28",
    "Linux aarch64": "aarch64-manylinux_2_28",
    "macOS 14 arm64": "aarch64-apple-darwin",
}
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
_NO_WHEEL = re.compile(r"Wheels are required for `([^`]+)`")  # uv's hint, on the package that stopped it


@dataclass(frozen=True)
class Resolved:
    """What a platform would install: how many packages, and which of them have no wheel."""

    packages: int
    without_wheel: tuple[str, ...]


def resolve(platform: str, python: str) -> Resolved:
    """The lock's packages for a platform.

    Raises:
        RuntimeError: what uv says, if there is no solution even with sources.
    """
    without: tuple[str, ...] = ()
    while True:  # uv names one package at a time
        done = _compile(platform, python, without)
        if done.returncode == 0:
            return Resolved(len(re.findall(r"^[\w.-]+==", done.stdout, re.MULTILINE)), without)
        found = set(_NO_WHEEL.findall(done.stderr)) - set(without)
        if not found:
            raise RuntimeError(" ".join(done.stderr.split()))
        without = tuple(sorted({*without, *found}))


def _compile(platform: str, python: str, without: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    allowed = [word for name in without for word in ("--no-binary", name)]
    return subprocess.run(
        [UV, "pip", "compile", LOCK, "--quiet", "--no-header", "--no-annotate", "--python-platform", platform,
         "--python-version", python, "--only-binary", ":all:", *allowed],
        capture_output=True, text=True, cwd=LOCK.parent, check=False,
        env={**os.environ, "MACOSX_DEPLOYMENT_TARGET": "14.0"},
    )  # fmt: skip


def main() -> int:
    """Print a line for each platform and Python; returns the exit code."""
    code = 0
    for name, platform in PLATFORMS.items():
        for python in PYTHONS:
            try:
                found = resolve(platform, python)
                line = f"{found.packages} packages, without a wheel: {', '.join(found.without_wheel) or 'none'}"
            except RuntimeError as error:
                code, line = 1, f"no solution: {error}"
            print(f"{name}, Python {python}: {line}", flush=True)
    return code


if __name__ == "__main__":
    sys.exit(main())
