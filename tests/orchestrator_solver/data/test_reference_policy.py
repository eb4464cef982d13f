"""What an item is conditioned on, by policy."""

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest

from dataset_builder.items.item import Item, Reference
from orchestrator_solver.data.reference_policy import best_reference, choose_reference, policy_weights


@pytest.fixture
def known(make_item: Callable[..., Item]) -> dict[str, Item]:
    references = tuple(Reference(*pair) for pair in (("whole", 1.0), ("stem-a", 0.9), ("mix", 0.6), ("stem-late", 0.5)))
    violin, drums = make_item().stems
    flute = dataclasses.replace(violin, id="S02", instrument="pipe")
    lasting = dict.fromkeys(("S00", "S01", "S02"), ((0.0, 10.0),))
    items = [
        make_item(id="target", references=references),
        make_item(id="stem-a", kind="stem", references=references, stems=(violin,)),
        make_item(id="mix", kind="mix", references=references, stems=(violin, flute), activity=lasting),
        make_item(id="whole", kind="mix", references=references, stems=(violin, drums, flute), activity=lasting),
        make_item(
            id="stem-late", kind="stem", references=references, stems=(violin,), activity={"S00": ((9.0, 10.0),)}
        ),
    ]
    return {item.id: item for item in items}


def _drawn(known: dict[str, Item], policy: str, start: float, end: float) -> set[str]:
    rng = np.random.default_rng(0)
    weights = policy_weights(policy)
    return {choose_reference(known["target"], start, end, known, weights, rng).id for _ in range(60)}


def test_policies(known: dict[str, Item]) -> None:
    assert _drawn(known, "self", 0, 4) == {"target"}
    assert _drawn(known, "stem", 0, 4) == {"stem-a"}
    assert _drawn(known, "any", 0, 4) == {"stem-a", "mix"}
    assert _drawn(known, "stem", 8, 10) == {"stem-a", "stem-late"}


def test_apart_shares_nothing_with_the_target(known: dict[str, Item]) -> None:
    """The target is violin and drums: a stem of it may be its reference by other policies, by this one never."""
    assert _drawn(known, "apart", 0, 4) == {"target"}, "all others hold its violin: it falls back to itself"
    flute = dataclasses.replace(known["mix"], id="flute", kind="stem", stems=known["mix"].stems[1:])
    references = (*known["target"].references, Reference("flute", 0.2))
    more = {**known, "flute": flute, "target": dataclasses.replace(known["target"], references=references)}
    assert (
        _drawn(more, "apart", 0, 4) == {"flute"} and best_reference(more["target"], 0, 4, more, "apart").id == "flute"
    )


def test_an_item_without_companions_is_its_own_reference(known: dict[str, Item]) -> None:
    alone = {"target": known["target"]}
    assert best_reference(known["target"], 0, 4, alone, "stem").id == "target"
    assert _drawn(alone, "stem", 0, 4) == {"target"}


def test_evaluation_takes_the_best(known: dict[str, Item]) -> None:
    assert best_reference(known["target"], 8, 10, known, "stem").id == "stem-a"


def test_weights() -> None:
    assert policy_weights({"self": 1, "stem": 3, "any": 0}) == {"self": 0.25, "stem": 0.75}
    with pytest.raises(ValueError, match="'melody'"):
        policy_weights("melody")
    with pytest.raises(ValueError, match="positive"):
        policy_weights({"self": 0})


@pytest.mark.parametrize("policy", ["stem", "any"])
def test_nothing_in_which_the_whole_target_sounds_is_its_reference(known: dict[str, Item], policy: str) -> None:
    assert "whole" not in _drawn(known, policy, 0.0, 4.0)
    assert best_reference(known["target"], 0.0, 4.0, known, policy).id == "stem-a"
    assert best_reference(known["mix"], 0.0, 4.0, known, "any").id == "stem-a"
    assert best_reference(known["stem-a"], 0.0, 4.0, known, "any").id == "stem-a"  # all others hold it: itself
