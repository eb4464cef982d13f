"""The licence of a model's weights: that of the weights which its training began with."""

import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from dataset_builder.errors import UserError

from ..models.runs import BestOfRun, best_of_run, is_run
from ..weights.hub import MODELS
from ..weights.package import PREFIX, shipped
from ..weights.package_rules import CODECS_AT_THE_HUB
from ..weights.published import language_model_package

MIT, NON_COMMERCIAL, UNKNOWN = "mit", "cc-by-nc-4.0", "other"  # as the hub names them
FACT = "licence"
_MOST_STEPS = 16  # of runs that each went on from another


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
    told = facts.get(FACT)
    if isinstance(told, dict) and told.get("name") in (MIT, NON_COMMERCIAL):
        return Licence(told["name"], " ".join(str(told.get("reason", "")).split())[:300])
    if published := facts.get("published"):
        return _of_name(str(published), steps)
    begun_from = cfg.get("continue_from") or facts.get("baseline")
    if begun_from:
        return _of_name(str(begun_from), steps - 1)
    if "continue_from" in cfg:  # a run's own configuration, which would say
        return Licence(MIT, "it was trained from nothing, by code under the MIT licence")
    return Licence(UNKNOWN, "it does not say which weights its training began with")


def _of_name(name: str, steps: int) -> Licence:
    plain = name.removeprefix(PREFIX)
    if plain in shipped():
        return Licence(MIT, f"its training began with {plain}, which is under the MIT licence")
    if CODECS_AT_THE_HUB.fullmatch(plain) or plain in MODELS:
        return Licence(NON_COMMERCIAL, f"its training began with {plain}, whose weights are CC-BY-NC 4.0")
    try:
        if steps > 0 and (found := _further(plain, steps)):
            return found
    except UserError:
        pass  # what it began with is gone: nobody can say any more
    return Licence(UNKNOWN, f"its training began with {plain if PREFIX in name else 'weights'} of unknown licence")


def _further(name: str, steps: int) -> Licence | None:
    """The licence of what another run of this machine, or an exported model, began with."""
    signature = name.removeprefix("//sig/") if re.match("//sig/", name) else Path(name).parent.name
    if is_run(signature):
        before = best_of_run(signature)
        return _of_weights(before.facts, before.cfg, steps)
    package = language_model_package(PREFIX + name)
    return _of_weights(package.facts, package.cfg, steps)
