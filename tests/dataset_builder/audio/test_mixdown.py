"""Sums of stems as files: exact, the same whatever else is written, never too loud, whole or not there at all."""

import numpy as np
import pytest
import soundfile

from dataset_builder.audio import reading
from dataset_builder.audio.mixdown import Sum, write_sums
from dataset_builder.errors import UserError

RATE = 8000
LONG, SHORT = 14, 7  # seconds: files are read and written 6 s at a time


@pytest.fixture
def stems(tmp_path):
    """Three 16-bit files, two long ones and a short one: paths and samples."""
    rng, found = np.random.default_rng(0), []
    for index, seconds in enumerate((LONG, LONG, SHORT)):
        samples = rng.integers(-12_000, 12_000, seconds * RATE).astype(np.int16)
        soundfile.write(tmp_path / f"{index}.flac", samples, RATE)
        found.append((tmp_path / f"{index}.flac", samples))
    return found


def written(path):
    return soundfile.read(path, dtype="int16")[0]


def test_sums_of_16_bit_stems_are_exact(stems, tmp_path):
    (a, first), (b, second), (c, third) = stems
    write_sums(
        [
            Sum(tmp_path / "ab.flac", ((a, 1.0), (b, 1.0)), LONG * RATE),
            Sum(tmp_path / "ac.flac", ((a, 1.0), (c, 0.5)), LONG * RATE + 5),
            Sum(tmp_path / "c.flac", ((c, 1.0),), SHORT * RATE - 7),
        ],
        RATE,
    )
    np.testing.assert_array_equal(written(tmp_path / "ab.flac"), first + second)
    expected = np.pad(first + 0.5 * np.pad(third, (0, (LONG - SHORT) * RATE)), (0, 5))
    assert np.abs(written(tmp_path / "ac.flac") - expected).max() <= 0.5
    np.testing.assert_array_equal(written(tmp_path / "c.flac"), third[: SHORT * RATE - 7])


def test_the_bytes_do_not_depend_on_what_else_is_written(stems, tmp_path):
    (a, _), (b, _), _ = stems
    pair = ((a, 1.0), (b, 1.0))
    write_sums([Sum(tmp_path / "alone.flac", pair, LONG * RATE)], RATE)
    write_sums([Sum(tmp_path / "x.flac", ((b, 1.0),), RATE), Sum(tmp_path / "beside.flac", pair, LONG * RATE)], RATE)
    assert (tmp_path / "alone.flac").read_bytes() == (tmp_path / "beside.flac").read_bytes()


def test_a_sum_too_loud_for_a_file_is_turned_down_alone(stems, tmp_path):
    (a, first), (b, second), _ = stems
    write_sums(
        [
            Sum(tmp_path / "loud.flac", ((a, 2.0), (b, 2.0)), LONG * RATE),
            Sum(tmp_path / "a.flac", ((a, 1.0),), LONG * RATE),
        ],
        RATE,
    )
    total = 2.0 * first + 2.0 * second
    assert np.abs(written(tmp_path / "loud.flac") - total * 2**15 / np.abs(total).max()).max() <= 1.0
    np.testing.assert_array_equal(written(tmp_path / "a.flac"), first)


def test_stems_of_another_rate_are_resampled_as_excerpts_are(stems, tmp_path):
    write_sums([Sum(tmp_path / "a.flac", ((stems[0][0], 1.0),), 2 * LONG * RATE)], 2 * RATE)
    expected = reading.read(stems[0][0], sample_rate=2 * RATE)
    assert np.abs(reading.read(tmp_path / "a.flac") - expected).max() < 2e-3


def test_nothing_is_written_if_a_stem_cannot_be_read(stems, tmp_path):
    broken = tmp_path / "broken.flac"
    broken.write_bytes(stems[0][0].read_bytes()[:9000])
    for part in (broken, tmp_path / "none.flac"):
        with pytest.raises(UserError, match="cannot be read as audio"):
            write_sums([Sum(tmp_path / "out.flac", ((stems[0][0], 1.0), (part, 1.0)), LONG * RATE)], RATE)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0.flac", "1.flac", "2.flac", "broken.flac"]
