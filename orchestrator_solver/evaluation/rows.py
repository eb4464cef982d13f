"""The rows of Table 1 and the scores of single clips that fill them."""

from dataclasses import dataclass

PROMPTINGS: tuple[str, ...] = ("without", "with")  # description


@dataclass(frozen=True)
class RowKind:
    """One line of the table, before it is split by prompting.

    Attributes:
        label: what the table prints.
        prompted: whether a model was asked for it, so that it exists without and with description.
        explanation: one sentence for under the table.
    """

    label: str
    prompted: bool
    explanation: str


MODELS: dict[str, RowKind] = {
    "baseline": RowKind("Baseline", True, "the melody-conditioned model before fine-tuning"),
    "control": RowKind("Control", True, "the baseline trained on with its own data for as many updates as fine-tuning"),
    "finetuned": RowKind("Fine-tuned", True, "the Music Orchestrator"),
    "shipped": RowKind("Shipped", True, "the model that comes with the project, fine-tuned for longer on more works"),
}
ANCHORS: dict[str, RowKind] = {
    "random": RowKind("Random", False, "another work's target in place of generated audio: what chance scores"),
    "reference": RowKind("Reference", False, "what was to be followed, given back as it is"),
    "target": RowKind("Target", False, "what stands in the data set"),
    "ceiling": RowKind("Codec ceiling", False, "the target itself through the codec: the best that can come out of it"),
}


def kind_of(row: str) -> RowKind:
    """What a row is; one that is none of `MODELS` and `ANCHORS` is another model, of this name."""
    return {**MODELS, **ANCHORS}.get(row) or RowKind(row, True, "another model")


def in_order(rows: set[str]) -> list[str]:
    """Rows as the table has them: models, others by name, anchors."""
    others = sorted(rows - MODELS.keys() - ANCHORS.keys())
    return [*(row for row in MODELS if row in rows), *others, *(row for row in ANCHORS if row in rows)]


@dataclass(frozen=True)
class ClipScores:
    """Scores of one clip.

    Attributes:
        item: id of the target item.
        start: of the excerpt, in seconds; together with `item` it pairs clips across rows.
        work: what the intervals resample; clips of one work are alike.
        row: key of `MODELS` or `ANCHORS`, or another model's name.
        prompting: `without` or `with` description, "" for a row that is not prompted.
        policy: which reference the model followed and SIM compares with: `self`, `stem` ...
        scores: by metric name, NaN where not defined.
        take: number of the seed.
        kind: of the item: mix, stem, or submix.
        instruments: that were asked for.
        audio: name of the take (`Takes.path`), "" of an anchor.
    """

    item: str
    start: float
    work: str
    row: str
    prompting: str
    policy: str
    scores: dict[str, float]
    take: int = 0
    kind: str = ""
    instruments: tuple[str, ...] = ()
    audio: str = ""

    @property
    def clip(self) -> tuple[str, float, int]:
        """The same for the same excerpt and seed in every row."""
        return self.item, self.start, self.take
