"""Stretches of time: how much they cover, put together, and have in common."""

from dataset_builder.audio.spans import overlap, shared, union


def test_spans():
    assert overlap(((0, 1), (2, 4)), 0.5, 3) == 1.5
    assert union(((0, 1), (2, 4)), ((0.5, 2.5), (6, 7))) == ((0, 4), (6, 7))
    assert union() == ()


def test_shared_seconds():
    assert shared(((0, 4), (6, 10)), ((3, 7),)) == 2
    assert shared((), ((0, 1),)) == 0
    assert shared(((0, 10),), ((1, 2), (3, 4), (9, 12))) == 3
    assert shared(((1, 2), (3, 4), (5, 6)), ((0, 3.5), (5.5, 5.75))) == 1.75
