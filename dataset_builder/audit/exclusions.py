"""What a build leaves out, and why: nothing is dropped without a line in `left_out.jsonl`."""

from dataclasses import asdict, dataclass

# Reasons are few, so that they can be counted; the detail says what exactly was found.
BROKEN_METADATA = "metadata cannot be read"
NO_AUDIO = "no audio"
BROKEN_AUDIO = "audio cannot be read"
BROKEN_MIDI = "MIDI cannot be read"
NO_MIDI = "no MIDI"
NO_CLASS = "no instrument class"
LINK_OUT = "a link out of the track"
SILENT = "silent"
FEW_COMBINATIONS = "fewer combinations than submixes asked for"
DEFECT = "a defect that is skipped"
NO_CAPTION = "no caption"
NO_DESCRIPTION = "no description"
OMITTED = "omitted in redux: its MIDI file is in another split too"
# These depend on files that somebody may mend: the next run tries their tracks again.
MENDABLE = frozenset({BROKEN_METADATA, NO_AUDIO, BROKEN_AUDIO, BROKEN_MIDI, NO_MIDI, LINK_OUT, NO_CAPTION})


@dataclass(frozen=True)
class LeftOut:
    """One thing that was left out.

    Attributes:
        track: of which track.
        what: track | mix | stem | MIDI | submix.
        which: the stem's id or the file's name; empty for the track as a whole.
        reason: one of the module's constants.
        detail: what was found.
    """

    track: str
    what: str
    which: str
    reason: str
    detail: str = ""

    def to_json(self) -> dict[str, str]:
        """Plain values for JSON."""
        return asdict(self)
