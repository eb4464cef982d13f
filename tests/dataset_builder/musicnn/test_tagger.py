"""The tagger: equal to a plain reading of musicnn's code, and right about sounds whose instrument is known."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import librosa
import numpy as np
import pytest
import safetensors.numpy
import soxr
import tinysoundfont

from dataset_builder.errors import UserError
from dataset_builder.musicnn.tagger import PATCH_SAMPLES, SAMPLE_RATE, TAGS, WEIGHTS, Tagger, check_installed

SOUND_FONT = Path(importlib.util.find_spec("pretty_midi").submodule_search_locations[0]) / "TimGM6mb.sf2"


@pytest.fixture(scope="module")
def tagger() -> Tagger:
    return Tagger.load()


def play(
    program: int, notes: tuple[int, ...], seconds: float = 0.5, total: float = 7.0, drums: bool = False
) -> np.ndarray:
    """`notes` in turn on a General MIDI program: `[T]` at 16 kHz, peak 0.5."""
    synth = tinysoundfont.Synth(samplerate=SAMPLE_RATE)
    font = synth.sfload(str(SOUND_FONT))
    synth.program_select(0, font, 128 if drums else 0, program, drums)
    parts = []
    for turn in range(round(total / seconds)):
        note = notes[turn % len(notes)]
        synth.noteon(0, note, 100)
        frames = np.frombuffer(bytes(synth.generate(round(seconds * SAMPLE_RATE))), np.float32)
        parts.append(frames.reshape(-1, 2).mean(axis=1))
        synth.noteoff(0, note)
    wav = np.concatenate(parts)
    return wav / np.abs(wav).max() * 0.5


@pytest.mark.parametrize(
    ("tags", "program", "notes", "drums"),
    [
        ({"piano"}, 0, (60, 64, 67, 72, 67, 64), False),
        ({"choir", "choral"}, 52, (60, 64, 67, 72, 67, 64), False),
        ({"flute"}, 73, (72, 76, 79, 84), False),
        ({"violin", "strings"}, 48, (60, 64, 67, 72, 67, 64), False),
        ({"guitar"}, 24, (52, 55, 59, 64), False),
        ({"drums", "beat", "beats"}, 0, (36, 42, 38, 42), True),
    ],
)
def test_rendered_instruments_are_tagged_right(tagger, tags, program, notes, drums):
    wav = play(program, notes, seconds=0.25 if drums else 0.5, drums=drums)
    heard = dict(zip(tagger.tags, tagger.mean_probabilities([wav])[0], strict=True))
    instruments = (
        "guitar", "strings", "drums", "piano", "violin", "synth", "harpsichord", "flute", "sitar", "choir", "harp",
        "cello", "choral", "beat", "beats",
    )  # fmt: skip
    assert max(instruments, key=heard.__getitem__) in tags


def test_fixed_noise_gives_the_stored_numbers(tagger):
    noise = np.random.default_rng(2026).normal(scale=0.1, size=6 * SAMPLE_RATE).astype(np.float32)
    probabilities = tagger.probabilities(noise)
    assert probabilities.shape == (2, 50) and probabilities.dtype == np.float32
    stored = {
        "fast": (0.38441, 0.39144), "loud": (0.23114, 0.24269), "techno": (0.19765, 0.21093),
        "harpsichord": (0.09139, 0.11335), "classical": (0.04386, 0.06240), "electronic": (0.05382, 0.05118),
    }  # fmt: skip
    for tag, values in stored.items():
        assert probabilities[:, TAGS.index(tag)] == pytest.approx(values, abs=2e-4)


def test_equals_a_plain_forward_pass_in_numpy(tagger):
    """Layer by layer as musicnn/models.py writes it, batch norm before pooling; its own spectrogram in float32."""
    wav = play(48, (60, 64, 67), total=3.5)
    mel = librosa.feature.melspectrogram(y=wav, sr=SAMPLE_RATE, n_fft=512, hop_length=256, n_mels=96).T
    patch = np.log10(10_000 * mel[:187] + 1)
    assert tagger.probabilities(wav)[0] == pytest.approx(plain_forward(patch), abs=2e-5)


def plain_forward(patch: np.ndarray) -> np.ndarray:
    weights = safetensors.numpy.load_file(WEIGHTS)

    def norm(x, number):
        name = f"batch_normalization_{number}" if number else "batch_normalization"
        scale = weights[f"{name}/gamma"] / np.sqrt(weights[f"{name}/moving_variance"] + 1e-3)
        return (x - weights[f"{name}/moving_mean"]) * scale + weights[f"{name}/beta"]

    def conv(x, number, before, after):  # [T, F] to [T, F', C], kernels [t, f, 1, C]
        name = f"conv2d_{number}" if number else "conv2d"
        kernel = weights[f"{name}/kernel"][:, :, 0]
        x = np.pad(x, ((before, after), (0, 0)))
        out_time, out_frequency = x.shape[0] - kernel.shape[0] + 1, x.shape[1] - kernel.shape[1] + 1
        total = np.zeros((out_time, out_frequency, kernel.shape[2]), np.float32)
        windows = np.lib.stride_tricks.sliding_window_view(x, kernel.shape[1], axis=1)
        for shift in range(kernel.shape[0]):
            total += windows[shift : shift + out_time] @ kernel[shift]
        return norm(np.maximum(total + weights[f"{name}/bias"], 0), number + 1)

    x = norm(patch, 0)
    front = [conv(x, 0, 3, 3), conv(x, 1, 3, 3), conv(x, 2, 63, 64), conv(x, 3, 31, 32), conv(x, 4, 15, 16)]
    features = [np.concatenate([part.max(axis=1) for part in front], axis=1)]
    for number in (5, 6, 7):
        hidden = conv(features[-1], number, 3, 3)[:, 0]
        features.append(hidden if number == 5 else hidden + features[-1])
    stacked = np.concatenate(features, axis=1)
    pooled = norm(np.stack([stacked.max(axis=0), stacked.mean(axis=0)], axis=1).ravel(), 9)
    hidden = norm(np.maximum(pooled @ weights["dense/kernel"] + weights["dense/bias"], 0), 10)
    return 1 / (1 + np.exp(-(hidden @ weights["dense_1/kernel"] + weights["dense_1/bias"])))


def test_batch_equals_one_by_one(tagger):
    clips = [play(0, (60, 67), total=seconds) for seconds in (1.0, 3.5, 6.5)]
    single = np.stack([tagger.probabilities(clip).mean(axis=0) for clip in clips])
    assert tagger.mean_probabilities(clips) == pytest.approx(single, abs=1e-6)
    assert tagger.mean_probabilities([]).shape == (0, 50)


def test_short_audio_is_repeated(tagger):
    second = play(0, (60, 64), total=1.0)
    repeated = np.tile(second, 3)[:PATCH_SAMPLES]
    assert np.array_equal(tagger.probabilities(second), tagger.probabilities(repeated))
    assert tagger.probabilities(np.full(1, 0.1, np.float32)).shape == (1, 50)


@pytest.mark.parametrize("bad", [[], [0.0, np.nan], [0.0, np.inf], [[0.0, 0.0]]])
def test_audio_that_cannot_be_tagged_is_refused(tagger, bad):
    with pytest.raises(UserError, match="cannot tag audio"):
        tagger.probabilities(np.array(bad, np.float32))


def test_silence_is_finite(tagger):
    assert np.isfinite(tagger.probabilities(np.zeros(SAMPLE_RATE, np.float32))).all()


def test_hears_the_same_at_half_the_level_roughly(tagger):
    wav = play(0, (60, 64, 67, 72))
    loud, soft = tagger.mean_probabilities([wav, 0.5 * wav])
    assert loud[TAGS.index("piano")] > 0.5 and soft[TAGS.index("piano")] > 0.5


def test_resampled_audio_gives_the_same_tags(tagger):
    wav = play(0, (60, 64, 67, 72))
    there_and_back = soxr.resample(soxr.resample(wav, SAMPLE_RATE, 44_100), 44_100, SAMPLE_RATE)
    assert np.abs(tagger.mean_probabilities([wav]) - tagger.mean_probabilities([there_and_back])).max() < 0.05


def test_weights_that_are_damaged_or_missing_are_refused(monkeypatch, tmp_path):
    content = bytearray(WEIGHTS.read_bytes())
    content[1_000_000] ^= 1
    monkeypatch.setattr("dataset_builder.musicnn.tagger.WEIGHTS", tmp_path / "weights")
    for use in (Tagger.load, check_installed):
        (tmp_path / "weights").write_bytes(content)
        with pytest.raises(UserError, match="or damaged: install this project again"):
            use()
        (tmp_path / "weights").unlink()
        with pytest.raises(UserError, match="is missing: install this project again"):
            use()


def test_importing_needs_neither_torch_nor_the_reader_of_tensorflows_files():
    unwanted = ("torch", "tensorflow", "musicnn", "dataset_builder.musicnn.tensor_bundle")
    module = "dataset_builder.descriptor.captions.musicnn_captioner"
    code = f"import sys, {module}; print([name for name in {unwanted} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
