"""Hours of data: whole works, that contain each other, whatever the run's seed; without the setting, all as before."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from dataset_builder.dataset import manifest
from dataset_builder.errors import UserError
from dataset_builder.items.item import Item
from orchestrator_solver.configuration.overrides import composed
from orchestrator_solver.data.dataloaders import build_loaders
from orchestrator_solver.data.works import of_hours


@pytest.fixture
def items(make_item) -> list[Item]:
    """40 tracks of 20 works, of 90 s each, with a mix and a stem."""
    return [
        replace(make_item(), id=f"T{track:02d}-{kind}", kind=kind, track=f"T{track:02d}", duration=seconds)
        for track in range(40) for kind, seconds in (("mix", 90.0), ("stem", 60.0))
    ]  # fmt: skip


def work_of(item: Item) -> str:
    return f"work{int(item.track[1:]) // 2}"


def test_fewer_hours_are_part_of_more_hours_and_works_stay_whole(items):
    parts = [of_hours(items, work_of, hours) for hours in (0.05, 0.1, 0.26, 0.5, 1.0)]
    for fewer, more in pairwise(parts):
        assert {item.id for item in fewer} < {item.id for item in more}
    assert [len(part) / 4 for part in parts] == [1, 2, 6, 10, 20]  # works, rounded up: a stem counts not beside its mix
    for part in parts:
        works = {work_of(item) for item in part}
        assert part == [item for item in items if work_of(item) in works]


def test_the_works_are_a_mixture_and_not_the_first_ones(items):
    numbers = sorted({int(work_of(item)[4:]) for item in of_hours(items, work_of, 0.5)})
    assert numbers != list(range(10)) and numbers != list(range(10, 20))


@pytest.mark.parametrize("hours", [1.01, 0.0, -1.0, float("nan")])
def test_hours_that_are_not_there_are_refused(items, hours):
    with pytest.raises(UserError, match=r"orchestrator.hours=.* last 1 hours: expected no more, and more than 0"):
        of_hours(items, work_of, hours)


def drawn(data: Path, *overrides: str) -> dict[str, set[str]]:
    settings = ["solver=orchestrator", f"dset_root={data}", "dataset.batch_size=2", "dataset.num_workers=0"]
    loaders = build_loaders(composed([*settings, *overrides]), after_batch=lambda: None)
    return {stage: {item.id for item in loader.dataset.known.values()} for stage, loader in loaders.items()}  # type: ignore[attr-defined]


def test_only_training_is_limited(tiny_data, monkeypatch):
    before = drawn(tiny_data)
    assert before["train"] == {item.id for item in manifest.load(tiny_data, "train")}
    few = drawn(tiny_data, "orchestrator.hours=0.0001", "seed=1")
    assert few["train"] == drawn(tiny_data, "orchestrator.hours=0.0001", "seed=2")["train"] <= before["train"]
    assert {stage: ids for stage, ids in few.items() if stage != "train"} == {
        stage: ids for stage, ids in before.items() if stage != "train"
    }
    with pytest.raises(UserError, match=r"orchestrator\.hours=9"):
        drawn(tiny_data, "orchestrator.hours=9")
