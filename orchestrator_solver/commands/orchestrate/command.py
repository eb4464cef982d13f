"""Plays what the options of `orchestrate` ask for. What can fail fails before anything heavy is loaded."""

import argparse
import json
import sys
from functools import cache
from typing import TYPE_CHECKING

from dataset_builder.errors import UserError

from ...generation.references.sound_files import EXPECTED
from ...generation.sampling import sampling_of
from ...runtime.placement import placement
from .options import descriptor_of, hints_of, part_of, ranking_of

if TYPE_CHECKING:
    from ...generation.orchestrator import Orchestrator
    from ...generation.session import Failure, Session, Take

FAILURES = 1  # exit code: some files of a folder could not be played


def run(args: argparse.Namespace) -> int:
    """Orchestrate; returns the exit code."""
    _require(args)
    session = _session(args)
    if args.redo:
        _show(session.redo(args.reference, args.take, args.redo), args.json)
        return 0
    if not args.reference.is_dir():
        for take in session.takes(args.reference):
            _show(take, args.json)
        return 0
    from ...generation.session import Failure

    failures = 0
    for found in session.folder(args.reference):
        if isinstance(found, Failure):
            failures += 1
        _show(found, args.json)
    if failures:
        print(f"could not be played: {failures} of the files, see {session.table}", file=sys.stderr)
    return FAILURES if failures else 0


def _session(args: argparse.Namespace) -> "Session":
    from ...generation.session import Order, Session
    from ...generation.takes.extras import EXTRAS
    from ...runtime.progress_bar import Bar

    @cache
    def player() -> "Orchestrator":
        from ...generation.model import load_model
        from ...generation.orchestrator import Orchestrator

        return Orchestrator(load_model(args.model, placement(args.device, args.precision)))

    order = Order(
        args.instruments, args.description if args.describe else "", descriptor_of(args), hints_of(args), part_of(args),
        args.duration, tuple(sampling_of(args, args.seed + take * args.candidates) for take in range(args.samples)),
        args.candidates, ranking_of(args), args.parts, args.loudness,
        tuple(name for name in EXTRAS if getattr(args, name)), args.stream,
    )  # fmt: skip
    return Session(player, order, args.out, args.format, _warn, Bar)


def _warn(line: str) -> None:
    print(f"warning: {line}", file=sys.stderr)


def _show(found: "Take | Failure", as_json: bool) -> None:
    from ...generation.session import Failure

    if isinstance(found, Failure):
        print(f"error: {found.line}", file=sys.stderr)
    elif as_json:
        print(json.dumps({"file": str(found.path), **found.record}, ensure_ascii=True), flush=True)
    else:
        scores = ", ".join(f"{name} {value}" for name, value in found.record["scores"].items())
        print(f"{found.path}  ({'there already: ' if found.kept else ''}{scores})", flush=True)
        if found.why:
            print(
                f"  the best of {found.record['candidates']}: total {found.record['total']} = {found.why}", flush=True
            )
        for path in found.beside:
            print(f"  {path}", flush=True)


def _require(args: argparse.Namespace) -> None:
    """See that all is in order that can be looked at.

    Raises:
        UserError: a slip, or something lacks.
    """
    from dataset_builder.music.instrument_words import asked_for
    from dataset_builder.music.instruments import refuse_word

    from ...generation.recordings import check_writable
    from ...weights.description import reads_any_words, require_model

    asked = asked_for(args.instruments)
    if args.description is not None and not args.description.strip():
        raise UserError("--description is empty: say what the music is like, or --no-describe to say nothing")
    part_of(args), hints_of(args)
    if not args.reference.exists():
        raise UserError(f"{args.reference}: no such file, {EXPECTED}")
    if args.reference.is_dir() and args.out.resolve() == args.reference.resolve():
        raise UserError(f"--out {args.out} holds the references: name another, or takes would be played again as such")
    if bool(args.redo) != bool(args.take):
        raise UserError("--redo FROM-TO and --take FILE go together: which stretch of which take")
    if args.redo and args.reference.is_dir():
        raise UserError("--redo is of one take: name its reference, not a folder")
    if args.stream and (args.parts or args.redo or args.samples * args.candidates > 1 or args.reference.is_dir()):
        raise UserError("--stream is of one take of one tune: without --samples, --candidates, --parts and --redo")
    if args.stream and args.stream.exists() and args.stream.samefile(args.reference):
        raise UserError(f"--stream {args.stream} is the reference, which would be written over: name another file")
    if args.rank_by and args.candidates == 1:
        raise UserError("--rank-by compares candidates: ask for some with --candidates")
    check_writable(args.out)
    require_model(args.model)
    if args.candidates > 1:
        ranking_of(args).metrics()
    if unknown := [one.word for one in asked if not one.instrument and not reads_any_words(args.model)]:
        refuse_word(unknown[0])
    if args.describe and args.description is None:
        descriptor_of(args).require()
