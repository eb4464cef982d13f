"""Measures what `presence.py` needs, and how well it then works, on a built data set.

    python -m orchestrator_solver.metrics.calibrate_presence DATA     # about 2 minutes on one core

Mean and deviation come from items of the training split; how well each group is told apart, and what items score with
their own instruments and with another's, from items of the other two.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from dataset_builder.dataset import manifest
from dataset_builder.dataset.excerpt import draw_start, read_excerpt
from dataset_builder.errors import UserError
from dataset_builder.items.item import Item
from dataset_builder.musicnn.tagger import SAMPLE_RATE, Tagger
from dataset_builder.runtime import atomic
from dataset_builder.seeds import rng_for

from .presence import CALIBRATION, GROUPS, TAGS_HEARD, Calibration, group_scores, log_odds, presence

SECONDS = 10.0


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; see the module's text."""
    parser = argparse.ArgumentParser(
        prog="python -m orchestrator_solver.metrics.calibrate_presence", description=__doc__
    )
    parser.add_argument("data", type=Path, help="a data set built by `python -m dataset_builder build`")
    parser.add_argument("--items", type=int, default=900, help="training items to hear (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=CALIBRATION, help="file to write (default: the shipped one)")
    args = parser.parse_args(arguments)
    try:
        record = calibrate(args.data, args.items)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    atomic.write_json(args.out, record)
    for name, area in record["area under ROC"].items():
        print(f"{name:14s} {'-' if area is None else format(area, '.2f')}")
    print(f"own instruments {record['own instruments']}, another item's {record['another item']}")
    return 0


def calibrate(root: Path, count: int) -> dict:
    """The content of `presence.json` from up to `count` training items and as many others of the data set at `root`."""
    tagger = Tagger.load()
    heard, _ = _hear(tagger, root, ("train",), count)
    odds = log_odds(heard)
    columns = [tagger.tags.index(tag) for tag in TAGS_HEARD]
    calibration = Calibration(
        {tag: round(float(odds[:, column].mean()), 4) for tag, column in zip(TAGS_HEARD, columns, strict=True)},
        {tag: round(float(odds[:, column].std()), 4) for tag, column in zip(TAGS_HEARD, columns, strict=True)},
    )
    heard, asked = _hear(tagger, root, ("valid", "test"), count)
    scores = group_scores(heard, tagger.tags, calibration)
    others = np.random.default_rng(0).permutation(len(asked))
    return {
        "mean": calibration.mean,
        "deviation": calibration.deviation,
        "training items": len(odds),
        "held-out items": len(asked),
        "area under ROC": {name: _area(scores[:, n], asked, name) for n, name in enumerate(GROUPS)},
        "own instruments": _mean_presence(scores, asked),
        "another item": _mean_presence(scores, [asked[other] for other in others]),
    }


def _hear(tagger: Tagger, root: Path, splits: Sequence[str], count: int) -> tuple[np.ndarray, list[tuple[str, ...]]]:
    """Tag probabilities `[N, 50]` of an excerpt of each item, and the instruments that sound in it."""
    items = [item for split in splits for item in manifest.load(root, split)]
    if not items:
        raise UserError(f"{root}: no items in {' or '.join(splits)}: build a data set with held-out works")
    chosen = [items[n] for n in rng_for("calibration", *splits).permutation(len(items))[:count]]
    rows, asked = [], []
    for item in tqdm(chosen, desc=f"listening to {'+'.join(splits)}", unit="item"):
        start = draw_start(item, SECONDS, rng_for("calibration", item.id))
        rows.append(tagger.mean_probabilities([_read(item, root, start)])[0])
        asked.append(item.sounding(start, start + SECONDS))
    return np.stack(rows), asked


def _read(item: Item, root: Path, start: float) -> np.ndarray:
    return read_excerpt(item, root, start, min(SECONDS, item.duration), SAMPLE_RATE)


def _area(scores: np.ndarray, asked: Sequence[tuple[str, ...]], name: str) -> float | None:
    """Share of (item with the group, item without) in which the first scores higher, `similar` ones left out."""
    group = GROUPS[name]
    present = np.array([bool(group.classes.intersection(names)) for names in asked])
    absent = ~present & np.array([not group.similar.intersection(names) for names in asked])
    if not present.any() or not absent.any():
        return None
    return round(float((scores[present][:, None] > scores[absent]).mean()), 3)


def _mean_presence(scores: np.ndarray, asked: Sequence[tuple[str, ...]]) -> float:
    return round(float(np.nanmean([presence(row, names) for row, names in zip(scores, asked, strict=True)])), 3)


if __name__ == "__main__":
    raise SystemExit(main())
