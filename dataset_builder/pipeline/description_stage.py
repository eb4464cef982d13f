"""The descriptions of a data set's items by a language model: a stage after the items are there."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from tqdm import tqdm

from ..audit import exclusions as why
from ..audit.exclusions import LeftOut
from ..dataset.costs import Cost, Ledger
from ..errors import UserError
from ..items.facts import Facts
from ..items.item import Item
from ..items.track_results import TrackResult, TrackResults
from ..llm.answer_cache import AnswerStore
from ..llm.ask_all import ask_all
from ..llm.batch_api import dollars_at_most, under_way
from ..llm.description_prompt import Message, format_input
from ..llm.dialogue import Outcome, forget_failures, next_step, settled
from ..llm.settings import ChatSettings

WHAT = "description"


@dataclass(frozen=True)
class Described:
    """What a run of the stage did.

    Attributes:
        items: how many have a description now.
        missing: how many have none.
        cost: of this run.
        stopped: why it ended early, if it did.
    """

    items: int
    missing: int
    cost: Cost
    stopped: str = ""

    def text(self) -> str:
        """For a terminal."""
        missing = f", {self.missing} without (left_out.jsonl says why; run it again)" if self.missing else ""
        stopped = f"; stopped: {self.stopped}" if self.stopped else ""
        return f"{self.items} descriptions{missing}; {self.cost.text()}{stopped}"


def question_of(item: Item) -> str:
    """What is asked about an item."""
    return format_input(Facts(item.id, item.caption, item.tags, item.bpm, item.key))


def questions_of(results: TrackResults, track_ids: Sequence[str]) -> list[str]:
    """The questions about all items of a data set's tracks, each once, in order."""
    items = (item for track in tqdm(track_ids, "questions", unit="track") for item in results[track].items)
    return list(dict.fromkeys(question_of(item) for item in items))


def describe_tracks(
    results: TrackResults, track_ids: Sequence[str], settings: ChatSettings, begin: Callable[[], None] = lambda: None
) -> Described:
    """Ask for what is missing, and write the descriptions into the tracks' results.

    Args:
        results: of the data set's tracks.
        track_ids: its tracks.
        settings: of whom to ask.
        begin: called when all have been asked, before anything is written.

    Raises:
        UserError: if every other request would fail, too, the answers that came before are kept; or if a batch is to
            answer every question.
    """
    batches = under_way(results.out, settings)
    spent = dollars_at_most(batches, settings) if settings.budget is not None else 0.0
    questions = _without(batches, questions_of(results, track_ids), settings)
    forget_failures(questions, settings)
    if batches and not questions:
        raise UserError("a batch is to answer every question: collect it (describe --batch collect)")
    with tqdm(total=len(questions), desc=f"descriptions by {settings.model}", unit="question") as bar:
        asked = ask_all(questions, settings, bar.update, ledger=Ledger(results.out, settings.model), spent=spent)
    begin()
    counts = write_descriptions(results, track_ids, asked.outcomes, asked.stopped or "a batch is to answer: collect it")
    return Described(*counts, asked.cost, asked.stopped)


def describe_without_asking(
    results: TrackResults, track_ids: Sequence[str], settings: ChatSettings, otherwise: str
) -> Described:
    """Write the descriptions that have been answered before into the tracks' results; `otherwise` says why no more."""
    outcomes = settled(questions_of(results, track_ids), settings)
    return Described(*write_descriptions(results, track_ids, outcomes, otherwise), Cost())


def _without(batches: Mapping[str, list[Message]], questions: list[str], settings: ChatSettings) -> list[str]:
    """Questions but those that a batch is to answer, which would be paid for twice."""
    if not batches:
        return questions
    store = AnswerStore(settings.cache)
    steps = {question: next_step(question, settings.model, store) for question in questions}
    return [question for question, step in steps.items() if isinstance(step, Outcome) or step.name not in batches]


def write_descriptions(
    results: TrackResults, track_ids: Sequence[str], outcomes: Mapping[str, Outcome], otherwise: str
) -> tuple[int, int]:
    """Put descriptions into the tracks' results; returns how many items have one, and how many have none.

    Args:
        results: of the data set's tracks.
        track_ids: its tracks.
        outcomes: by question.
        otherwise: why a question without outcome has none.
    """
    found = missing = 0
    for track in tqdm(track_ids, "descriptions", unit="track"):
        changed = _with_descriptions(track, results[track], outcomes, otherwise)
        results.update(track, changed)
        found += sum(item.description is not None for item in changed.items)
        missing += sum(item.description is None for item in changed.items)
    return found, missing


def _with_descriptions(track: str, result: TrackResult, outcomes: Mapping[str, Outcome], otherwise: str) -> TrackResult:
    items, left_out = [], [line for line in result.left_out if line.what != WHAT]
    for item in result.items:
        outcome = outcomes.get(question_of(item), Outcome(None, otherwise))
        items.append(replace(item, description=outcome.description))
        if outcome.description is None:
            left_out.append(LeftOut(track, WHAT, item.id, why.NO_DESCRIPTION, outcome.reason))
    return TrackResult(items, left_out)
