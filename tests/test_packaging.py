"""What is installed: types, data files, what is left out of the lock, and nothing of a machine in it."""

import re
import tomllib

import pytest
import yaml
from packaging.requirements import Requirement

from orchestrator_solver.paths import PROJECT

SETTINGS = tomllib.loads((PROJECT / "pyproject.toml").read_text())
LOCK = (PROJECT / "requirements.lock").read_text()


def test_the_lock_holds_names_and_versions_alone():
    """No address, no folder, no build of torch for one machine."""
    for line in LOCK.splitlines():
        assert re.fullmatch(r"[a-z0-9.-]+==[a-z0-9.]+( ; [^@/]+)?", line), line
        Requirement(line)


def test_the_lock_holds_what_is_required_and_nothing_that_is_left_out():
    """The small installation stays small: what the overrides drop, and what has been replaced, comes back by nobody."""
    locked = {Requirement(line).name for line in LOCK.splitlines()}
    overrides = [Requirement(line) for line in SETTINGS["tool"]["uv"]["override-dependencies"]]
    dropped = {one.name for one in overrides if one.marker and "never" in str(one.marker)}
    assert {"sphn", "scikit-learn", "pyaudio"} <= dropped
    ours = {"imageio-ffmpeg", "musicnn", "tensorflow", "thinc", "spacy", "xformers", "torchtext", "torchvision"}
    assert not locked & (dropped | ours)
    required = {Requirement(line).name.replace("_", "-") for line in SETTINGS["project"]["dependencies"]}
    assert required <= locked and "tensorboard" not in required and "tensorboard" in locked


def test_the_papers_metrics_bring_their_networks_and_nothing_that_these_do_not_call():
    """Beside numpy 2, which laion_clap's own requirements forbid."""
    locked = {Requirement(line).name: Requirement(line) for line in LOCK.splitlines()}
    extra = [Requirement(line) for line in SETTINGS["project"]["optional-dependencies"]["metrics"]]
    assert {one.name for one in extra} == {"hear21passt", "laion-clap", "torchlibrosa"}
    assert all(str(locked[one.name].specifier) == str(one.specifier) for one in extra)
    described = {one["name"]: one["version"] for one in SETTINGS["tool"]["uv"]["dependency-metadata"]}
    assert described.pop("audiocraft") == "1.3.0"
    assert described == {one.name: str(one.specifier).removeprefix("==") for one in extra if one.name in described}
    assert not locked.keys() & {"timm", "torchvision", "h5py", "webdataset", "wget", "ftfy", "braceexpand"}
    assert {line[:9] for line in LOCK.splitlines() if line.startswith("numpy==")} == {"numpy==2."}


def test_the_page_is_an_extra_that_audiocraft_does_not_bring():
    """audiocraft asks for gradio, which only `orchestrator serve` uses."""
    described = {one["name"]: one["requires-dist"] for one in SETTINGS["tool"]["uv"]["dependency-metadata"]}
    asked = {Requirement(line).name for line in described["audiocraft"]}
    assert not asked & {"gradio", "spacy", "xformers", "torchtext", "torchvision"} and "flashy" in asked
    extras = SETTINGS["project"]["optional-dependencies"]
    assert [Requirement(line).name for line in extras["serve"]] == ["gradio"] and "serve" in extras["dev"][0]


@pytest.mark.parametrize("package", ["dataset_builder", "orchestrator_solver"])
def test_type_checkers_see_the_types_of_an_installed_package(package):
    """And what a wheel holds beside modules is there: each pattern of pyproject.toml finds files."""
    patterns = SETTINGS["tool"]["setuptools"]["package-data"][package]
    assert "py.typed" in patterns
    assert all(any(path.is_file() for path in (PROJECT / package).glob(pattern)) for pattern in patterns)


def test_citation_names_project_paper_and_musicgen():
    """As GitHub and Zenodo read it; the version is that of pyproject.toml."""
    citation = yaml.safe_load((PROJECT / "CITATION.cff").read_text())
    assert citation["cff-version"] == "1.2.0" and citation["version"] == SETTINGS["project"]["version"]
    assert citation["authors"] == [{"name": "Music Orchestrator contributors"}]
    titles = [reference["title"] for reference in citation["references"]]
    assert titles[0].startswith("Music Orchestrator: ") and titles[1] == "Simple and Controllable Music Generation"
    assert all({"type", "title", "authors"} <= reference.keys() for reference in citation["references"])
