"""References of every format, and everything that can be wrong with one."""

import os
from contextlib import suppress
from pathlib import Path

import numpy as np
import pretty_midi
import pytest
import soundfile

from dataset_builder.errors import UserError
from dataset_builder.music.audio_tempo_key import key_of_audio, tempo_of_audio
from orchestrator_solver.generation.reference_audio import SAMPLE_RATE, ReferenceAudio, read_reference

SCALE = (57, 59, 60, 62, 64, 65, 68, 69)  # A harmonic minor


def melody(seconds: float = 4.0, rate: int = 22_050, bpm: float = 120.0) -> np.ndarray:
    """The scale in eighths, with a click on every one, `[T]`."""
    time = np.arange(round(seconds * rate)) / rate
    step = 30 / bpm
    pitch = np.array(SCALE)[(time / step).astype(int) % len(SCALE)]
    return (0.5 * np.sin(2 * np.pi * 440 * 2 ** ((pitch - 69) / 12) * time) * np.exp(-6 * (time % step))).astype("f")


def write(path: Path, wav: np.ndarray, rate: int = 22_050, **how: str) -> Path:
    soundfile.write(path, wav, rate, **how)
    return path


@pytest.mark.parametrize("ending", ["wav", "flac", "mp3", "ogg"])
def test_formats(tmp_path: Path, ending: str) -> None:
    reference = read_reference(write(tmp_path / f"a.{ending}", melody()))
    assert reference.sample_rate == SAMPLE_RATE
    assert reference.wav.dtype == np.float32 and reference.wav.ndim == 1
    assert reference.seconds == pytest.approx(4.0, abs=0.05)
    assert reference.notes == ()
    assert reference.key == "A minor"


def midi_file(path: Path, bpm: float = 90.0) -> Path:
    midi = pretty_midi.PrettyMIDI(initial_tempo=bpm)
    for program, drums in ((40, False), (0, True)):
        part = pretty_midi.Instrument(program, drums)
        part.notes = [pretty_midi.Note(90, 36 if drums else p, i / 2, i / 2 + 0.4) for i, p in enumerate(SCALE)]
        midi.instruments.append(part)
    midi.write(str(path))
    return path


def test_midi_is_rendered_and_its_tempo_and_key_are_read(tmp_path: Path) -> None:
    path = midi_file(tmp_path / "a.mid")
    first, second = read_reference(path), read_reference(path)
    assert first.bpm == pytest.approx(90.0, abs=0.01)
    assert first.key == "A minor"
    assert 3.9 < first.seconds < 6.0
    assert np.abs(first.wav).max() > 0.01
    np.testing.assert_array_equal(first.wav, second.wav)
    assert read_reference(path, duration=2.0).seconds == 2.0


def test_tempo_and_key_of_audio() -> None:
    wav = melody(12.0)
    bpm = tempo_of_audio(wav, 22_050)
    assert bpm is not None
    assert min(abs(bpm / tempo - 1) for tempo in (60, 120, 240)) < 0.06
    assert key_of_audio(wav, 22_050) == "A minor"
    assert key_of_audio(np.random.default_rng(0).standard_normal(66_150).astype("f"), 22_050) is None


@pytest.mark.parametrize("seed", range(4))
def test_the_tempo_is_the_beat_trackers_own(seed: int) -> None:
    from librosa.beat import beat_track

    random = np.random.default_rng(seed)
    wav = np.zeros(22_050 * 9, np.float32)
    wav[:: int(random.integers(6_000, 20_000))] = 0.9
    wav += random.normal(0, 0.01, len(wav)).astype(np.float32)
    assert tempo_of_audio(wav, 22_050) == round(float(beat_track(y=wav, sr=22_050)[0][0]), 1)
    assert tempo_of_audio(np.zeros(22_050, np.float32), 22_050) is None


@pytest.mark.parametrize(
    ("rate", "channels", "note"),
    [(8_000, 1, "8 kHz: resampled"), (192_000, 1, "192 kHz: resampled"), (48_000, 6, "6 channels"), (48_000, 2, None)],
)
def test_unusual_audio_is_taken_with_a_note(tmp_path: Path, rate: int, channels: int, note: str | None) -> None:
    wav = np.repeat(melody(rate=rate)[:, None], channels, axis=1)
    reference = read_reference(write(tmp_path / "a.wav", wav, rate))
    assert reference.seconds == pytest.approx(4.0, abs=0.01)
    assert [note in line for line in reference.notes if note] == ([True] if note else [])
    assert reference.key == "A minor"


def test_channels_that_cancel_out(tmp_path: Path) -> None:
    wav = melody()
    reference = read_reference(write(tmp_path / "a.wav", np.stack([wav, -wav], axis=1)))
    assert "cancel" in reference.notes[0]
    assert np.abs(reference.wav).max() > 0.3


def test_audio_beyond_full_scale_is_scaled_down(tmp_path: Path) -> None:
    reference = read_reference(write(tmp_path / "a.wav", melody() * 8, subtype="FLOAT"))
    assert "scaled down" in reference.notes[0]
    assert np.abs(reference.wav).max() <= 1.0


def test_a_file_that_breaks_off_is_used_up_to_there(tmp_path: Path) -> None:
    path = write(tmp_path / "a.flac", melody(8.0))
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    reference = read_reference(path)
    assert 2.0 < reference.seconds < 8.0
    assert "breaks off" in reference.notes[0]


def broken(path: Path, kind: str) -> Path:
    """A file that is no reference."""
    rate = 22_050
    wavs = {
        "zero": np.zeros(0), "short": melody(0.3), "silence": np.zeros(3 * rate), "long": np.zeros(601 * rate, "i2"),
        "nan": np.where(np.arange(3 * rate) == 9, np.nan, melody(3.0)),
        "inf": np.where(np.arange(3 * rate) == 9, np.inf, melody(3.0)),
    }  # fmt: skip
    if kind in wavs:
        return write(path, wavs[kind], rate, subtype="FLOAT" if kind in ("nan", "inf") else "PCM_16")
    contents = {"text": b"not audio at all" * 100, "empty": b"", "header": b"RIFF\x24\0\0\0WAVEfmt "}
    path.write_bytes(contents[kind])
    return path


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("zero", "zero seconds"), ("short", "0.30 s long"), ("silence", "silent"), ("long", "--duration"),
        ("nan", "NaN"), ("inf", "NaN or infinite"), ("text", "cannot be read as audio"),
        ("empty", "cannot be read as audio"), ("header", "cannot be read as audio"),
    ],
)  # fmt: skip
def test_what_is_refused(tmp_path: Path, kind: str, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        read_reference(broken(tmp_path / "a.wav", kind))
    assert "\n" not in str(caught.value)
    assert str(tmp_path / "a.wav") in str(caught.value)


def test_a_long_file_is_read_in_part(tmp_path: Path) -> None:
    path = write(tmp_path / "a.flac", np.tile(melody(10.0, 8_000), 61), 8_000)
    assert read_reference(path, duration=5.0).seconds == 5.0


@pytest.mark.parametrize("ending", ["mp3", "ogg", "flac"])
def test_damaged_files_say_nothing_but_our_line(tmp_path: Path, ending: str, capfd: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / f"a.{ending}", melody(8.0))
    content = bytearray(path.read_bytes())
    content[len(content) // 3 : len(content) // 3 + 3000] = np.random.default_rng(0).bytes(3000)
    for damaged in (bytes(content), bytes(content[: len(content) // 2]), np.random.default_rng(1).bytes(20_000)):
        path.write_bytes(damaged)
        with suppress(UserError):
            assert np.isfinite(read_reference(path).wav).all()
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("content", [b"MThd", b"MThd" + b"\xff" * 300, b"nonsense", b""])
def test_broken_midi(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.mid"
    path.write_bytes(content)
    with pytest.raises(UserError, match="MIDI"):
        read_reference(path)


def test_midi_without_notes(tmp_path: Path) -> None:
    pretty_midi.PrettyMIDI().write(str(tmp_path / "a.mid"))
    with pytest.raises(UserError, match="no notes"):
        read_reference(tmp_path / "a.mid")


def test_missing_files_and_folders(tmp_path: Path) -> None:
    for path in (tmp_path / "no.wav", tmp_path):
        with pytest.raises(UserError, match="no such file"):
            read_reference(path)


@pytest.mark.parametrize("rate", [1, 999, 2**31 - 1])
def test_a_rate_that_is_none_of_sound_is_refused_before_decoding(tmp_path: Path, rate: int) -> None:
    path = write(tmp_path / "x.wav", melody())
    data = bytearray(path.read_bytes())
    data[24:28] = rate.to_bytes(4, "little")
    path.write_bytes(data)
    with pytest.raises(UserError, match=f"its header says {rate} Hz, expected 1000 to 768000"):
        read_reference(path, 5.0)


def test_no_more_is_read_than_memory_holds(tmp_path: Path) -> None:
    """An hour at a rate that nobody records at; the file itself has no samples."""
    path, rate = tmp_path / "a.wav", 768_000
    write(path, melody(0.1, rate), rate, subtype="PCM_U8")
    data = bytearray(path.read_bytes()[:44])
    data[4:8] = data[40:44] = (3600 * rate).to_bytes(4, "little")
    path.write_bytes(data)
    os.truncate(path, 44 + 3600 * rate)  # a hole, which takes no room on disk
    with pytest.raises(UserError, match="60 minutes at 768000 Hz are too many to be read at once, expected at most 5"):
        read_reference(path, 3600.0)


@pytest.mark.parametrize("rate", [16_000, 32_000, 44_100])
def test_a_part_is_the_same_stretch_of_the_whole(rate: int) -> None:
    """But for what the resampler's filter rounds; to the bit where there is nothing to resample or all is asked for."""
    wav = np.random.default_rng(0).uniform(-1, 1, 5 * 32_000).astype(np.float32)
    reference = ReferenceAudio(wav, 32_000)
    whole = reference.at(rate)
    for start, seconds in ((0.0, 2.0), (1.32, 1.0), (4.0, 2.0)):
        part = reference.part(start, seconds, rate)
        wanted = whole[round(start * rate) :][: round(seconds * rate)]
        assert part.shape == wanted.shape and np.abs(part - wanted).max() < (1e-3 if rate != 32_000 else 1e-9)
    assert np.array_equal(reference.part(0.0, 5.0, rate), whole)
