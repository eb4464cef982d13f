"""Excerpts of files at any rate and their sums, files read on block by block, and FLAC written and read back."""

import resource
import struct

import numpy as np
import pytest
import soundfile
import soxr

from dataset_builder.audio import reading
from dataset_builder.audio.activity import frame_rms
from dataset_builder.errors import UserError


@pytest.fixture(scope="module")
def tone(tmp_path_factory):
    """3 s at 44.1 kHz, stereo, the channels different."""
    time = np.arange(3 * 44_100) / 44_100
    wav = np.stack([0.4 * np.sin(2 * np.pi * 440 * time), 0.2 * np.sin(2 * np.pi * 600 * time)], axis=1)
    path = tmp_path_factory.mktemp("audio") / "tone.flac"
    soundfile.write(path, wav, 44_100)
    return path


def test_info(tone):
    found = reading.info(tone)
    assert (found.sample_rate, found.frames, found.channels, found.duration) == (44_100, 132_300, 2, 3.0)


@pytest.mark.parametrize("rate", [16_000, 22_050, 32_000, 44_100, 48_000])
@pytest.mark.parametrize("start", [0.0, 0.32, 1.2345, 2.0])
def test_an_excerpt_is_the_part_of_the_whole_file_resampled(tone, rate, start):
    wav, _ = soundfile.read(tone, dtype="float32")
    whole = soxr.resample(wav.mean(axis=1), 44_100, rate)
    excerpt = reading.read(tone, start, 0.9, rate)
    first = round(start * rate)
    assert excerpt.dtype == np.float32 and len(excerpt) == round(0.9 * rate)
    # Its start is rounded to a sample of the file, so between samples of the two rates it may be off by half of one.
    exact = start * 44_100 == round(start * 44_100)
    assert np.abs(excerpt - whole[first : first + len(excerpt)]).max() < (1e-3 if exact else 0.03)


def test_past_the_end_there_is_silence(tone):
    wav = reading.read(tone, 2.5, 1.0, 16_000)
    assert len(wav) == 16_000 and np.abs(wav[:7_900]).max() > 0.2 and not np.abs(wav[8_100:]).any()
    assert not reading.read(tone, 9.0, 1.0, 16_000).any()


def test_written_flac_is_read_back_and_deterministic(tmp_path):
    wav = np.random.default_rng(0).uniform(-0.5, 0.5, 4000).astype(np.float32)
    for name in "ab":
        reading.write_flac(tmp_path / f"{name}.flac", reading.to_16_bit(wav), 16_000)
    assert (tmp_path / "a.flac").read_bytes() == (tmp_path / "b.flac").read_bytes()
    assert np.abs(reading.read(tmp_path / "a.flac") - wav).max() <= 2**-15


@pytest.mark.parametrize("content", [b"", b"this is no audio"])
def test_what_is_not_audio_is_refused(tmp_path, content):
    path = tmp_path / "x.flac"
    path.write_bytes(content)
    for read in (reading.info, reading.read):
        with pytest.raises(UserError, match=r"x\.flac cannot be read as audio"):
            read(path)


def test_a_file_that_breaks_off_is_refused(tmp_path, tone):
    path = tmp_path / "cut.flac"
    path.write_bytes(tone.read_bytes()[:50_000])
    with pytest.raises(UserError, match=r"cut\.flac cannot be read"):
        reading.read(path)


@pytest.fixture(scope="module")
def parts(tone):
    """The tone and a shorter one at another rate, with gains."""
    low = tone.with_name("low.flac")
    soundfile.write(low, 0.3 * np.sin(2 * np.pi * 200 * np.arange(2 * 22_050) / 22_050), 22_050)
    return [(tone, 1.0), (low, 0.5), (tone, 0.25)]


@pytest.mark.parametrize("rate", [22_050, 32_000, 44_100])
@pytest.mark.parametrize("start", [0.0, 0.6, 1.7])
def test_a_sum_is_that_of_its_files(parts, rate, start):
    together = reading.read_sum(parts, start, 0.9, rate)
    apart = sum(np.float32(gain) * reading.read(path, start, 0.9, rate) for path, gain in parts)
    assert together.dtype == np.float32 and len(together) == round(0.9 * rate)
    assert np.abs(together - apart).max() < 1e-5


def test_only_the_excerpt_is_decoded(parts, monkeypatch):
    read, decoded = soundfile.SoundFile.read, []

    def counted(self, frames=-1, *args, **options):
        decoded.append(frames / self.samplerate)
        return read(self, frames, *args, **options)

    monkeypatch.setattr(soundfile.SoundFile, "read", counted)
    reading.read_sum(parts, 0.5, 1.0, 32_000)
    assert len(decoded) == 3 and max(decoded) < 1.05  # the rest is for the resampler's edges


def test_a_reader_reads_on_block_by_block(tone):
    whole = reading.read(tone)
    with reading.Reader(tone, 44_100) as reader:
        blocks = [reader.read(50_000) for _ in range(4)]
    np.testing.assert_array_equal(np.concatenate(blocks)[: len(whole)], whole)
    assert not np.concatenate(blocks)[len(whole) :].any()


def test_16_bit_samples_survive_reading_and_writing_exactly(tmp_path):
    samples = np.random.default_rng(0).integers(-(2**15), 2**15, 5000).astype(np.int16)
    soundfile.write(tmp_path / "a.flac", samples, 16_000)
    reading.write_flac(tmp_path / "b.flac", reading.to_16_bit(reading.read(tmp_path / "a.flac")), 16_000)
    np.testing.assert_array_equal(soundfile.read(tmp_path / "b.flac", dtype="int16")[0], samples)


def wav_of(path, rate):
    form = struct.pack("<HHIIHH", 1, 1, rate, min(rate * 2, 2**32 - 1), 2, 16)
    header = b"RIFF" + struct.pack("<I", 1036) + b"WAVEfmt " + struct.pack("<I", 16) + form + b"data"
    path.write_bytes(header + struct.pack("<I", 1000) + bytes(1000))


def flac_of(path, rate):
    soundfile.write(path, np.full(7000, 0.1), rate, format="FLAC")


@pytest.mark.parametrize(
    ("make", "rate"),
    [(wav_of, 1), (wav_of, 999), (wav_of, 768_001), (wav_of, 2**31 - 1), (flac_of, 1), (flac_of, 999)],
)
def test_a_header_that_no_recording_has_is_refused_before_decoding(tmp_path, make, rate, monkeypatch):
    path = tmp_path / "x"
    make(path, rate)
    monkeypatch.setattr(soundfile.SoundFile, "read", lambda *_, **__: pytest.fail("it is decoded"))
    monkeypatch.setattr(np, "zeros", lambda *_, **__: pytest.fail("room is made for it"))
    for read in (
        reading.info, reading.read, lambda path: reading.Reader(path, 32_000),
        lambda path: reading.read_sum([(path, 1.0)], 0.0, 30.0, 32_000), frame_rms,
    ):  # fmt: skip
        with pytest.raises(UserError, match=f"its header says {rate} Hz, expected 1000 to 768000"):
            read(path)


def test_no_more_is_read_than_memory_holds(tone):
    """Silence past the end would fill it, too."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(UserError, match=r"tone\.flac: 1440 minutes at 44100 Hz are too many .*, expected at most 101"):
        reading.read(tone, 0.0, 86_400.0, 16_000)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 1 << 16, "kilobytes"
