"""Writes an arrangement in Slakh's layout, and gives sound to any folder of that layout.

A track is written to a temporary folder and renamed when it is whole:
`TrackNNNNN/{metadata.yaml,source.json,all_src.mid,mix.flac,stems/Sxx.flac,MIDI/Sxx.mid}`.
"""

from __future__ import annotations

import hashlib
import io
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pretty_midi
import yaml

from ..audio.loudness import integrated_loudness
from ..audio.reading import write_flac
from ..errors import UserError
from ..music import midi_synth
from ..music.instruments import family_of
from ..runtime import atomic
from .arrangement import Arrangement, Stem
from .score import Score

LOUDNESS = -13.0  # LUFS of every stem, as in Slakh
PEAK = -1.0  # dBFS the mix may reach before all is turned down
RESOLUTION = 480  # ticks a quarter
FULL_SCALE = 32767


def write_track(arrangement: Arrangement, folder: Path) -> None:
    """Write and render an arrangement as `folder`; what an interrupted run left of it is thrown away."""
    temporary = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(temporary, ignore_errors=True)
    (temporary / "MIDI").mkdir(parents=True)
    for name, stem in _named(arrangement.stems):
        atomic.write_bytes(temporary / "MIDI" / f"{name}.mid", midi_of(arrangement.score, [stem]))
    atomic.write_bytes(temporary / "all_src.mid", midi_of(arrangement.score, arrangement.stems))
    _write_metadata(temporary, _metadata(arrangement))
    atomic.write_text(temporary / "source.json", json.dumps(_source(arrangement), ensure_ascii=False, indent=1) + "\n")
    render_track(temporary)
    temporary.rename(folder)


def render_track(folder: Path) -> None:
    """Render the stems and the mix of a Slakh-like folder that has metadata.yaml and MIDI/ but no audio.

    The programs are the metadata's. Stems that the metadata gives as not rendered stay so; those that turn out silent
    are marked so. Loudness and gain in metadata.yaml become those of this rendering. A folder with a mix is left alone.

    Raises:
        UserError: metadata.yaml or the MIDI of a rendered stem is missing or broken, or no stem makes a sound.
    """
    if (folder / "mix.flac").exists():
        return
    metadata = _read_metadata(folder)
    stems = {name: stem for name, stem in metadata["stems"].items() if stem.get("audio_rendered")}
    files = {name: folder / "MIDI" / f"{name}.mid" for name in stems}
    if missing := [str(path) for path in files.values() if not path.exists()]:
        raise UserError(f"{missing[0]} is missing: metadata.yaml says that this stem is rendered")
    duration = max((midi_synth.end_of(path) for path in files.values()), default=0.0) + midi_synth.TAIL
    sounds: dict[str, np.ndarray] = {}
    for name, stem in stems.items():
        wav = midi_synth.play(files[name], int(stem["program_num"]), bool(stem["is_drum"]), duration)
        loudness = integrated_loudness(wav, midi_synth.SAMPLE_RATE)
        stem["audio_rendered"] = bool(np.isfinite(loudness))
        stem.pop("integrated_loudness", None)
        if stem["audio_rendered"]:
            stem["integrated_loudness"] = float(loudness)
            sounds[name] = wav * np.float32(10 ** ((LOUDNESS - loudness) / 20))
    metadata["overall_gain"] = _write_audio(folder, sounds)
    _write_metadata(folder, metadata)


def _read_metadata(folder: Path) -> dict[str, Any]:
    try:
        metadata = yaml.safe_load((folder / "metadata.yaml").read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{folder} has no metadata.yaml: expected a track folder in Slakh's layout") from None
    except yaml.YAMLError as error:
        raise UserError(f"{folder / 'metadata.yaml'} is not YAML ({' '.join(str(error).split())})") from error
    if not isinstance(metadata, dict) or not isinstance(metadata.get("stems"), dict):
        raise UserError(f"{folder / 'metadata.yaml'} lists no stems: expected a track's metadata as Slakh writes it")
    return metadata


def _write_audio(folder: Path, sounds: dict[str, np.ndarray]) -> float:
    """Write stems and mix; return the gain all were given so that no peak passes PEAK.

    Stems are rounded to 16 bits first and the mix is the sum of what was written, so that it equals it exactly.
    """
    if not sounds:
        raise UserError(f"{folder}: no stem makes a sound, so there is nothing to mix")
    loudest = max(float(np.abs(wav).max()) for wav in [*sounds.values(), np.sum(list(sounds.values()), axis=0)])
    gain = min(1.0, 10 ** (PEAK / 20) / loudest)
    (folder / "stems").mkdir(exist_ok=True)
    mix = np.zeros(len(next(iter(sounds.values()))), np.int32)
    for name, wav in sounds.items():
        samples = np.round(wav * (gain * FULL_SCALE)).astype(np.int16)
        write_flac(folder / "stems" / f"{name}.flac", samples, midi_synth.SAMPLE_RATE)
        mix += samples
    write_flac(folder / "mix.flac", mix.astype(np.int16), midi_synth.SAMPLE_RATE)
    return float(gain)


def _write_metadata(folder: Path, metadata: dict[str, Any]) -> None:
    atomic.write_text(folder / "metadata.yaml", yaml.safe_dump(metadata, sort_keys=True))


def _named(stems: Sequence[Stem]) -> list[tuple[str, Stem]]:
    return [(f"S{index:02d}", stem) for index, stem in enumerate(stems)]


def _metadata(arrangement: Arrangement) -> dict[str, Any]:
    """Slakh's metadata: every key of it and no other."""
    track = arrangement.track
    return {
        "UUID": hashlib.sha256(f"nano/{arrangement.score.work.id}/{arrangement.variant}".encode()).hexdigest()[:32],
        "audio_dir": f"{track}/stems",
        "lmd_midi_dir": f"music21/corpus/{arrangement.score.work.path}",
        "midi_dir": f"{track}/MIDI",
        "normalization_factor": LOUDNESS,
        "normalized": True,
        "overall_gain": 1.0,
        "stems": {name: _stem_metadata(stem) for name, stem in _named(arrangement.stems)},
        "target_peak": PEAK,
    }


def _stem_metadata(stem: Stem) -> dict[str, Any]:
    program_name = "Drums" if stem.is_drum else pretty_midi.program_to_instrument_name(stem.program)
    return {
        "audio_rendered": True,
        "inst_class": "Drums" if stem.is_drum else family_of(stem.program),
        "is_drum": stem.is_drum,
        "midi_program_name": program_name,
        "midi_saved": True,
        "plugin_name": midi_synth.FONT,
        "program_num": 128 if stem.is_drum else stem.program,
    }


def _source(arrangement: Arrangement) -> dict[str, Any]:
    """What Slakh's metadata has no place for: where the music comes from and who plays what."""
    work = arrangement.score.work
    return {
        "work": work.id,
        "title": work.title,
        "composer": work.composer,
        "licence": work.licence,
        "corpus_path": work.path,
        "variant": arrangement.variant,
        "transposition": arrangement.transposition,
        "bpm": arrangement.score.bpm,
        "seconds": arrangement.seconds,
        "ensemble": arrangement.ensemble,
        "stems": {name: {"instrument": stem.instrument, "role": stem.role} for name, stem in _named(arrangement.stems)},
    }


def midi_of(score: Score, stems: Sequence[Stem]) -> bytes:
    """Return a MIDI file of the stems with the score's tempo and time signatures."""
    midi = pretty_midi.PrettyMIDI(resolution=RESOLUTION, initial_tempo=score.bpm)
    quarter = 60 / score.bpm
    metre = None
    for bar in score.bars:
        if metre != (bar.numerator, bar.denominator):
            metre = (bar.numerator, bar.denominator)
            midi.time_signature_changes.append(pretty_midi.TimeSignature(*metre, bar.start * quarter))
    for stem in stems:
        instrument = pretty_midi.Instrument(stem.program, stem.is_drum, stem.instrument)
        instrument.notes = [
            pretty_midi.Note(note.velocity, note.pitch, note.start * quarter, note.end * quarter) for note in stem.notes
        ]
        midi.instruments.append(instrument)
    buffer = io.BytesIO()
    midi.write(buffer)
    return buffer.getvalue()
