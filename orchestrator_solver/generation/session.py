"""References of one order played one after the other into a folder: one file, or all files of a folder.

A folder's takes that are there and made of the same are not played again, and `results.csv` lists what is there.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import soundfile

from dataset_builder.errors import UserError

from . import recordings
from .descriptor import Descriptor
from .reference_audio import Hints, ReferenceAudio, read_reference
from .references.excerpt import Part
from .request import Request, parts_of
from .results import Failure, Kept, KeptTakes, read_take, write_results
from .sampling import SamplingSettings
from .takes.choice import DEFAULT, Choice, choose, strays
from .takes.extras import beside
from .takes.growing_wav import growing_wav
from .takes.mixing import mixed
from .takes.ranking import Ranking

if TYPE_CHECKING:
    from .orchestrator import Orchestrator

RESULTS = "results.csv"
Bar = Callable[[str], AbstractContextManager[Callable[[float], None]]]


@dataclass(frozen=True)
class Order:
    """What is asked of each reference.

    Attributes:
        instruments: in the user's words.
        description: of the music; "" says nothing, None has the reference described.
        descriptor: by whom.
        hints: what the user knows of the reference.
        part: what is read of it.
        seconds: of a take; None for the reference's.
        samplings: of the takes, one each.
        candidates: how many are played for a take, of which the best is kept; their seeds follow its own.
        ranking: by what candidates are compared.
        parts: whether each instrument is played by itself, and they are mixed.
        loudness: of what is written, in LUFS; None as it was played.
        stream: a file that grows while a take is played.
        extras: what is written beside each take, names in `takes.extras.EXTRAS`.
    """

    instruments: str
    description: str | None = None
    descriptor: Descriptor = field(default_factory=Descriptor)
    hints: Hints = field(default_factory=Hints)
    part: Part = field(default_factory=Part)
    seconds: float | None = None
    samplings: tuple[SamplingSettings, ...] = (SamplingSettings(),)
    candidates: int = 1
    ranking: Ranking = DEFAULT
    parts: bool = False
    loudness: float | None = None
    extras: tuple[str, ...] = ()
    stream: Path | None = None


@dataclass(frozen=True)
class Take:
    """A recording on disk.

    Attributes:
        path: of its audio.
        record: what the JSON beside it says.
        kept: whether it was there already.
        why: how its total is reckoned, if it was chosen among others.
        beside: files that were made of it.
    """

    path: Path
    record: dict[str, Any]
    kept: bool = False
    why: str = ""
    beside: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Wanted:
    """A take that is asked for.

    Attributes:
        request: what is played.
        seconds: how long.
        sampling: how it is drawn.
    """

    request: Request
    seconds: float
    sampling: SamplingSettings


@dataclass(frozen=True)
class Session:
    """Plays an order.

    Attributes:
        player: loads who plays, when it is first asked to; keeps it.
        order: what is asked for.
        out: folder to write to.
        ending: of the files, in `recordings.FORMATS`.
        warn: is told what one should know of a take before it is played, a line each.
        bar: shows a take's progress under a label.
    """

    player: Callable[[], "Orchestrator"]
    order: Order
    out: Path
    ending: str
    warn: Callable[[str], None]
    bar: Bar

    @property
    def table(self) -> Path:
        """Where a folder's results are listed."""
        return self.out / RESULTS

    @cached_property
    def _kept(self) -> KeptTakes:
        return KeptTakes(self.out, self.ending)

    def takes(self, path: Path) -> Iterator[Take]:
        """Play a file.

        Raises:
            UserError: it cannot be used, or its takes cannot be written.
        """
        reference = read_reference(path, self.order.part)
        self._require_room(reference)
        return self._takes(self._request(reference), resume=False)

    def redo(self, path: Path, take: Path, stretch: tuple[float, float]) -> Take:
        """Make a stretch of a take anew, by the next seed that it was not played with; the rest stays as it is.

        Raises:
            UserError: the reference or the take cannot be used, or the stretch is not inside it.
        """
        old = read_take(take)
        request = self._request(read_reference(path, self.order.part))
        sampling = self.order.samplings[0]
        seed = old.record["seed"] + 1 + len(old.record.get("redone", ())) + sampling.seed
        new = self.player().redo(old, request, *stretch, sampling=replace(sampling, seed=seed))
        # as loud as it is: what is outside the stretch was written so
        record = {name: value for name, value in new.record.items() if name != "loudness"}
        new = replace(new, record=record)
        return Take(recordings.write(new, self.out, self.ending), record)

    def folder(self, folder: Path) -> Iterator[Take | Failure]:
        """Play all files of a folder in the order of their names; one that cannot be played stops no other.

        Raises:
            UserError: there are none, the model cannot be had, or takes cannot be written.
        """
        files = sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
        if not files:
            raise UserError(f"{folder} holds no files: expected references in it (not in folders of it)")
        failures: list[Failure] = []
        for path in files:
            found = self._prepared(path)
            if isinstance(found, Failure):
                failures.append(found)
                yield found
            else:
                yield from self._takes(found, resume=True)
            write_results(self.table, self.out, failures)

    def _prepared(self, path: Path) -> Request | Failure:
        """What is to be played of a file, or why it cannot be."""
        try:
            reference = read_reference(path, self.order.part)
        except UserError as error:
            return Failure(path.name, str(error))
        self._require_room(reference)
        self.player()  # what it lacks is no fault of the file's
        try:
            return self._request(reference)
        except UserError as error:
            return Failure(path.name, str(error))

    def _require_room(self, reference: ReferenceAudio) -> None:
        seconds = self.order.seconds or reference.seconds
        sounds = 1 + len(self.order.instruments.split(",")) if self.order.parts else 1
        recordings.require_room(self.out, seconds * sounds * len(self.order.samplings))

    def _request(self, reference: ReferenceAudio) -> Request:
        order = self.order
        return self.player().request(
            reference, order.instruments, order.description, hints=order.hints, descriptor=order.descriptor
        )

    def _takes(self, request: Request, resume: bool) -> Iterator[Take]:
        player, order = self.player(), self.order
        seconds = order.seconds or request.reference.seconds
        for line in player.warnings(request, seconds):
            self.warn(line)
        for number, sampling in enumerate(order.samplings, 1):
            label = f"take {number} of {len(order.samplings)}"
            if not order.parts:
                yield self._best(Wanted(request, seconds, sampling), label, resume)
                continue
            parts = [
                self._best(Wanted(part, seconds, sampling), f"{label}, {part.prompt}", resume)
                for part in parts_of(request)
            ]
            yield from parts
            yield self._mix(Wanted(request, seconds, sampling), parts)

    def _best(self, wanted: Wanted, label: str, resume: bool) -> Take:
        """The take that is there, or the best of those that are played."""
        if resume and (kept := self._found(wanted)):
            return self._finished(Take(kept.path, kept.record, kept=True), wanted)
        with self.bar(label) as progress:
            choice = self._played(wanted, progress)
        best = choice.best
        if line := strays(best):
            self.warn(line)
        record = {**best.record, **self._written_as}
        path = recordings.write(replace(best, record=record), self.out, self.ending)
        why = choice.explained() if self.order.candidates > 1 else ""
        return self._finished(Take(path, record, why=why), wanted)

    def _played(self, wanted: Wanted, progress: Callable[[float], None]) -> Choice:
        player, order = self.player(), self.order
        what = (wanted.seconds, wanted.sampling)
        if order.stream is None:
            return player.choose(wanted.request, order.candidates, *what, progress, order.ranking)
        begun, pieces = time.perf_counter(), []
        with growing_wav(order.stream, player.sample_rate) as growing:
            for piece in player.stream(wanted.request, *what, progress):
                growing.add(piece)
                pieces.append(piece)
        took = time.perf_counter() - begun
        return choose([player.recorded(wanted.request, np.concatenate(pieces), took, *what)])

    def _found(self, wanted: Wanted) -> Kept | None:
        """A take that is there and was chosen among the same candidates."""
        for number in range(self.order.candidates):
            sampling = replace(wanted.sampling, seed=wanted.sampling.seed + number)
            asked = self.player().asked(wanted.request, wanted.seconds, sampling)
            if found := self._kept.find({**asked, **self._written_as}):
                return found
        return None

    @property
    def _written_as(self) -> dict[str, Any]:
        """What of a record says how it was chosen and written."""
        order = self.order
        chosen: dict[str, Any] = {"candidates": order.candidates} if order.candidates > 1 else {}
        if chosen and order.ranking.weights != DEFAULT.weights:
            chosen["ranking"] = dict(order.ranking.weights)
        return chosen | ({} if order.loudness is None else {"loudness": order.loudness})

    def _mix(self, wanted: Wanted, parts: list[Take]) -> Take:
        """The parts together, as a take of the whole request."""
        sounds = [soundfile.read(part.path, dtype="float32")[0] for part in parts]
        player = self.player()
        mix = player.recorded(wanted.request, mixed(sounds, player.sample_rate), 0.0, wanted.seconds, wanted.sampling)
        record = {**mix.record, **self._written_as, "parts": [part.path.name for part in parts]}
        path = recordings.write(replace(mix, record=record), self.out, self.ending)
        return self._finished(Take(path, record), wanted)

    def _finished(self, take: Take, wanted: Wanted) -> Take:
        return replace(take, beside=tuple(beside(take.path, self.order.extras, wanted.request)))
