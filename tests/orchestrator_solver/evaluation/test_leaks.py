"""What a reference may hold of its target, kind by kind and policy by policy: all that the docs say of leaks.

By `stem` or `any`, a target that is one stem shares none with its reference; a submix or a mix may share some of its
stems, never all. By `apart` none is shared. An item without such a companion is its own reference: the table counts it.
"""

from pathlib import Path

import pytest

from dataset_builder.dataset import manifest
from dataset_builder.items.item import Item
from orchestrator_solver.data.reference_policy import best_reference

POLICIES = ("stem", "any", "apart")


@pytest.fixture
def pairs(tiny_data: Path) -> dict[str, list[tuple[Item, Item]]]:
    """Every item of the data set with its reference, by policy; what fell back to itself is left out."""
    items = [item for split in ("train", "valid", "test") for item in manifest.load(tiny_data, split)]
    known = {item.id: item for item in items}
    found = {
        policy: [(item, best_reference(item, 0.0, item.duration, known, policy)) for item in items]
        for policy in POLICIES
    }  # fmt: skip
    return {policy: [(a, b) for a, b in both if a.id != b.id] for policy, both in found.items()}


def shared(item: Item, reference: Item) -> set[str]:
    return {stem.id for stem in item.stems} & {stem.id for stem in reference.stems}


@pytest.mark.parametrize("policy", POLICIES)
def test_a_stem_shares_nothing_with_its_reference(pairs: dict[str, list[tuple[Item, Item]]], policy: str) -> None:
    stems = [pair for pair in pairs[policy] if pair[0].kind == "stem"]
    assert len(stems) > 4 and not any(shared(*pair) for pair in stems)


@pytest.mark.parametrize("policy", ["stem", "any"])
@pytest.mark.parametrize("kind", ["mix", "submix"])
def test_mixes_and_submixes_never_share_all(
    pairs: dict[str, list[tuple[Item, Item]]], policy: str, kind: str
) -> None:  # fmt: skip
    """But some they do: the paper's task, in which the reference is a part of what is to be played."""
    found = [(item, shared(item, reference)) for item, reference in pairs[policy] if item.kind == kind]
    assert found and all(len(common) < len(item.stems) for item, common in found)
    assert any(common for _, common in found)


def test_apart_shares_nothing_whatever_the_kind(pairs: dict[str, list[tuple[Item, Item]]]) -> None:
    kinds = {item.kind for item, _ in pairs["apart"]}
    assert kinds == {"stem", "submix"}, "a mix holds all stems of its track: nothing is apart from it"
    assert not any(shared(*pair) for pair in pairs["apart"])
