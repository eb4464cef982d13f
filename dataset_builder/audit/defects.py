"""Kinds of defects that a source can have, and what is done about each: use, skip or stop."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass

from ..errors import UserError
from . import exclusions as why
from .exclusions import LeftOut

USE, SKIP, STOP = "use", "skip", "stop"
POLICIES = (USE, SKIP, STOP)


@dataclass(frozen=True)
class Kind:
    """A kind of defect.

    Attributes:
        meaning: for help and summaries.
        policy: what is done about it unless told otherwise.
        useless: whether there is nothing left to use, so that only skip and stop are policies.
        heard: whether only an audit finds it, since all audio must be compared.
    """

    meaning: str
    policy: str
    useless: bool = False
    heard: bool = False


KINDS: dict[str, Kind] = {
    "broken-metadata": Kind("the track's description cannot be read", SKIP, useless=True),
    "climbing-path": Kind("metadata names a stem that would lie outside of the track", SKIP, useless=True),
    "link-out": Kind("a link leads to a file outside of the track (git-annex and the like: use)", SKIP),
    "absolute-path": Kind("metadata holds an absolute path (paths are derived from the layout)", USE),
    "gap": Kind("a stem's number is missing, or was not rendered", USE),
    "missing-audio": Kind("metadata promises audio that is not there", SKIP, useless=True),
    "broken-audio": Kind("audio cannot be decoded, or is empty", SKIP, useless=True),
    "missing-midi": Kind("a MIDI file is not there", USE),
    "broken-midi": Kind("a MIDI file cannot be read", USE),
    "white-noise": Kind("the renderer made noise in place of notes", SKIP),
    "endless-tone": Kind("one tone through the whole track", SKIP),
    "wrong-pitch": Kind("the audio plays other pitches than the MIDI", SKIP),
    "cut-notes": Kind("the notes are cut short", USE),
    "no-class": Kind("no instrument class is known by its name or program", SKIP, useless=True),
    "silent": Kind("nothing is heard", SKIP, useless=True),
    "clipped": Kind("peaks are cut off at full scale", USE, heard=True),
    "twin": Kind("byte for byte the audio of an earlier stem of the track", SKIP, heard=True),
    "mix-differs": Kind("the mix is not the sum of its stems", USE, heard=True),
}

_OF_REASON = {
    why.BROKEN_METADATA: "broken-metadata", why.NO_AUDIO: "missing-audio", why.BROKEN_AUDIO: "broken-audio",
    why.BROKEN_MIDI: "broken-midi", why.NO_MIDI: "missing-midi", why.SILENT: "silent",
    why.LINK_OUT: "link-out", why.NO_CLASS: "no-class",
}  # fmt: skip
_REASONS = {kind: reason for reason, kind in _OF_REASON.items()}


@dataclass(frozen=True)
class Defect:
    """One defect.

    Attributes:
        kind: a name in `KINDS`.
        track: the track's name.
        which: a stem's id, `mix`, `all_src`, a MIDI file's name, or empty for the track as a whole.
        detail: what was found.
    """

    kind: str
    track: str
    which: str
    detail: str

    def to_json(self) -> dict[str, str]:
        """Plain values for JSON."""
        return asdict(self)

    def __str__(self) -> str:
        return f"{self.track} {self.which or '-'}: {self.kind}: {self.detail}"


def reason_of(defect: Defect) -> str:
    """Why something is left out that has this defect: as the build itself would say, where it meets it, too."""
    return _REASONS.get(defect.kind, why.DEFECT)


def policies(overrides: Iterable[str] = (), *, audited: bool = True) -> dict[str, str]:
    """What is done about each kind, with overrides such as `clipped=skip`.

    Args:
        overrides: beside the defaults of `KINDS`.
        audited: whether all audio is compared.

    Raises:
        UserError: for an unknown kind or policy, or one that could not be followed.
    """
    chosen = {name: kind.policy for name, kind in KINDS.items()}
    for override in overrides:
        name, _, policy = override.partition("=")
        if name not in KINDS:
            raise UserError(f"unknown kind of defect {name!r}, known: {', '.join(KINDS)}")
        if policy not in POLICIES:
            raise UserError(f"{override!r}: expected {name}=use, {name}=skip or {name}=stop")
        if policy == USE and KINDS[name].useless:
            raise UserError(f"{override!r}: {KINDS[name].meaning}, expected {name}=skip or {name}=stop")
        if KINDS[name].heard and not audited and policy != chosen[name]:
            raise UserError(f"{override!r}: only an audit finds it: add --audit")
        chosen[name] = policy
    return chosen


def skipped(defects: Iterable[Defect], chosen: Mapping[str, str]) -> dict[str, Defect]:
    """The first defect for which each part of a track is skipped, by `which`.

    Raises:
        UserError: if the policy of one is to stop.
    """
    found: dict[str, Defect] = {}
    for defect in defects:
        if chosen[defect.kind] == STOP:
            raise UserError(f"{defect}: mend it, or choose another policy (--policy {defect.kind}=skip)")
        if chosen[defect.kind] == SKIP:
            found.setdefault(defect.which, defect)
    return found


def stop_at(left_out: Iterable[LeftOut], chosen: Mapping[str, str]) -> None:
    """Stop at what the build itself meets, without an audit.

    Raises:
        UserError: if something was left out for a reason whose policy is to stop.
    """
    for line in left_out:
        kind = _OF_REASON.get(line.reason)
        if kind is not None and chosen[kind] == STOP:
            raise UserError(f"{Defect(kind, line.track, line.which, line.detail)}: mend it (the policy is to stop)")
