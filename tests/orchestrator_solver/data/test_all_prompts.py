"""Every prompt that is drawn was foreseen, and no more are computed than what sounds can make."""

from collections.abc import Callable
from pathlib import Path

import pytest

from dataset_builder.dataset import manifest
from dataset_builder.errors import UserError
from dataset_builder.items.item import Item
from orchestrator_solver.data.dataset import ExcerptDataset
from orchestrator_solver.data.excerpt_sampling import ExcerptSampling
from orchestrator_solver.precompute.all_prompts import prompts_of


@pytest.mark.parametrize("description_p", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("names_p", [0.5, 1.0])
@pytest.mark.parametrize("words", ["classes", "midi"])
def test_every_prompt_that_is_drawn_is_known(tiny_data: Path, description_p: float, names_p: float, words: str) -> None:
    sampling = ExcerptSampling({"self": 1.0}, description_p=description_p, names_p=names_p, instrument_words=words)
    dataset = ExcerptDataset(
        tiny_data, manifest.load(tiny_data, "train"), sampling, segment_duration=1.6, num_samples=400,
        sample_rate=16_000,
    )  # fmt: skip
    known = {item.id: prompts_of(item, 1.6, sampling) for item in dataset.known.values()}
    drawn = [dataset.excerpt(index) for index in range(400)]
    assert all(excerpt.prompt in known[excerpt.item.id] for excerpt in drawn)


def test_prompts_follow_what_sounds(make_item: Callable[..., Item]) -> None:
    spans = {"S00": ((0.0, 10.0), (40.0, 41.0), (100.1, 100.3)), "S01": ((9.9, 10.2), (60.0, 120.0))}
    item = make_item(duration=120.0, activity=spans, description="Calm.")
    sampling = ExcerptSampling({"self": 1.0}, description_p=0.0, grid=0.64)
    starts = [0.64 * step for step in range(round(115 / 0.64) + 1)]
    wanted = {", ".join(item.sounding(start, start + 5.0) or item.instruments) for start in starts}
    assert prompts_of(item, 5.0, sampling) == wanted and len(wanted) > 2
    with pytest.raises(UserError, match="names_partial=true has too many prompts"):
        prompts_of(item, 5.0, ExcerptSampling({"self": 1.0}, names_partial=True))
