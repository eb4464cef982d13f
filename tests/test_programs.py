"""What both programs have: `--version` at once, help that says the exit codes, and types for who imports them."""

import re
import subprocess
import sys
import tomllib
from importlib import metadata

import pytest
import yaml

from dataset_builder.__main__ import main as builder
from orchestrator_solver.cli import main as orchestrator
from orchestrator_solver.paths import PROJECT


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
    assert "exit codes:\n  0     done\n" in told and all(f"\n  {code} " in told for code in ("1, 3", "2", "130"))


@pytest.mark.parametrize(
    ("main", "command"), [(builder, "check"), (builder, "audit"), (orchestrator, "doctor"), (orchestrator, "sweep")]
)
def test_commands_of_further_exit_codes_say_them(main, command, capsys):
    with pytest.raises(SystemExit):
        main([command, "--help"])
    assert re.search(r"exit\s+code", capsys.readouterr().out, re.IGNORECASE)


@pytest.mark.parametrize("package", ["dataset_builder", "orchestrator_solver"])
def test_type_checkers_see_the_types_of_an_installed_package(package):
    """And what a wheel holds beside modules is there: each pattern of pyproject.toml finds files."""
    patterns = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"][package]
    assert "py.typed" in patterns
    assert all(any(path.is_file() for path in (PROJECT / package).glob(pattern)) for pattern in patterns)


def test_citation_names_project_paper_and_musicgen():
    """As GitHub and Zenodo read it; the version is that of pyproject.toml."""
    citation = yaml.safe_load((PROJECT / "CITATION.cff").read_text())
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    assert citation["cff-version"] == "1.2.0" and citation["version"] == project["version"]
    assert citation["authors"] == [{"name": "Music Orchestrator contributors"}]
    titles = [reference["title"] for reference in citation["references"]]
    assert titles[0].startswith("Music Orchestrator: ") and titles[1] == "Simple and Controllable Music Generation"
    assert all({"type", "title", "authors"} <= reference.keys() for reference in citation["references"])
