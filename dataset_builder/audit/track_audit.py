"""The audit of a source: every defect that can be seen or heard, with its track and stem."""

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path, PurePath

import numpy as np
import soundfile
import yaml
from symusic.core import ScoreSecond

from ..audio.activity import frame_rms, spans_of
from ..audio.spans import overlap
from ..errors import UserError
from ..music.midi import read_midi
from ..sources.registry import READERS
from ..sources.track import Stem, Track
from ..sources.untrusted_yaml import read_yaml
from .defects import STOP, USE, Defect
from .detectors import DefectDetector
from .slakh_errata import known_of

_BLOCK = 1 << 17  # samples of every file at a time
_LEAST_SOUNDING = 1.0  # seconds
_NUMBER = re.compile("[0-9]{1,3}")  # of a stem: Slakh2100's have two digits, and each one that is missing is told


def audit_track(source: str, folder: Path, split: str) -> list[Defect]:
    """All defects of a track.

    Args:
        source: a name in `READERS`.
        folder: of the track.
        split: of the track.
    """
    defects = list(_of_metadata(source, folder))
    try:
        track = READERS[source].read_track(folder, split)
    except UserError as error:
        return [*defects, Defect("broken-metadata", folder.name, "", _short(error, folder))]
    defects += known_of(source, track.id)
    readable = []
    for stem in track.stems:
        found = list(_of_files(track, stem))
        defects += found
        if not any(defect.kind.endswith("-audio") for defect in found):
            readable.append(stem)
    defects += _twins(track, readable)
    defects += _of_everything(track)
    known = {defect.which for defect in defects if defect.detail.startswith("known")}
    unreadable = {defect.which for defect in defects if defect.kind.endswith("-audio")}
    compared = None if unreadable else track.mix  # without one of its stems it must differ
    heard = [defect for defect in _heard(track, readable, compared) if defect.which not in known]
    return defects + heard


def look_at_track(source: str, folder: Path, split: str, chosen: Mapping[str, str]) -> list[Defect]:
    """Defects that are known, or seen without hearing a track; what the build meets itself is not among them.

    Metadata and MIDI are looked at only where a policy asks for it, so that other builds do not read them twice.

    Args:
        source: a name in `READERS`.
        folder: of the track.
        split: of the track.
        chosen: what is done about each kind.
    """
    defects = known_of(source, folder.name)
    if chosen["climbing-path"] == STOP or {chosen["gap"], chosen["absolute-path"]} != {USE}:
        defects += _of_metadata(source, folder)
    if {chosen["missing-midi"], chosen["broken-midi"]} != {USE}:
        try:
            track = READERS[source].read_track(folder, split)
        except UserError:
            return defects  # the build says so
        for stem in track.stems:
            defects += _of_midi(track, stem.midi, stem.id)
    return defects


def _short(error: UserError, folder: Path) -> str:
    return str(error).replace(f"{folder.parent}/", "")


def _of_metadata(source: str, folder: Path) -> Iterator[Defect]:
    """What Slakh's metadata says beside what is read of it."""
    path = folder / "metadata.yaml"
    if source == "stems" or not path.is_file():
        return
    try:
        metadata = read_yaml(path)
        stems = dict(metadata["stems"])
        rendered = {name: bool(values["audio_rendered"]) for name, values in stems.items()}
    except (OSError, ValueError, yaml.YAMLError, KeyError, TypeError):
        return  # the reader says what is wrong with it
    for name in ("audio_dir", "midi_dir", "lmd_midi_dir"):
        if str(metadata.get(name) or "").startswith(("/", "\\", "~")):
            yield Defect("absolute-path", folder.name, "", f"{name}: {metadata[name]}")
    for name in stems:
        if not PurePath(os.path.normpath(folder / "stems" / f"{name}.flac")).is_relative_to(os.path.normpath(folder)):
            yield Defect("climbing-path", folder.name, "", f"stem {name!r}")
    for name, there in rendered.items():
        if not there:
            yield Defect("gap", folder.name, str(name), "not rendered")
    numbers = [int(name[1:]) for name in map(str, stems) if _NUMBER.fullmatch(name[1:])]
    for number in sorted(set(range(max(numbers, default=-1) + 1)) - set(numbers)):
        yield Defect("gap", folder.name, f"S{number:02d}", "no such stem")


def _of_files(track: Track, stem: Stem) -> Iterator[Defect]:
    """Missing, unreadable and silent files of a stem, and one of which nobody knows what it plays."""
    if not stem.instrument:
        yield Defect("no-class", track.id, stem.id, stem.unnamed)
    yield from _of_audio(track, stem.audio, stem.id)
    yield from _of_midi(track, stem.midi, stem.id)


def _of_link(track: Track, path: Path, which: str) -> Iterator[Defect]:
    if not track.holds(path):
        yield Defect("link-out", track.id, which, f"{path.name} is a link to {os.path.realpath(path)}")


def _of_audio(track: Track, path: Path, which: str) -> Iterator[Defect]:
    yield from _of_link(track, path, which)
    if not path.is_file():
        yield Defect("missing-audio", track.id, which, f"{path.name} is not there")
        return
    try:
        frames = frame_rms(path)  # all of it: what is cut short can be opened, too
    except UserError as error:
        yield Defect("broken-audio", track.id, which, _short(error, track.folder))
        return
    seconds = overlap(spans_of(frames.rms, frames.duration), 0.0, frames.duration)
    if seconds < min(_LEAST_SOUNDING, frames.duration / 2):
        yield Defect("silent", track.id, which, f"{seconds:.2f} s of sound")


def _of_midi(track: Track, path: Path | None, which: str) -> Iterator[Defect]:
    if path is None:
        return
    yield from _of_link(track, path, path.name)  # of which the build leaves out only this file, not the stem
    if not path.is_file():
        yield Defect("missing-midi", track.id, which, f"{path.name} is not there")
        return
    try:
        read_midi(path)
    except UserError as error:
        yield Defect("broken-midi", track.id, which, _short(error, track.folder))


def _of_everything(track: Track) -> Iterator[Defect]:
    """The mix's file and the MIDI file of everything."""
    yield from _of_midi(track, track.all_src, "all_src")
    if track.mix is not None:
        yield from _of_audio(track, track.mix, "mix")


def _twins(track: Track, stems: list[Stem]) -> Iterator[Defect]:
    first: dict[str, str] = {}
    for stem in stems:
        with stem.audio.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if digest in first:
            yield Defect("twin", track.id, stem.id, f"the same file as {first[digest]}")
        first.setdefault(digest, stem.id)


def _heard(track: Track, stems: list[Stem], mixed: Path | None) -> Iterator[Defect]:
    """Noise, endless tones, wrong pitch, clipping, and a mix that is not the sum, in one pass over all files."""
    with ExitStack() as stack:
        files = {stem.id: stack.enter_context(soundfile.SoundFile(stem.audio)) for stem in stems}
        mix = stack.enter_context(soundfile.SoundFile(mixed)) if mixed is not None else None
        listeners = {name: DefectDetector(file.samplerate) for name, file in files.items()}
        try:
            difference = _listen(files, listeners, mix)
        except _UnreadableError as error:  # which decoding by itself, in other blocks, has let pass
            which = next((stem.id for stem in stems if stem.audio.name == error.name), "mix")
            yield Defect("broken-audio", track.id, which, f"{error.name} cannot be read as audio ({error})")
            return
    for stem in stems:
        yield from _judged(track, stem, listeners[stem.id])
    tolerance = (len(stems) + 2) / (1 << 15)  # every file is rounded to 16 bits by itself
    if mix is not None and difference > tolerance:
        yield Defect("mix-differs", track.id, "mix", f"by up to {difference:.4f} of full scale from the stems' sum")


def _listen(
    files: dict[str, soundfile.SoundFile], listeners: dict[str, DefectDetector], mix: soundfile.SoundFile | None
) -> float:
    """Read all files abreast; returns the largest difference between the mix and the stems' sum."""
    difference, length = 0.0, max([file.frames for file in files.values()] + [mix.frames if mix else 0], default=0)
    for _ in range(0, length, _BLOCK):
        total = np.zeros(_BLOCK, dtype=np.float32)
        for name, file in files.items():
            block = _block(file)
            listeners[name].add(block)
            total[: len(block)] += block
        if mix is not None and all(file.samplerate == mix.samplerate for file in files.values()):
            block = _block(mix)
            total[: len(block)] -= block
            difference = max(difference, float(np.abs(total).max()))
    return difference


class _UnreadableError(Exception):
    """A file breaks where it is read beside others.

    Attributes:
        name: of the file.
    """

    def __init__(self, name: str, reason: Exception):
        super().__init__(str(reason))
        self.name = name


def _block(file: soundfile.SoundFile) -> np.ndarray:
    try:
        wav = file.read(_BLOCK, dtype="float32", always_2d=True)
    except (ValueError, soundfile.SoundFileError) as error:  # ValueError: of counts that make no sense
        raise _UnreadableError(Path(file.name).name, error) from error
    return wav[:, 0] if wav.shape[1] == 1 else wav.mean(axis=1)


def _judged(track: Track, stem: Stem, listener: DefectDetector) -> Iterator[Defect]:
    if listener.clipped:
        yield Defect("clipped", track.id, stem.id, f"{listener.clipped} times")
    if stem.is_drum:
        return
    if listener.is_noise():
        yield Defect("white-noise", track.id, stem.id, "its spectrum is flat")
    if listener.is_endless():
        yield Defect("endless-tone", track.id, stem.id, "its spectrum never changes")
    if shift := listener.wrong_pitch(sounding_classes(stem, listener.times)):
        yield Defect("wrong-pitch", track.id, stem.id, f"{shift} semitones above its MIDI, whatever the octave")


def sounding_classes(stem: Stem, times: np.ndarray) -> np.ndarray:
    """Which pitch classes sound by the MIDI at each time, 0 or 1 `[W, 12]`; zeros where there is none."""
    sounding = np.zeros((len(times), 12))
    if stem.midi is None or not stem.midi.is_file():
        return sounding
    try:
        score: ScoreSecond = read_midi(stem.midi).to("second")  # type: ignore[assignment]
    except UserError:
        return sounding
    for part in score.tracks:
        notes = part.notes.numpy()
        for pitch_class in () if part.is_drum else range(12):
            chosen = notes["pitch"] % 12 == pitch_class
            begins, lengths = notes["time"][chosen], notes["duration"][chosen]
            begun = np.searchsorted(np.sort(begins), times, "right")
            sounding[:, pitch_class] += begun - np.searchsorted(np.sort(begins + lengths), times, "right")
    return (sounding > 0).astype(float)
