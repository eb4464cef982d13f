"""How excerpts are drawn: from which items, at which times, with which prompt and reference."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np
from omegaconf import DictConfig, OmegaConf

from dataset_builder.errors import UserError
from dataset_builder.items import prompt
from dataset_builder.items.item import Item
from dataset_builder.music.instrument_words import naming

from ..features.chroma import frame_rate_of, seconds_between_common_frames

ANY = "any kind"
DRAWS: dict[str, Callable[[dict[str, float]], dict[str, float]]] = {"kinds": dict, "items": lambda kinds: {ANY: 1.0}}
NANO_GRID = seconds_between_common_frames(25, frame_rate_of(16_000, 12))


@dataclass(frozen=True)
class ExcerptSampling:
    """How excerpts, prompts and references are drawn; see `orchestrator` in config/solver/orchestrator_base.yaml.

    Attributes:
        grid: seconds between which excerpts may start, so that a frame of the codec and of the chroma begins there.
    """

    reference: dict[str, float]
    kinds: dict[str, float] = field(default_factory=lambda: {"mix": 1.0, "stem": 1.0, "submix": 1.0})
    names_p: float = 1.0
    names_partial: bool = False
    instrument_words: str = "classes"
    description_p: float = 0.5
    draw: str = "kinds"  # kinds | items
    grid: float = NANO_GRID

    def __post_init__(self) -> None:
        """Raises UserError for instrument words that are not known."""
        naming(self.instrument_words)

    @classmethod
    def from_config(cls, cfg: DictConfig) -> "ExcerptSampling":
        """How a run draws. A codec's run has no conditions: its excerpts start where those of the nano models do."""
        values = OmegaConf.to_container(cfg.orchestrator, resolve=True)
        assert isinstance(values, dict)
        grid = _grid_of(cfg) if "conditioners" in cfg else NANO_GRID
        return cls(**{key: values[key] for key in cls.__dataclass_fields__ if key in values}, grid=grid)

    def wanted(self, items: Iterable[Item]) -> list[Item]:
        """The items of the kinds that are drawn."""
        return [item for item in items if self.kinds.get(item.kind, 0) > 0]

    def groups(self) -> dict[str, float]:
        """The weights of the groups of items among which is drawn: the kinds, or all as one (`ANY`).

        Raises:
            UserError: for an unknown way to draw.
        """
        if self.draw not in DRAWS:
            raise UserError(f"unknown orchestrator.draw={self.draw!r}, known: {', '.join(DRAWS)}")
        return DRAWS[self.draw](self.kinds)

    def prompt(self, item: Item, start: float, end: float, rng: np.random.Generator) -> str:
        """The prompt of an excerpt `start .. end`: some or all names of what sounds, with or without description."""
        names = item.words(start, end, self.instrument_words)
        if self.names_partial and len(names) > 1:
            keep = rng.integers(1, len(names) + 1)
            names = tuple(names[i] for i in sorted(rng.choice(len(names), keep, replace=False)))
        named, described = rng.random() < self.names_p, rng.random() < self.description_p
        return prompt.compose(names if named else (), item.description if described or not named else None)


def _grid_of(cfg: DictConfig) -> float:
    reference = cfg.conditioners.self_wav
    chroma = reference[reference.model]
    return seconds_between_common_frames(cfg.codec_frame_rate, frame_rate_of(chroma.sample_rate, chroma.radix2_exp))
