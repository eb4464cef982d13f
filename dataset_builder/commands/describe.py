"""`python -m dataset_builder describe`: have a language model describe the items of a finished data set.

It is asked with the paper's prompt, many requests at once; the key is read from OPENAI_API_KEY, for another
server (--url) from CHAT_API_KEY. Answers are kept by
model and question, so nothing is asked or paid for twice: a run that was stopped, or some of whose requests failed, is
simply run again. With --batch the Batch API does it at half price within a day: submit, then later (on any day, by any
process) poll and collect; answers that name instruments are asked for again by the next submit.
"""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

from ..cli import printable
from ..dataset import manifest
from ..items.track_results import TrackResults
from ..llm.settings import ChatSettings
from ..runtime import locks
from .options import add_chat_options, chat_settings

BATCH = ("submit", "poll", "collect")


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the command to the program's parser."""
    parser = subparsers.add_parser("describe", help="have a language model describe the items", description=__doc__)
    parser.add_argument("root", type=Path, help="the data set's folder")
    parser.add_argument("--estimate", action="store_true", help="say calls, tokens and money, and send nothing")
    parser.add_argument("--batch", choices=BATCH, help="by the Batch API")
    parser.add_argument("--workers", type=int, default=2, help="processes (default: 2)")
    add_chat_options(parser.add_argument_group("language model"))


def run(args: argparse.Namespace) -> int:
    """Estimate, describe, or see to batches; returns the exit code."""
    settings = chat_settings(args)
    manifest.read_origin(args.root)  # which there has to be
    if args.estimate:
        _estimate(args.root, settings)
    elif args.batch == "submit":
        _submit(args.root, settings)
    elif args.batch == "poll":
        _poll(args.root, settings)
    elif args.batch == "collect":
        _collect(args.root, settings, args.workers)
    else:
        _describe(args.root, settings, args.workers)
    return 0


def _tracks(root: Path) -> list[str]:
    from ..pipeline.settings import recorded
    from ..pipeline.track_list import list_tracks

    return list_tracks(recorded(root, 1)).names


def _estimate(root: Path, settings: ChatSettings) -> None:
    from ..llm.dialogue import estimate_for
    from ..pipeline.description_stage import questions_of

    print(estimate_for(questions_of(TrackResults(root), _tracks(root)), settings).text())


def _describe(root: Path, settings: ChatSettings, workers: int) -> None:
    from ..pipeline.build import describe
    from ..pipeline.description_stage import describe_tracks

    def write(results: TrackResults, tracks: Sequence[str], begin: Callable[[], None]) -> tuple[int, int]:
        described = describe_tracks(results, tracks, settings, begin)
        print(described.text(), flush=True)
        return described.items, described.missing

    describe(root, settings, workers, write)


def _submit(root: Path, settings: ChatSettings) -> None:
    from ..llm.batch_api import BatchClient
    from ..llm.dialogue import estimate_for, forget_failures, pending
    from ..pipeline.description_stage import questions_of

    questions = questions_of(TrackResults(root), _tracks(root))
    print(estimate_for(questions, settings).text())
    with locks.alone(root):
        forget_failures(questions, settings)
        states = BatchClient(root, settings).submit(pending(questions, settings))
    for state in states:
        print(f"submitted batch {state.id}: {state.total} requests")
    if not states:
        print("nothing to submit: every question is answered, or its batch is under way")


def _poll(root: Path, settings: ChatSettings) -> None:
    from ..llm.batch_api import BatchClient

    states = BatchClient(root, settings).states()
    for state in states:
        print(f"batch {state.id or '-'}: {state.status}, {state.done} of {state.total} requests")
    if not states:
        print("no batch is under way")


def _collect(root: Path, settings: ChatSettings, workers: int) -> None:
    from ..llm.batch_api import BatchClient
    from ..llm.dialogue import settled
    from ..pipeline.build import describe
    from ..pipeline.description_stage import questions_of, write_descriptions

    with locks.alone(root):
        collected = BatchClient(root, settings).collect()
    for failure in collected.failures:
        print(printable(failure))

    def write(results: TrackResults, tracks: Sequence[str], begin: Callable[[], None]) -> tuple[int, int] | None:
        outcomes = settled(questions_of(results, tracks), settings)
        if not outcomes:
            return None
        begin()
        return write_descriptions(results, tracks, outcomes, "not answered yet")

    report = describe(root, settings, workers, write)
    print(f"{collected.answers} answers collected; {collected.cost.text()}")
    if report is None:
        print("no question is answered yet: the data set is as it was")
