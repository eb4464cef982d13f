"""Submixes are distinct, of different instruments, and drawn by the track's id."""

from itertools import combinations

import pytest

from dataset_builder.items.grouping import Part
from dataset_builder.items.submixes import choose


def stems_of(*instruments):
    return [Part(f"S{i:02}", name, (f"S{i:02}",)) for i, name in enumerate(instruments)]


MANY = stems_of("violin", "viola", "cello", "violin", "drums", "tuba", "oboe")
HUGE = stems_of(*(f"instrument {i % 30}" for i in range(42)))


@pytest.mark.parametrize("stems", [MANY, HUGE])
@pytest.mark.parametrize("size", [2, 3, 4])
def test_submixes_are_distinct_and_of_different_instruments(stems, size):
    groups = choose("Track00001", stems, size, 3)
    assert len(groups) == len({tuple(stem.id for stem in group) for group in groups}) == 3
    for group in groups:
        assert len({stem.instrument for stem in group}) == size
        assert [stem.id for stem in group] == sorted(stem.id for stem in group)


@pytest.mark.parametrize("stems", [MANY, HUGE])
def test_they_are_drawn_by_the_tracks_id_and_more_keeps_those_there_were(stems):
    few, more = choose("Track00001", stems, 3, 2), choose("Track00001", stems, 3, 5)
    assert more[:2] == few and choose("Track00002", stems, 3, 2) != few


def test_fewer_combinations_make_fewer_submixes():
    stems = stems_of("violin", "violin", "cello")
    assert len(choose("Track00001", stems, 2, 3)) == 2
    assert choose("Track00001", stems, 3, 3) == [] and choose("Track00001", [], 2, 3) == []


def test_all_combinations_come_up_over_tracks():
    found = {tuple(stem.id for stem in choose(f"Track{i}", MANY[:3], 2, 1)[0]) for i in range(60)}
    assert found == {(a.id, b.id) for a, b in combinations(MANY[:3], 2)}
