"""References of one order played one after the other into a folder: one file, or all files of a folder.

A folder's takes that are there and made of the same are not played again, and `results.csv` lists what is there.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dataset_builder.errors import UserError

from . import recordings
from .descriptor import Descriptor
from .reference_audio import Hints, ReferenceAudio, read_reference
from .references.excerpt import Part
from .request import Request
from .results import Failure, KeptTakes, write_results
from .sampling import SamplingSettings

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
    """

    instruments: str
    description: str | None = None
    descriptor: Descriptor = field(default_factory=Descriptor)
    hints: Hints = field(default_factory=Hints)
    part: Part = field(default_factory=Part)
    seconds: float | None = None
    samplings: tuple[SamplingSettings, ...] = (SamplingSettings(),)


@dataclass(frozen=True)
class Take:
    """A recording on disk.

    Attributes:
        path: of its audio.
        record: what the JSON beside it says.
        kept: whether it was there already.
    """

    path: Path
    record: dict[str, Any]
    kept: bool = False


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
        recordings.require_room(self.out, seconds * len(self.order.samplings))

    def _request(self, reference: ReferenceAudio) -> Request:
        order = self.order
        return self.player().request(
            reference, order.instruments, order.description, hints=order.hints, descriptor=order.descriptor
        )

    def _takes(self, request: Request, resume: bool) -> Iterator[Take]:
        player, samplings = self.player(), self.order.samplings
        seconds = self.order.seconds or request.reference.seconds
        for line in player.warnings(request, seconds):
            self.warn(line)
        for number, sampling in enumerate(samplings, 1):
            if resume and (kept := self._kept.find(player.asked(request, seconds, sampling))):
                yield Take(kept.path, kept.record, kept=True)
                continue
            with self.bar(f"take {number} of {len(samplings)}") as progress:
                (recording,) = player.play([request], seconds, sampling, progress=progress)
            yield Take(recordings.write(recording, self.out, self.ending), recording.record)
