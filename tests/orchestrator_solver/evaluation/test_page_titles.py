"""What the page calls a work is read from a source that a stranger may have made."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from dataset_builder.dataset import manifest
from dataset_builder.items.item import Item
from dataset_builder.nano import works
from orchestrator_solver.page.played_excerpts import title_of

BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{name}: &{name} [{','.join([f'*{before}'] * 9)}]\n" for before, name in zip("abcdefg", "bcdefgh", strict=True)
)


@pytest.mark.parametrize("text", [BOMB + "lmd_midi_dir: *h\n", "x: !!int ''\n", "[" * 9000, "\0", "1"])
def test_hostile_metadata_gives_the_tracks_name(tmp_path: Path, make_item: Callable[..., Item], text: str) -> None:
    manifest.write_origin(tmp_path, manifest.Origin("slakh", {}))
    path = tmp_path / "slakh/train/Track00001/metadata.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    begin = time.process_time()
    assert title_of(make_item(), tmp_path) == "Track00001"
    assert time.process_time() - begin < 2


def test_a_known_work_has_its_title(tmp_path: Path, make_item: Callable[..., Item]) -> None:
    manifest.write_origin(tmp_path, manifest.Origin("slakh", {}))
    path = tmp_path / "slakh/train/Track00001/metadata.yaml"
    path.parent.mkdir(parents=True)
    work = works.load()[0]
    path.write_text(f"lmd_midi_dir: {work.path}\n")
    assert title_of(make_item(), tmp_path) == f"{work.composer}: {work.title}"
