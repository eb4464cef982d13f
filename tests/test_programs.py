"""What both programs have: `--version` at once, help that says the exit codes, and mistakes of one line."""

import re
import subprocess
import sys
from importlib import metadata

import pytest

from dataset_builder.__main__ import main as builder
from orchestrator_solver.cli import main as orchestrator


@pytest.mark.parametrize("main", [builder, orchestrator])
def test_version_names_what_decides_results(main, capsys):
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    (line,) = capsys.readouterr().out.splitlines()
    assert caught.value.code == 0 and line.startswith(f"music-orchestrator {metadata.version('music-orchestrator')}, ")
    assert line.endswith(f"torch {metadata.version('torch')}") and sys.version.split()[0] in line


@pytest.mark.parametrize("main", [builder, orchestrator])
def test_version_of_what_is_not_installed(main, capsys, monkeypatch):
    def version(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", version)
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0 and "torch (not installed)" in capsys.readouterr().out


@pytest.mark.parametrize("module", ["dataset_builder.__main__", "orchestrator_solver.cli"])
def test_version_and_help_import_no_torch(module):
    code = (
        f"import sys; from {module} import main\n"
        "for option in ('--version', '--help'):\n"
        "    try: main([option])\n"
        "    except SystemExit: pass\n"
        "assert not {'torch', 'numpy', 'audiocraft'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


@pytest.mark.parametrize("main", [builder, orchestrator])
def test_help_says_the_exit_codes(main, capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    told = capsys.readouterr().out
    assert "exit codes:\n  0     done\n" in told and all(f"\n  {code} " in told for code in ("1, 3", "2", "130", "141"))


def test_a_reader_who_has_enough_is_no_fault():
    words = [sys.executable, "-c", "from orchestrator_solver.cli import main; raise SystemExit(main())", "instruments"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        running.stdout.close()
        assert running.stderr.read() == b"" and running.wait() == 141


@pytest.mark.parametrize(
    ("main", "command"),
    [
        (builder, "check"),
        (builder, "audit"),
        (orchestrator, "doctor"),
        (orchestrator, "sweep"),
        (orchestrator, "orchestrate"),
    ],
)
def test_commands_of_further_exit_codes_say_them(main, command, capsys):
    with pytest.raises(SystemExit):
        main([command, "--help"])
    assert re.search(r"exit\s+code", capsys.readouterr().out, re.IGNORECASE)


@pytest.mark.parametrize(
    ("main", "words", "found", "see"),
    [(orchestrator, "evaluate --data x --out y --spilt test", "unknown --spilt test, did you mean --split", "evaluate"),
     (orchestrator, "--out evaluate --data x --out y", "unknown --out", ""),
     (orchestrator, "evaluate --out y", "required: --data", "evaluate"),
     (orchestrator, "evlauate", "invalid choice: 'evlauate' (choose from 'orchestrate'", ""),
     (orchestrator, "", "required: COMMAND", ""),
     (orchestrator, "bench codec --data x --precision half", "invalid choice: 'half'", "bench codec"),
     (orchestrator, "prepare x --workers \x1b[2J", "invalid int value: '\\x1b[2J'", "prepare"),
     (builder, "build --out x --source nano extra", "unknown extra", "build"),
     (builder, "biuld", "invalid choice: 'biuld'", "")],
)  # fmt: skip
def test_a_wrong_word_is_one_line(main, words, found, see, capsys):
    with pytest.raises(SystemExit) as caught:
        main(words.split())
    (line,) = capsys.readouterr().err.splitlines()
    command = f"{'orchestrator' if main is orchestrator else 'python -m dataset_builder'} {see}".strip()
    assert caught.value.code == 2 and line.startswith(f"{command}: error: ") and found in line
    assert line.endswith(f" (see {command} --help)") and line.isprintable()
