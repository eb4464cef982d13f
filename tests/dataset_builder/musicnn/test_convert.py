"""The shipped weights are those of the package musicnn 0.1.0, and come of nothing else."""

import subprocess
import sys
import zipfile

import pytest

from dataset_builder.musicnn import convert
from dataset_builder.musicnn.tagger import WEIGHTS


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The package as it is on PyPI, by pip; where it cannot be had, the test is skipped."""
    folder = tmp_path_factory.mktemp("musicnn")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "-d", str(folder), "musicnn==0.1.0"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"musicnn 0.1.0 cannot be had here: {done.stderr.strip().splitlines()[-1]}")
    return next(folder.glob("*.whl"))


@pytest.mark.slow
def test_the_shipped_weights_come_of_the_package_byte_by_byte(wheel, tmp_path):
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "unpacked")
    for package in (wheel, tmp_path / "unpacked"):
        assert convert.main([str(package), "--out", str(tmp_path / "weights")]) == 0
        assert (tmp_path / "weights").read_bytes() == WEIGHTS.read_bytes()


@pytest.mark.parametrize("kind", ["nothing", "no wheel", "an empty wheel", "another version", "a folder of one"])
def test_another_package_is_refused_and_nothing_is_written(tmp_path, capsys, kind):
    package = tmp_path / "package"
    if kind == "no wheel":
        package.write_text("text")
    elif kind == "a folder of one":
        (package / convert.INDEX).parent.mkdir(parents=True)
        (package / convert.INDEX).write_bytes(b"other")
    elif kind != "nothing":
        with zipfile.ZipFile(package, "w") as archive:
            archive.writestr("musicnn/__init__.py" if kind == "an empty wheel" else convert.INDEX, b"other")
    assert convert.main([str(package), "--out", str(tmp_path / "weights")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert str(package) in line and line.endswith("pip download --no-deps musicnn==0.1.0")
    assert not (tmp_path / "weights").exists()
