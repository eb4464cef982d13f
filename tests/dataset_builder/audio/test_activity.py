"""When a file sounds: its loudness frame by frame, the spans in which it is loud enough, and files that are refused."""

import numpy as np
import pytest
import soundfile

from dataset_builder.audio.activity import FRAME, frame_rms, spans_of
from dataset_builder.errors import UserError


def test_rms_of_frames(tmp_path):
    wav = np.concatenate([np.zeros(8000), 0.5 * np.ones(8000)])
    soundfile.write(tmp_path / "a.wav", np.stack([wav, wav], axis=1), 16_000)
    frames = frame_rms(tmp_path / "a.wav")
    assert frames.duration == 1.0 and frames.sample_rate == 16_000
    np.testing.assert_allclose(frames.rms, [0.0] * 10 + [0.5] * 10, atol=1e-4)


@pytest.mark.parametrize("channels", [1, 2])
def test_a_long_file_is_read_in_blocks_and_none_is_lost(tmp_path, channels):
    """45 s are more than two blocks, and no whole number of frames."""
    samples = np.random.default_rng(0).integers(-16_000, 16_000, (8000 * 45 + 123, channels)).astype(np.int16)
    soundfile.write(tmp_path / "a.flac", samples, 8000)
    size = round(FRAME * 8000)
    mono = np.pad(samples.mean(axis=1) / 2**15, (0, -len(samples) % size)).reshape(-1, size)
    np.testing.assert_allclose(frame_rms(tmp_path / "a.flac").rms, np.sqrt((mono**2).mean(axis=1)), rtol=1e-12)


def test_every_block_is_handed_on_as_it_was_decoded(tmp_path):
    samples = np.random.default_rng(0).integers(-16_000, 16_000, (8000 * 45, 2)).astype(np.int16)
    soundfile.write(tmp_path / "a.flac", samples, 8000)
    blocks = []
    frame_rms(tmp_path / "a.flac", keep=lambda file, block: blocks.append(block.copy()))
    np.testing.assert_array_equal(np.concatenate(blocks), samples)


def rms_of(*pieces):
    """Frames of (seconds, level)."""
    return np.concatenate([np.full(round(seconds / FRAME), level) for seconds, level in pieces])


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        ([(1, 0.1), (0.2, 0), (1, 0.1)], ((0.0, 2.2),)),  # a short pause is bridged
        ([(1, 0.1), (0.5, 0), (1, 0.1)], ((0.0, 1.0), (1.5, 2.5))),
        ([(1, 0), (1, 0.1), (1, 0.0005)], ((1.0, 2.0),)),  # more than 40 dB below the loudest
        ([(1, 0.002)], ()),  # below -50 dBFS
        ([(1, 0.0)], ()),
        ([(1, 0.2), (1, 0.01)], ((0.0, 2.0),)),
    ],
)
def test_spans(pieces, expected):
    seconds = sum(piece[0] for piece in pieces)
    assert spans_of(rms_of(*pieces), seconds) == expected


def test_a_span_ends_with_the_file():
    assert spans_of(rms_of((1, 0.1)), 0.97) == ((0.0, 0.97),)


def test_bad_audio_is_refused(tmp_path):
    soundfile.write(tmp_path / "nan.wav", np.full(800, np.nan), 8000, subtype="FLOAT")
    soundfile.write(tmp_path / "zero.wav", np.zeros(0), 8000)
    soundfile.write(tmp_path / "whole.flac", np.random.default_rng(0).uniform(-0.5, 0.5, 80_000), 8000)
    (tmp_path / "cut.flac").write_bytes((tmp_path / "whole.flac").read_bytes()[:40_000])
    (tmp_path / "text.flac").write_text("hello")
    for name, reason in (("nan.wav", "not finite"), ("zero.wav", "no audio"), ("cut.flac", "cannot be read"),
                         ("text.flac", "cannot be read"), ("none.flac", "cannot be read")):  # fmt: skip
        with pytest.raises(UserError, match=reason):
            frame_rms(tmp_path / name)
