"""Which composition an item is of, in data sets of the embedded corpus and of others."""

from dataclasses import replace
from pathlib import Path

import pytest

from dataset_builder.dataset import manifest
from dataset_builder.dataset.manifest import Origin
from dataset_builder.errors import UserError
from dataset_builder.nano import works
from orchestrator_solver.data.works import work_namer


def test_movements_of_one_composition_are_one_work(tmp_path: Path, tiny_data: Path) -> None:
    item = manifest.load(tiny_data, "test")[0]
    groups = [work.group for work in works.load()]
    name = next(group for group in groups if groups.count(group) > 1)
    tracks = [f"Track{work.number:05d}" for work in works.load() if work.group == name]
    manifest.write_origin(tmp_path, Origin("slakh", {"source": "nano"}))
    work_of = work_namer(tmp_path)
    assert {work_of(replace(item, track=track)) for track in tracks} == {name}


def test_a_track_of_slakh_is_a_work(tmp_path: Path, tiny_data: Path) -> None:
    item = manifest.load(tiny_data, "test")[0]
    manifest.write_origin(tmp_path, Origin("/slakh", {"source": "slakh"}))
    assert work_namer(tmp_path)(replace(item, track="Track01999")) == "Track01999"


def test_no_data_set_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError):
        work_namer(tmp_path)
