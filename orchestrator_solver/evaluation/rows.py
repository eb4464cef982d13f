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


ROWS: dict[str, RowKind] = {
    "baseline": RowKind("Baseline", True, "the melody-conditioned model before fine-tuning"),
    "control": RowKind("Control", True, "the baseline trained on with its own data for as many updates as fine-tuning"),
    "finetuned": RowKind("Fine-tuned", True, "the Music Orchestrator"),
    "shipped": RowKind("Shipped", True, "the model that comes with the project, fine-tuned for longer on more works"),
    "random": RowKind("Random", False, "another work's target in place of generated audio: what chance scores"),
    "ceiling": RowKind("Codec ceiling", False, "the target itself through the codec: the best that can come out of it"),
}


@dataclass(frozen=True)
class ClipScores:
    """Scores of one clip.

    Attributes:
        item: id of the target item.
        start: of the excerpt, in seconds; together with `item` it pairs clips across rows.
        work: what the intervals resample; clips of one work are alike.
        row: key of `ROWS`.
        prompting: `without` or `with` description, "" for a row that is not prompted.
        policy: which reference the model followed and SIM compares with: `self`, `stem` ...
        scores: by metric name, NaN where not defined.
    """

    item: str
    start: float
    work: str
    row: str
    prompting: str
    policy: str
    scores: dict[str, float]

    @property
    def clip(self) -> tuple[str, float]:
        """The same for the same excerpt in every row."""
        return self.item, self.start
