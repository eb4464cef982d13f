"""audiocraft's `audio_write` without ffmpeg: each format, the samples that ffmpeg made, one line for what cannot be."""

import subprocess

import numpy as np
import pytest
import soundfile
import torch
from audiocraft.data.audio import audio_write

import orchestrator_solver  # noqa: F401 - closes the seams
from dataset_builder.errors import UserError


@pytest.fixture(autouse=True)
def no_ffmpeg(monkeypatch):
    """No other program may be started, wherever it is."""

    def refuse(*args, **kwargs):
        raise AssertionError(f"started {args}")

    monkeypatch.setattr(subprocess, "Popen", refuse)


def tone(seconds: float = 1.0, rate: int = 32_000, channels: int = 1) -> torch.Tensor:
    """A440 `[C, T]` with a peak of 0.5."""
    return 0.5 * torch.sin(torch.arange(int(seconds * rate)) * 2 * np.pi * 440 / rate).expand(channels, -1)


@pytest.mark.parametrize("kind", ["wav", "flac", "ogg", "mp3"])
@pytest.mark.parametrize("channels", [1, 2])
def test_every_format_holds_the_sound(tmp_path, kind, channels):
    wav = tone(channels=channels)
    path = audio_write(tmp_path / "new" / "a.b", wav, 32_000, format=kind, normalize=False)
    assert path == tmp_path / "new" / f"a.b.{kind}" and [*path.parent.iterdir()] == [path]
    read, rate = soundfile.read(path, always_2d=True)
    assert rate == 32_000 and read.shape[1] == channels and soundfile.info(path).format == kind.upper()
    spectrum = np.abs(np.fft.rfft(read[:32_000, 0]))
    assert np.argmax(spectrum) == 440 and np.abs(read[:, 0]).max() == pytest.approx(0.5, abs=0.02)


def test_samples_are_rounded_and_clipped_as_by_ffmpeg(tmp_path):
    """pcm_s16le and FLAC of 24 bits, as ffmpeg 9 writes them."""
    wav = torch.tensor([[1.0, -1.0, 0.99999, 0.25 + 0.6 / 32768, -0.25 - 0.6 / 32768, 1.5 / 2**23]])
    write = {"normalize": False, "strategy": "clip", "peak_clip_headroom_db": 0}
    whole, _ = soundfile.read(audio_write(tmp_path / "a", wav, 32_000, format="wav", **write), dtype="int16")
    assert whole.tolist() == [32767, -32768, 32767, 8193, -8193, 0]
    path = audio_write(tmp_path / "a", wav, 32_000, format="flac", **write)
    finer, _ = soundfile.read(path, dtype="int32")
    assert soundfile.info(path).subtype == "PCM_24"
    assert (finer >> 8).tolist() == [8388607, -8388608, 8388524, 2097305, -2097306, 1]


@pytest.mark.parametrize(("rate", "kbps", "expected"), [(32_000, 320, 320), (44_100, 64, 64), (16_000, 320, 160),
                                                        (48_000, 8, 32), (8_000, 16, 16)])  # fmt: skip
def test_mp3_has_the_bit_rate_asked_for_or_the_nearest_that_there_is(tmp_path, rate, kbps, expected):
    path = audio_write(tmp_path / "a", tone(4, rate), rate, format="mp3", mp3_rate=kbps)
    assert path.stat().st_size * 8 / 4000 == pytest.approx(expected, rel=0.08)


def test_minutes_of_ogg_are_written(tmp_path):
    """Given to libvorbis at once, ten minutes end the process."""
    path = audio_write(tmp_path / "a", torch.randn(2, 600 * 48_000) / 9, 48_000, format="ogg", normalize=False)
    assert soundfile.info(path).frames == 600 * 48_000


@pytest.mark.parametrize(
    ("options", "rate", "channels", "line"),
    [
        ({"format": "mp3"}, 96_000, 1, "no sample rate of 96000 Hz: resample to one of 8000"),
        ({"format": "mp3"}, 32_000, 3, "mp3 holds at most 2 channels, and there are 3: mix"),
        ({"format": "ogg"}, 32_000, 300, "ogg holds at most 8 channels"),
        ({"format": "ogg", "ogg_rate": 96}, 32_000, 1, "not at 96kbit/s: leave ogg_rate out"),
        ({"format": "flac"}, 10**6, 1, "cannot be written"),
    ],
)
def test_what_cannot_be_written_is_one_line_and_leaves_what_was_there(tmp_path, options, rate, channels, line):
    with pytest.raises(UserError, match=line) as error:
        audio_write(tmp_path / "a", tone(0.1, rate, channels), rate, **options)
    assert "\n" not in str(error.value) and str(tmp_path) in str(error.value)
    assert not [*tmp_path.iterdir()]
