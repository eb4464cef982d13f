"""A listening page of models on a data set, in one call."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dataset_builder.errors import UserError
from dataset_builder.runtime.untrusted import parse_json, read_regular

from ..evaluation.run import require_alike, words_for
from ..generation.model import OrchestratorModel
from ..generation.orchestrate import versions
from ..generation.sampling import SamplingSettings
from ..metrics.registry import build_metrics
from .content import PageExcerpt, PageTable, tables_of
from .played_excerpts import play_excerpts, telling_excerpts
from .render import write_page

_LARGEST_TABLE = 1 << 24  # bytes


@dataclass(frozen=True)
class PageSettings:
    """What is shown.

    Attributes:
        data: the data set's folder.
        split: of it.
        count: of excerpts, each of another work.
        seconds: length of an excerpt.
        policy: which reference is played from, see `data.reference_policy`.
        sampling: of the models; the seed is the excerpts' own.
    """

    data: Path
    split: str = "test"
    count: int = 6
    seconds: float = 8.0
    policy: str = "stem"
    sampling: SamplingSettings = field(default_factory=SamplingSettings)


def build_page(
    path: Path, models: Mapping[str, OrchestratorModel], settings: PageSettings, table: Path | None = None,
    progress: Callable[[float], None] | None = None, first: Sequence[PageExcerpt] = (), note: str = "",
) -> None:  # fmt: skip
    """Write the page of models (by row of Table 1) to `path`.

    Args:
        path: of the HTML file.
        models: `baseline`, `finetuned` and whichever else.
        settings: what is shown.
        table: JSON of Table 1, as `evaluation.table_formats.write` makes it.
        progress: called with the share that is done, 0..1.
        first: excerpts that stand before those of the data.
        note: under the tables.

    Raises:
        UserError: if data or table are missing, or the page cannot be written.
    """
    require_alike(models)
    tables = read_tables(table) if table else ()
    grid = next(iter(models.values())).grid
    excerpts = telling_excerpts(
        settings.data, settings.split, settings.count, settings.seconds, settings.policy, grid, words_for(models)
    )
    played = play_excerpts(excerpts, models, build_metrics(), settings.policy, settings.sampling, progress)
    facts = {
        **{f"model of {row}": model.title for row, model in models.items()},
        "excerpts": f"{len(played)} of {settings.seconds:g} s, split {settings.split}, reference {settings.policy}",
        "description": "of the target item, from the data set",
        **{f"guidance of {row}": model.resolved(settings.sampling).guidance for row, model in models.items()},
        "temperature": settings.sampling.temperature, **versions(),
    }  # fmt: skip
    write_page(path, [*first, *played], tables, facts, note=note)


def read_tables(path: Path) -> tuple[PageTable, ...]:
    """The tables of Table 1's JSON.

    Raises:
        UserError: if the file is missing or is none.
    """
    try:
        return tables_of(parse_json(read_regular(path, _LARGEST_TABLE)))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise UserError(f"{path} cannot be read as Table 1's JSON ({reason}): run `orchestrator evaluate`") from error
