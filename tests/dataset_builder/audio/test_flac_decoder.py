"""dr_flac gives libsndfile's samples, and what it keeps to itself is noticed."""

import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

from dataset_builder.audio import flac_decoder, reading
from dataset_builder.audio.activity import frame_rms
from dataset_builder.errors import UserError

RATE, SECONDS = 22_050, 12


@pytest.fixture(scope="module")
def song(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of noise that swells, with silence at its end."""
    path = tmp_path_factory.mktemp("flac") / "song.flac"
    rng = np.random.default_rng(0)
    wav = 0.2 * rng.standard_normal(SECONDS * RATE) * np.sin(np.arange(SECONDS * RATE) / 9000) ** 2
    wav[-RATE:] = 0
    soundfile.write(path, wav, RATE, subtype="PCM_16")
    return path


def damaged(song: Path, folder: Path, seed: int) -> tuple[Path, float]:
    """A copy in which one bit is changed, and about when, in seconds."""
    rng = np.random.default_rng(seed)
    data = bytearray(song.read_bytes())
    at = int(rng.integers(len(data) // 10, len(data) * 8 // 10))
    data[at] ^= 1 << int(rng.integers(8))
    path = folder / f"{seed}.flac"
    path.write_bytes(data)
    return path, at / len(data) * (SECONDS - 1)


@pytest.mark.parametrize("start", [0.0, 0.011, 3.3, 7.77, 10.5])
def test_samples_are_libsndfiles(song: Path, start: float) -> None:
    whole = soundfile.read(song, dtype="float32")[0]
    first = round(start * RATE)
    np.testing.assert_array_equal(reading.read(song, start, 1.5, RATE), whole[first : first + round(1.5 * RATE)])
    blocks = list(flac_decoder.blocks(song, RATE, 5000, first))
    np.testing.assert_array_equal(np.concatenate(blocks) / np.float32(1 << 15), whole[first:])


@pytest.mark.parametrize("cores", [1, 3])
def test_sums_do_not_depend_on_cores_or_decoder(
    song: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cores: int
) -> None:
    """Also of files of other rates, depths and channels, with gains."""
    rng = np.random.default_rng(1)
    soundfile.write(tmp_path / "deep.flac", 0.1 * rng.standard_normal((RATE * 5, 2)), RATE, subtype="PCM_24")
    soundfile.write(tmp_path / "other.flac", 0.1 * rng.standard_normal(16_000 * 5), 16_000)
    parts = [(song, 0.7), (tmp_path / "deep.flac", 1.0), (tmp_path / "other.flac", 0.3), (song, 1.0)]
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 1}, raising=False)
    expected = reading.read_sum(parts, 3.0, 2.5, 32_000)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(cores)), raising=False)
    monkeypatch.setattr(flac_decoder, "is_plain", lambda file: False)
    np.testing.assert_array_equal(reading.read_sum(parts, 3.0, 2.5, 32_000), expected)
    assert len(expected) == 80_000 and np.abs(expected).max() > 0.1


@pytest.mark.parametrize("seed", range(12))
def test_one_changed_bit_is_noticed(song: Path, tmp_path: Path, seed: int) -> None:
    """By a build, which decodes all of it, and by an excerpt that goes over it, also if silence follows."""
    path, about = damaged(song, tmp_path, seed)
    with pytest.raises(UserError, match="cannot be read as audio"):
        frame_rms(path)
    for end in (about + 2, SECONDS):
        with pytest.raises(UserError, match="cannot be read as audio"):
            reading.read(path, max(0.0, about - 2), end - max(0.0, about - 2), RATE)


def test_a_file_that_is_cut_off_is_noticed(song: Path, tmp_path: Path) -> None:
    (tmp_path / "half.flac").write_bytes(song.read_bytes()[: song.stat().st_size // 2])
    for start in (4.0, 9.0):
        with pytest.raises(UserError, match="cannot be read as audio"):
            reading.read(tmp_path / "half.flac", start, 2.9, RATE)
    with pytest.raises(UserError, match="samples that its header promises"):
        frame_rms(tmp_path / "half.flac")
