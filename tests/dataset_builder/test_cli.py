"""What ends a command is one line with the cure where the user can mend it, and a traceback where only we can."""

from pathlib import Path

import pytest
from support.killing import words

from dataset_builder.__main__ import main

PAGE = "[enforce fail at alloc_cpu.cpp:124] . DefaultCPUAllocator: can't allocate memory: you tried\nframe #0: ..."
LIBRARY = "libcudart.so.12: cannot open shared object file: No such file or directory"


class OutOfMemoryError(RuntimeError):
    """As torch's of a GPU is called."""


@pytest.fixture
def fails(tiny_slakh: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """`fails(error)` runs a command that ends by it; returns the exit code."""

    def run(error: Exception) -> int:
        def end(args: object) -> int:
            raise error

        monkeypatch.setattr("dataset_builder.commands.build.run", end)
        return main(words(tiny_slakh, tmp_path / "data"))

    return run


@pytest.mark.parametrize(
    ("error", "found", "cure"),
    [(MemoryError(), "memory ran out (MemoryError)", "fewer workers"),
     (RuntimeError(PAGE), "memory ran out", "fewer workers"),
     (OutOfMemoryError("CUDA out of memory."), "CUDA out of memory", "fewer workers"),
     (PermissionError(13, "Permission denied", "/x"), "/x cannot be opened: Permission denied", "change the rights"),
     (OSError(30, "Read-only file system", "/x"), "/x cannot be opened: Read-only file system", "another place"),
     (OSError(LIBRARY), "mixes builds of torch (libcudart.so.12", "make setup"),
     (ImportError(LIBRARY, name="torch._C"), "mixes builds of torch (libcudart.so.12", "make setup"),
     (ModuleNotFoundError("No module named 'soxr'", name="soxr"), "not whole", "make setup")],
)  # fmt: skip
def test_one_line(fails, capsys: pytest.CaptureFixture[str], error: Exception, found: str, cure: str) -> None:
    assert fails(error) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ") and found in line and cure in line


@pytest.mark.parametrize(
    "error",
    [RuntimeError("a bug"), ImportError("a bug", name="dataset_builder.music"), FileNotFoundError(2, "gone", "/x")],
)
def test_our_own_mistakes_are_seen(fails, error: Exception) -> None:
    with pytest.raises(type(error)):
        fails(error)
