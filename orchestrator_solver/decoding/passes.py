"""What each pass through the model is told: everything, no words, or nothing, as guidance compares them."""

from collections.abc import Sequence

from audiocraft.models.lm import LMModel
from audiocraft.modules.conditioners import ConditioningAttributes, dropout_condition

from ..features.conditions import Condition
from .guidance import Guidance


def conditions_of(lm: LMModel, asked: Sequence[ConditioningAttributes], guidance: Guidance) -> dict[str, Condition]:
    """The conditions of all passes, one after the other `[passes * B, ...]`; texts are of one length in all of them."""
    samples = [without(sample, kinds) for kinds in guidance.passes for sample in asked]
    conditions: dict[str, Condition] = lm.condition_provider(lm.condition_provider.tokenize(samples))
    return conditions


def without(sample: ConditioningAttributes, kinds: Sequence[str]) -> ConditioningAttributes:
    """The same conditions, of which those of some kinds (text, wav) are null, as training drops them."""
    left = ConditioningAttributes(dict(sample.text), dict(sample.wav))
    for kind in kinds:
        for name in sample.attributes[kind]:
            dropout_condition(left, kind, name)
    return left
