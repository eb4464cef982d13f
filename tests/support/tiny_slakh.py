"""A small source in Slakh's layout: sines for pitched stems, noise for drums, and MIDI that says the same."""

from pathlib import Path

import numpy as np
import pretty_midi
import soundfile
import yaml

SECONDS, RATE = 6.0, 22_050
# Split folder, track, bpm, and stems: number -> General MIDI program (128: drums). Numbers have gaps, as Slakh's do.
TINY = (
    ("train", "Track00001", 80.0, {0: 40, 1: 42, 3: 128, 4: 73, 5: 33}),
    ("validation", "Track00002", 120.0, {0: 0, 1: 68}),
    ("test", "Track00003", 100.0, {0: 56, 1: 128, 2: 24}),
)
PITCHES = (60, 62, 64, 65, 67, 69, 71, 72)  # C major


def write_track(folder: Path, bpm: float, programs: dict[int, int], seconds: float = SECONDS, rate: int = RATE) -> Path:
    """Write a track in Slakh's layout: sines for pitched stems, noise for drums, and MIDI that says the same."""
    (folder / "stems").mkdir(parents=True)
    (folder / "MIDI").mkdir()
    everything, mix, stems = pretty_midi.PrettyMIDI(initial_tempo=bpm), np.zeros(round(seconds * rate)), {}
    for number, program in programs.items():
        instrument = midi_part(program, number, bpm, seconds)
        wav = sound_of(instrument, seconds, rate)
        mix += np.round(wav * 2**15) / 2**15
        soundfile.write(folder / "stems" / f"S{number:02}.flac", wav, rate, subtype="PCM_16")
        alone = pretty_midi.PrettyMIDI(initial_tempo=bpm)
        alone.instruments.append(instrument)
        alone.write(str(folder / "MIDI" / f"S{number:02}.mid"))
        everything.instruments.append(instrument)
        stems[f"S{number:02}"] = stem_metadata(program, rendered=True)
    for number in set(range(max(programs))) - set(programs):
        stems[f"S{number:02}"] = stem_metadata(0, rendered=False)
    everything.write(str(folder / "all_src.mid"))
    soundfile.write(folder / "mix.flac", mix, rate, subtype="PCM_16")
    metadata = {"UUID": folder.name, "audio_dir": "/elsewhere", "stems": dict(sorted(stems.items()))}
    (folder / "metadata.yaml").write_text(yaml.safe_dump(metadata))
    return folder


def stem_metadata(program: int, rendered: bool) -> dict[str, object]:
    """A stem's entry in metadata.yaml."""
    return {"audio_rendered": rendered, "midi_saved": rendered, "is_drum": program == 128, "program_num": program,
            "inst_class": "Drums" if program == 128 else "Piano", "integrated_loudness": -13.0}  # fmt: skip


def midi_part(program: int, number: int, bpm: float, seconds: float) -> pretty_midi.Instrument:
    """A part in quarters, an octave lower for every second stem; even stems pause in the second third of the track."""
    part = pretty_midi.Instrument(program % 128, is_drum=program == 128)
    for step, start in enumerate(np.arange(0.0, seconds - 0.1, 60 / bpm)):
        if number % 2 or not seconds / 3 <= start < 2 * seconds / 3:
            pitch = 36 if part.is_drum else PITCHES[(step * 2 + number) % len(PITCHES)] - 12 * (number % 2)
            part.notes.append(pretty_midi.Note(90, pitch, start, min(seconds, start + 54 / bpm)))
    return part


def sound_of(part: pretty_midi.Instrument, seconds: float, rate: int) -> np.ndarray:
    """The part as decaying sines (or noise, for drums) `[T]`, peaks below 0.2."""
    wav, rng = np.zeros(round(seconds * rate)), np.random.default_rng(part.program)
    for note in part.notes:
        first, last = round(note.start * rate), min(len(wav), round(note.end * rate))
        time = np.arange(last - first) / rate
        tone = rng.standard_normal(len(time)) / 4 if part.is_drum else np.sin(2 * np.pi * midi_hz(note.pitch) * time)
        wav[first:last] += 0.15 * tone * np.exp(-2 * time)
    return wav


def midi_hz(pitch: int) -> float:
    """Frequency of a MIDI pitch in Hz."""
    return 440.0 * 2 ** ((pitch - 69) / 12)
