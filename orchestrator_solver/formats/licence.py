"""The licence of a model's weights: that of the weights which its training began with."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from dataset_builder.errors import UserError

from ..models.runs import BestOfRun, best_of_run, is_run
from ..weights.package import PREFIX, shipped
from ..weights.package_rules import CODECS_AT_THE_HUB
from ..weights.published import AT_THE_HUB, language_model_package

MIT, NON_COMMERCIAL, UNKNOWN = "mit", "cc-by-nc-4.0", "other"  # as the hub names them
FACT = "licence"
_MOST_STEPS = 8  # of runs that each went on from another


@dataclass(frozen=True)
class Licence:
    """A licence, as the hub names it, and what it follows from."""

    name: str
    reason: str


def licence_of(source: BestOfRun, holds_codec: bool = False) -> Licence:
    """The licence of exported weights.

    Args:
        source: what is exported.
        holds_codec: whether the codec's weights are among them.
    """
    found = _of_weights(source.facts, source.cfg, _MOST_STEPS)
    codec = str(source.cfg.get("compression_model_checkpoint") or "").removeprefix(PREFIX)
    if holds_codec and found.name == MIT and CODECS_AT_THE_HUB.fullmatch(codec):
        return Licence(NON_COMMERCIAL, f"the weights of its codec, {codec}, are CC-BY-NC 4.0, and stand beside it")
    return found


def as_fact(licence: Licence) -> dict[str, str]:
    """What a package remembers of its licence."""
    return asdict(licence)


def _of_weights(facts: dict[str, Any], cfg: DictConfig, steps: int) -> Licence:
    """What can be followed counts; what a model says of itself only where that ends."""
    published = str(facts.get("published") or "")
    begun_from = cfg.get("continue_from") or facts.get("baseline") or (AT_THE_HUB.fullmatch(published) and published)
    if begun_from:
        found = _of_name(str(begun_from), steps)
    elif "continue_from" in cfg:  # a run's own configuration, which would say
        found = Licence(MIT, "it was trained from nothing, by code under the MIT licence")
    else:
        found = Licence(UNKNOWN, "it does not say which weights its training began with")
    told = facts.get(FACT)
    if found.name == UNKNOWN and isinstance(told, dict) and told.get("name") in (MIT, NON_COMMERCIAL):
        return Licence(told["name"], " ".join(str(told.get("reason", "")).split())[:300])
    return found


def _of_name(name: str, steps: int) -> Licence:
    plain = name.removeprefix(PREFIX)
    if plain in shipped():
        return Licence(MIT, f"its training began with {plain}, which is under the MIT licence")
    if CODECS_AT_THE_HUB.fullmatch(plain):
        return Licence(NON_COMMERCIAL, f"its training began with {plain}, whose weights are CC-BY-NC 4.0")
    if steps > 0 and (before := _before(plain)):
        return _of_weights(before.facts, before.cfg, steps - 1)
    return Licence(UNKNOWN, f"its training began with {Path(plain).name}, whose licence is not known here")


def _before(name: str) -> BestOfRun | None:
    """Another run of this machine, or a model in a folder, with which a training began; None if it is gone."""
    signature = name.removeprefix("//sig/") if name.startswith("//sig/") else Path(name).parent.name
    try:
        if is_run(signature):
            return best_of_run(signature)
        if Path(name).is_dir():  # what the hub has is not fetched for its licence
            package = language_model_package(PREFIX + name)
            return BestOfRun(package.kind, package.cfg, package.state, package.facts)
    except UserError:
        pass  # it is there, and torn
    return None
