"""The prompt of an item: its description, then its instruments."""

from dataset_builder.items.prompt import compose


def test_without_description_the_instruments_alone():
    assert compose(["violin", "cello", "drums"], None) == "violin, cello, drums"
    assert compose(["violin"], "") == "violin"


def test_with_description():
    assert compose(["violin", "drums"], " A calm piece. ") == "A calm piece. Instruments: violin, drums."
    assert compose([], "A calm piece.") == "A calm piece."
