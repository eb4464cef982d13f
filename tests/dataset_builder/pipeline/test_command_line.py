"""The builder's commands: a light start, help, mistakes told in one line, and a data set built, checked and moved."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from dataset_builder.__main__ import main
from dataset_builder.commands import COMMANDS

LIGHT = """
import sys
import dataset_builder.commands.build
from dataset_builder.descriptor.captions.registry import CaptionSettings, build_captioner
build_captioner(CaptionSettings("musicnn"))
assert not {"torch", "music21", "openai"} & set(sys.modules)
"""


def test_a_build_starts_without_torch():
    """It would take seconds, and workers could not be forked from this process."""
    subprocess.run([sys.executable, "-c", LIGHT], check=True)


@pytest.mark.parametrize("command", [[], *([name] for name in COMMANDS)])
def test_help(command, capsys):
    with pytest.raises(SystemExit) as caught:
        main([*command, "--help"])
    assert caught.value.code == 0 and "usage: python -m dataset_builder" in capsys.readouterr().out


def test_build_check_show_relocate(tiny_slakh, tmp_path, capsys):
    out = str(tmp_path / "data")
    build = ["build", "--source", "slakh", "--root", str(tiny_slakh), "--out", out, "--captions", "none",
             "--workers", "1"]  # fmt: skip
    assert main(build) == 0
    assert "left out:" in capsys.readouterr().out
    assert main(["check", out]) == 0 and "is whole" in capsys.readouterr().out
    assert main(["show", out, "Track00001-mix"]) == 0
    assert "Instruments: electric bass, violin, cello, pipe, drums." in capsys.readouterr().out
    assert main(["relocate", out, "--source", str(tiny_slakh)]) == 0
    for mistake in (["show", out, "Track9"], [*build, "--submixes", "1"], ["relocate", out, "--source", str(tmp_path)],
                    ["check", str(tmp_path)]):  # fmt: skip
        assert main(mistake) == 2
        error = capsys.readouterr().err.splitlines()[-1]
        assert error.startswith("error: ")


@pytest.mark.parametrize(
    "arguments",
    [["--source", "slakh"], ["--source", "slakh", "--root", "/nowhere"], ["--source", "nano", "--works", "1"],
     ["--source", "nano", "--variants", "-1"], ["--source", "nano", "--workers", "0"]],
)  # fmt: skip
def test_mistakes_are_one_line(arguments, tmp_path, capsys):
    assert main(["build", "--out", str(tmp_path / "out"), *arguments]) == 2
    assert capsys.readouterr().err.startswith("error: ") and not (tmp_path / "out").exists()


@pytest.mark.parametrize("command", ["check", "audit"])
def test_names_of_strangers_are_printed_as_text(
    tiny_slakh: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    """What a terminal would obey is printed as its code, in faults, in defects and in errors."""
    root = tmp_path / "slakh"
    shutil.copytree(tiny_slakh, root)
    path = root / "train/Track00001/metadata.yaml"
    path.write_text(path.read_text().replace("/elsewhere", '"/\\e]0;owned\\a"'))
    if command == "check":
        (tmp_path / "x\x1b[2J").mkdir()
        root = tmp_path / "x\x1b[2J"
    main([command, str(root)])
    told = capsys.readouterr()
    printed = [line for line in (told.out + told.err).splitlines() if "\\x1b" in line]
    assert printed and all(line.isprintable() for line in printed) and "\x1b]0" not in told.out + told.err


def test_a_folder_that_is_no_data_set_is_called_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for root in (tmp_path, tmp_path / "nope"):
        assert main(["check", str(root)]) == 2
        assert f"error: {root} is no data set, it has no dataset.json: expected" in capsys.readouterr().err
