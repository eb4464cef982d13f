"""What the paper left open, as cells that each change one thing of a first one; the seeds of all are three."""

from collections.abc import Sequence

from ._explorer import POLICIES, Overrides
from ._questions import Labelled, with_seeds

SEEDS = (2036, 1, 2)
_LONE = {"orchestrator.reference.self": 0.0, "orchestrator.reference.stem": 0.0, "orchestrator.reference.any": 0.0}


def study(first: str, ranks: Sequence[int], hours: Sequence[float], epochs: dict[str, int], adamw: float) -> Labelled:
    """The cells, with each seed.

    Args:
        first: what the cell is called from which each other differs in one thing.
        ranks: of LoRA.
        hours: of tracks, fewer than all.
        epochs: by what they are called, other than the first's.
        adamw: a rate for AdamW; 0 if it is the first's optimizer.
    """
    cells: dict[str, Overrides] = {
        first: {},
        "reference: self": POLICIES["self"],
        "reference: apart": {**_LONE, "orchestrator.reference.apart": 1.0},
        "reference: mixed": POLICIES["mixed"],
        "no submixes": {"orchestrator.kinds.submix": 0.0},
        "no descriptions": {"orchestrator.description_p": 0.0},
        "General MIDI's words": {"orchestrator.instrument_words": "midi"},
        **{f"LoRA, rank {rank}": {"lora.rank": rank} for rank in ranks},
        "AdamW" if adamw else "D-Adaptation": {
            "optim.optimizer": "adamw" if adamw else "dadam", "optim.lr": adamw or 1.0,
        },
        "Prodigy": {"optim.optimizer": "prodigy", "optim.lr": 1.0},
        **{f"{few} hours": {"orchestrator.hours": few} for few in hours},
        **{name: {"optim.epochs": count} for name, count in epochs.items()},
    }  # fmt: skip
    return with_seeds(cells, SEEDS)
