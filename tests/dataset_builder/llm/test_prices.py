"""What requests cost, at most and by what was counted."""

import pytest

from dataset_builder.items.facts import Facts
from dataset_builder.llm.description_prompt import first_request, format_input
from dataset_builder.llm.prices import PRICES, estimate, paid

FACTS = Facts("Track00001-mix", "A calm piano piece.", None, 79.6, "E- major")


def test_no_request_costs_more_than_the_most() -> None:
    messages = first_request(format_input(FACTS))
    price = PRICES["gpt-4o"]
    roughly = estimate([messages], price)
    assert roughly.calls == 1 and 60 < roughly.tokens_in < 115
    assert roughly.dollars is not None and 0 < roughly.dollars < price.most(messages)
    assert paid(100, 10, price).dollars == pytest.approx(100 * 2.5e-6 + 10 * 10e-6)
