"""An uploaded file, heard: read within limits, described, and gone from the disk."""

import threading
from dataclasses import dataclass, replace
from pathlib import Path

from dataset_builder.errors import UserError

from ..generation.descriptor import describe
from ..generation.reference_audio import ReferenceAudio, read_reference
from ..generation.references.excerpt import Part
from ..generation.request import Description
from .uploads import Uploads
from .wish import Facts, Limits

NOT_UPLOADED = "the tune was not uploaded to this server, or was played before: upload it, and name what that answers"


@dataclass(frozen=True)
class Heard:
    """A tune, and what is found in it or said of it.

    Attributes:
        reference: what is to be followed.
        description: of it.
        facts: tempo and key, as they are described.
    """

    reference: ReferenceAudio
    description: Description
    facts: Facts

    @property
    def name(self) -> str:
        """Of the file."""
        return str(self.reference.source["file"])


class Listener:
    """Reads the tunes that were uploaded.

    Args:
        uploads: where they are.
        limits: of bytes and seconds.
    """

    def __init__(self, uploads: Uploads, limits: Limits) -> None:
        self._uploads, self._limits = uploads, limits
        self._reading = threading.Lock()  # a decoder that is kept quiet wants the process's stderr for itself

    def hear(self, path: Path) -> ReferenceAudio:
        """The tune in an uploaded file, which is deleted.

        Raises:
            UserError: it is none, was not uploaded here, or is too large or too long; no error names a path.
        """
        if not self._uploads.holds(path):
            raise UserError(NOT_UPLOADED)
        try:
            with self._reading:
                return self._read(path)
        except UserError as error:
            raise UserError(str(error).replace(str(path), path.name)) from error
        finally:
            self._uploads.delete(path)

    def _read(self, path: Path) -> ReferenceAudio:
        most, megabytes = self._limits.max_seconds, self._limits.max_megabytes
        if path.stat().st_size > megabytes * 1e6:
            raise UserError(f"{path} has {path.stat().st_size / 1e6:.0f} MB, expected at most {megabytes:g}")
        reference = read_reference(path, Part(0.0, most))
        seconds = float(reference.source["seconds"])
        if seconds > most + 1:  # a second, for the end of a MIDI file's last notes
            raise UserError(f"{path} is {seconds:.0f} s long, this server takes at most {most:g} s: cut it")
        return reference


def described(reference: ReferenceAudio, said: Facts) -> Heard:
    """A tune with its description, in which tempo and key are those that are said, if they are."""
    bpm = said.bpm or reference.bpm
    facts = Facts.model_construct(bpm=round(bpm, 1) if bpm else None, key=said.key or reference.key)
    return Heard(reference, describe(replace(reference, bpm=facts.bpm, key=facts.key)), facts)
