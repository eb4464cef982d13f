"""SIM on sounds whose answer is known, and against formulas written another way."""

import librosa
import numpy as np
import pytest
import torch

from orchestrator_solver.features.chroma import Chroma, window_exponent
from orchestrator_solver.metrics.clips import Clips
from orchestrator_solver.metrics.registry import build_metrics
from orchestrator_solver.metrics.sim import Sim, audiocraft_sim, sim, soft_sim

RATE = 16_000
MELODY = (60, 62, 64, 65, 67, 69, 71, 72)


def melody(notes=MELODY, rate=RATE, seconds=0.5, harmonics=4) -> torch.Tensor:
    """Notes (MIDI numbers, None is a rest) of a few harmonics each: `[1, 1, T]`."""
    time = np.arange(int(seconds * rate)) / rate
    parts = []
    for note in notes:
        frequency = 0 if note is None else 440 * 2 ** ((note - 69) / 12)
        tone = sum(np.sin(2 * np.pi * frequency * k * time) / k**2 for k in range(1, harmonics + 1))
        parts.append(tone * np.minimum(1, np.minimum(time, time[::-1]) / 0.01))
    return torch.tensor(np.concatenate(parts) * 0.2, dtype=torch.float32)[None, None]


def clips_of(generated: list[np.ndarray], references: list[np.ndarray], rate: int) -> Clips:
    count = len(generated)
    return Clips(generated, references, references, [("violin",)] * count, ["violin"] * count, rate)


@pytest.fixture(scope="module")
def chroma() -> Chroma:
    return Chroma(RATE)


def test_hop_is_at_most_64_ms_and_window_four_hops():
    assert {rate: window_exponent(rate) for rate in (16_000, 32_000, 44_100, 48_000)} == {
        16_000: 12, 32_000: 13, 44_100: 13, 48_000: 13,
    }  # fmt: skip
    extractor = Chroma(32_000)
    assert extractor.window == 4 * extractor.hop and extractor.hop / 32_000 <= 0.064


@pytest.mark.parametrize("rate", [16_000, 32_000, 44_100])
def test_classes_are_the_notes_played(rate):
    extractor = Chroma(rate)
    frames = extractor(melody(rate=rate))
    middles = [round((0.25 + 0.5 * n) * rate / extractor.hop) for n in range(len(MELODY))]
    assert frames.classes[0, middles].tolist() == [note % 12 for note in MELODY]
    assert frames.voiced.all()


def test_classes_equal_those_of_librosa(chroma):
    noise = torch.from_numpy(np.random.default_rng(0).normal(size=(1, 1, 2 * RATE)).astype(np.float32))
    theirs = librosa.feature.chroma_stft(
        y=noise[0, 0].numpy(), sr=RATE, n_fft=4096, hop_length=1024, tuning=0, pad_mode="reflect"
    )
    frames = chroma(noise)
    assert (frames.classes[0].numpy() == theirs.argmax(axis=0)).mean() > 0.99


def test_voiced_is_within_40_decibels_of_the_loudest(chroma):
    steps = torch.cat([melody((60,) * 4) * 10 ** (-level / 20) for level in (0, 30, 36, 44, 60)], dim=-1)
    voiced = chroma(steps).voiced[0]
    middles = [round((1 + 2 * n) * RATE / 1024) for n in range(5)]
    assert voiced[middles].tolist() == [True, True, True, False, False]
    assert not chroma(torch.zeros(1, 1, RATE)).voiced.any()
    assert not chroma(torch.full((1, 1, RATE), 1e-5)).voiced.any()


def test_itself_octave_gain_and_sign_agree(chroma):
    reference = melody()
    for same in (reference, melody([n + 12 for n in MELODY]), 0.1 * reference, -reference):
        assert sim(same, reference, chroma).item() > 0.97


def test_a_transposed_melody_disagrees(chroma):
    transposed = torch.cat([melody([n + shift for n in MELODY]) for shift in range(1, 12)])
    assert (sim(transposed, melody().expand(11, -1, -1), chroma) < 0.1).all()


def test_half_of_the_melody_is_half(chroma):
    half = melody([n if n < 66 else n + 1 for n in MELODY])
    assert sim(half, melody(), chroma).item() == pytest.approx(0.5, abs=0.06)


def test_silence_never_scores(chroma):
    in_c, silent = melody((60,) * 8), torch.zeros(1, 1, 4 * RATE)
    assert sim(silent, in_c, chroma).item() == 0  # audiocraft takes silence for a C
    assert audiocraft_sim(silent, in_c, chroma).item() > 0.9
    assert torch.isnan(sim(in_c, silent, chroma)).all()
    assert torch.isnan(sim(silent, silent, chroma)).all()


def test_the_references_rests_do_not_count(chroma):
    reference = melody((60, None, 64, None), seconds=1.5)
    filled = melody((60, 61, 64, 66), seconds=1.5)
    assert sim(filled, reference, chroma).item() > 0.8
    assert audiocraft_sim(filled, reference, chroma).item() < 0.65


def test_drums_are_near_chance(chroma):
    rng = np.random.default_rng(1)
    burst = np.exp(-np.arange(RATE // 4) / 800) * rng.normal(size=RATE // 4)
    drums = torch.tensor(np.tile(burst, 16), dtype=torch.float32)[None, None] * 0.2
    assert sim(drums, melody(), chroma).item() < 0.35


def test_the_longer_is_cut(chroma):
    assert sim(melody(), melody(MELODY[:4]), chroma).item() > 0.95
    assert sim(melody(MELODY[:4]), melody(), chroma).item() > 0.95
    assert 0 <= sim(melody()[..., :100], melody(), chroma).item() <= 1  # shorter than one window


def test_batch_equals_one_by_one(chroma):
    ours = torch.cat([melody(), melody([n + 1 for n in MELODY]), torch.zeros(1, 1, 4 * RATE)])
    theirs = melody().expand(3, -1, -1)
    single = [sim(ours[n : n + 1], theirs[n : n + 1], chroma).item() for n in range(3)]
    assert sim(ours, theirs, chroma).tolist() == single


@pytest.mark.parametrize("rate", [16_000, 32_000, 44_100, 48_000])
@pytest.mark.parametrize("excess", [0, 1, 4_095], ids=["whole frames", "a sample more", "a sample less"])
def test_audiocrafts_sim_is_audiocrafts_metric(rate: int, excess: int) -> None:
    """As its own settings build it: a window of 2^14 at the models' rate. Its number for a batch is the mean here."""
    from audiocraft.metrics import ChromaCosineSimilarityMetric

    rng = np.random.default_rng(rate + excess)
    length = 4_096 * 14 + excess
    tunes = [melody(rng.permutation(MELODY), rate)[0, 0].numpy()[:length] for _ in range(2)]
    noise = rng.normal(scale=0.1, size=length).astype(np.float32)
    rest = np.where(np.arange(length) < length // 2, tunes[0], 0).astype(np.float32)
    generated, references = [tunes[0], noise, rest, noise * 0], [tunes[1], tunes[0], noise, rest]
    ours = build_metrics(["sim_audiocraft"])["sim_audiocraft"](clips_of(generated, references, rate))
    theirs = []
    for chosen in ([0], [1], [2], [3], [0, 1, 2, 3]):
        metric = ChromaCosineSimilarityMetric(sample_rate=rate, n_chroma=12, radix2_exp=14, argmax=True)
        preds, targets = (torch.from_numpy(np.stack([wavs[n] for n in chosen]))[:, None] for wavs in
                          (generated, references))  # fmt: skip
        metric.update(preds, targets, torch.tensor([length] * len(chosen)), torch.tensor([rate] * len(chosen)))
        theirs.append(metric.compute())
    assert [*ours, ours.mean()] == pytest.approx(theirs, abs=1e-6)
    assert len(set(ours)) > 1


def test_audiocrafts_sim_of_clips_shorter_than_its_window() -> None:
    from audiocraft.metrics import ChromaCosineSimilarityMetric

    one, other = melody((60, 67))[0, 0].numpy()[4_000:9_000], melody((67, 60))[0, 0].numpy()[4_000:9_000]
    metric = ChromaCosineSimilarityMetric(sample_rate=RATE, n_chroma=12, radix2_exp=14, argmax=True)
    metric.update(
        torch.from_numpy(one)[None, None],
        torch.from_numpy(other)[None, None],
        torch.tensor([5_000]),
        torch.tensor([RATE]),
    )
    scores = build_metrics(["sim_audiocraft"])["sim_audiocraft"](clips_of([one, one[:0]], [other, other], RATE))
    assert scores[0] == pytest.approx(metric.compute(), abs=1e-6) and np.isnan(scores[1])


def test_voiced_agreement_is_the_cosine_of_one_hot_chroma(chroma):
    """`sim` is audiocraft's cosine of argmax chroma, restricted to voiced frames."""
    generated, reference = melody((60, 62, None, 65)), melody((60, 61, 65, 65))
    ours, theirs = chroma(generated), chroma(reference)
    one_hot = torch.nn.functional.one_hot(ours.classes, 12).double() * ours.voiced[..., None]
    other = torch.nn.functional.one_hot(theirs.classes, 12).double()
    cosine = torch.nn.functional.cosine_similarity(one_hot, other, dim=-1)[theirs.voiced].mean()
    assert sim(generated, reference, chroma).item() == pytest.approx(cosine.item())


def test_soft_sim_forgives_a_chord(chroma):
    chord = (melody((60,) * 4) + 1.1 * melody((64,) * 4)) / 2
    reference = melody((60,) * 4)
    assert sim(chord, reference, chroma).item() < 0.2
    assert 0.4 < soft_sim(chord, reference, chroma).item() < 0.9
    assert soft_sim(reference, reference, chroma).item() == pytest.approx(1)
    assert soft_sim(torch.zeros_like(reference), reference, chroma).item() == 0


def test_clip_metric_scores_against_the_reference():
    tune, other = melody()[0, 0].numpy(), melody([n + 1 for n in MELODY])[0, 0].numpy()
    clips = Clips(
        generated=[tune, tune, tune[:9000]],
        targets=[other, tune, tune],
        references=[tune, other, np.zeros_like(tune)],
        instruments=[("violin",)] * 3,
        prompts=["violin"] * 3,
        sample_rate=RATE,
    )
    scores = Sim()(clips)
    assert scores[0] > 0.97 and scores[1] < 0.1 and np.isnan(scores[2])
