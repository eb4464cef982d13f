"""Kinds come in their shares, and nothing comes twice before all has come once."""

from collections import Counter

import pytest

from orchestrator_solver.data.balanced_order import BLOCK, BalancedOrder


def test_shares_are_exact_in_every_block() -> None:
    rotation = BalancedOrder({"mix": 7, "stem": 50}, {"mix": 3.0, "stem": 1.0}, seed=1)
    counts = Counter(rotation.at(position)[0] for position in range(BLOCK))
    assert counts == {"mix": BLOCK * 3 // 4, "stem": BLOCK // 4}


def test_no_item_twice_before_all_once() -> None:
    rotation = BalancedOrder({"mix": 7, "stem": 50}, {"mix": 1.0, "stem": 1.0}, seed=1)
    for kind, size in rotation.sizes.items():
        drawn = [index for name, index in map(rotation.at, range(6 * BLOCK)) if name == kind]
        for turn in range(len(drawn) // size):
            assert sorted(drawn[turn * size : (turn + 1) * size]) == list(range(size))


def test_order_does_not_depend_on_what_was_asked_before() -> None:
    straight = BalancedOrder({"mix": 9}, {"mix": 1.0}, seed=3)
    jumping = BalancedOrder({"mix": 9}, {"mix": 1.0}, seed=3)
    assert [straight.at(i) for i in range(30)] == [jumping.at(i) for i in reversed(range(30))][::-1]


def test_kinds_without_items_are_left_out() -> None:
    rotation = BalancedOrder({"mix": 2, "stem": 0}, {"mix": 1.0, "stem": 5.0}, seed=0)
    assert {rotation.at(i)[0] for i in range(20)} == {"mix"}
    with pytest.raises(ValueError, match="No item"):
        BalancedOrder({"mix": 0}, {"mix": 1.0}, seed=0)
