"""A track's files are decoded once: excerpts from what the loudness decoded have the bits of excerpts from disk."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from dataset_builder.audio import reading
from dataset_builder.audio.activity import frame_rms
from dataset_builder.audio.track_audio import TrackAudio
from dataset_builder.errors import UserError

RATE, SECONDS = 22_050, 24
# Name, rate in Hz, channels, subtype. The last is lossy.
FORMATS = (
    ("stem.flac", RATE, 1, "PCM_16"), ("other.wav", 16_000, 1, "PCM_16"), ("stereo.wav", RATE, 2, "PCM_16"),
    ("deep.flac", RATE, 3, "PCM_24"), ("float.wav", RATE, 1, "FLOAT"), ("lossy.ogg", RATE, 1, "VORBIS"),
)  # fmt: skip


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """A file of noise of each format, longer than what is decoded at a time."""
    rng = np.random.default_rng(0)
    for name, rate, channels, subtype in FORMATS:
        wav = 0.2 * rng.standard_normal((SECONDS * rate, channels))
        soundfile.write(tmp_path / name, wav, rate, subtype=subtype)
    return [tmp_path / name for name, *_ in FORMATS]


def decoded(files: list[Path], most: int) -> TrackAudio:
    audio = TrackAudio(most)
    for path in files:
        audio.frames(path)
    return audio


@pytest.mark.parametrize("rate", [16_000, RATE])
@pytest.mark.parametrize("start", [-0.5, 0.0, 3.3, 19.9, 22.5, 30.0])
def test_excerpts_have_the_bits_of_excerpts_from_disk(files: list[Path], rate: int, start: float) -> None:
    audio = decoded(files, 1 << 30)
    for parts in ([(path, 1.0)] for path in files):
        expected = reading.read_sum(parts, start, 2.5, rate)
        assert audio.read_sum(parts, start, 2.5, rate).tobytes() == expected.tobytes()
    everything = [(path, gain) for path, gain in zip(files, (1.0, 0.3, 1.0, 0.7, 1.0, 0.5), strict=True)]
    expected = reading.read_sum(everything, start, 2.5, rate)
    assert audio.read_sum(everything, start, 2.5, rate).tobytes() == expected.tobytes()


def test_loudness_is_that_of_the_file(files: list[Path]) -> None:
    for path in files:
        for most in (0, 1 << 30):
            found, expected = TrackAudio(most).frames(path), frame_rms(path)
            np.testing.assert_array_equal(found.rms, expected.rms)
            assert (found.duration, found.sample_rate) == (expected.duration, expected.sample_rate)


def test_what_was_decoded_is_not_read_again(files: list[Path]) -> None:
    audio = decoded(files, 1 << 30)
    for path in files:
        path.unlink()
    for path in files[:-1]:
        assert audio.read_sum([(path, 1.0)], 1.0, 1.0, RATE).any()
    with pytest.raises(UserError, match=r"lossy\.ogg cannot be read"):  # a codec's samples depend on where it begins
        audio.read_sum([(files[-1], 1.0)], 1.0, 1.0, RATE)


def test_no_more_is_kept_than_there_is_room_for(files: list[Path]) -> None:
    """16-bit samples of one channel take two bytes each."""
    stem, other, *_ = files
    for most, kept in ((0, ()), (2 * SECONDS * RATE, (stem,)), (2 * SECONDS * (RATE + 16_000), (stem, other))):
        audio = decoded([stem, other], most)
        for path in (stem, other):
            moved = path.rename(path.with_suffix(".moved"))
            if path in kept:
                assert audio.read_sum([(path, 1.0)], 0.0, 1.0, RATE).any()
            else:
                with pytest.raises(UserError, match="cannot be read"):
                    audio.read_sum([(path, 1.0)], 0.0, 1.0, RATE)
            moved.rename(path)
