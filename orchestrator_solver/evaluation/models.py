"""Which models fill the table's rows, from what a user names."""

from collections.abc import Mapping

from dataset_builder.errors import UserError

from ..generation.model import OrchestratorModel, load_model
from ..runtime.placement import Placement
from .rows import ANCHORS, MODELS

NONE = "none"


def load_rows(
    finetuned: str, baseline: str | None, control: str | None, others: Mapping[str, str], where: Placement
) -> dict[str, OrchestratorModel]:
    """The models of the table, by row; see `load_model` for what names may be.

    Args:
        finetuned: the model that the table is about.
        baseline: what it is compared with: by default what it says it was fine-tuned from, if it does; or `none`.
        control: the baseline trained on with its own data.
        others: further models by the names of their rows.
        where: they compute.

    Raises:
        UserError: if one cannot be had, or a row's name is taken.
    """
    if taken := sorted(others.keys() & {*MODELS, *ANCHORS}):
        raise UserError(f"--other {taken[0]}=...: the table has a row of this name: expected another name")
    about = load_model(finetuned, where)
    baseline = baseline or about.facts.get("baseline", NONE)
    names = {"baseline": None if baseline == NONE else baseline, "control": control}
    models = {row: load_model(name, where) for row, name in names.items() if name}
    models["finetuned"] = about
    return models | {row: load_model(name, where) for row, name in others.items()}
