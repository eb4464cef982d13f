"""Tempo, beats, key and levels: right about sounds that are known at any rate, equal to other implementations."""

import itertools
from pathlib import Path

import librosa
import mir_eval
import numpy as np
import pytest
import soxr
from scipy.signal import butter, lfilter, sosfiltfilt
from support.played import notes_of, play

from dataset_builder.audio.loudness import integrated_loudness
from dataset_builder.music.key import NAMES
from orchestrator_solver.metrics.clips import Clips
from orchestrator_solver.metrics.form.beats import beat_f1, beats_of
from orchestrator_solver.metrics.form.key import key_score
from orchestrator_solver.metrics.form.tempo import tempo_of
from orchestrator_solver.metrics.registry import build_metrics

NAMES_OF_FORM = (
    "tempo_agreement",
    "tempo_agreement_exact",
    "key_agreement",
    "beat_f1",
    "loudness",
    "silence",
    "clipping",
)
RATES = (16_000, 32_000, 44_100)


def clips(generated, references, rate: int) -> Clips:
    count = len(generated)
    return Clips(generated, references, references, [["violin"]] * count, [""] * count, rate)


def clicks(bpm: float, rate: int, seconds: float = 8.0) -> np.ndarray:
    """Bursts of noise, a beat each."""
    rng, wav = np.random.default_rng(0), np.zeros(round(seconds * rate), np.float32)
    burst = rng.standard_normal(rate // 10) * np.exp(-np.arange(rate // 10) / (0.015 * rate))
    for begin in np.arange(0.1, seconds - 0.2, 60 / bpm):
        place = round(begin * rate)
        wav[place : place + len(burst)] += 0.2 * burst[: len(wav) - place].astype(np.float32)
    return wav


@pytest.mark.parametrize("rate", RATES)
def test_tempo_is_within_four_per_cent_or_it_is_not(rate: int) -> None:
    at = {bpm: clicks(bpm, rate) for bpm in (90, 92, 96, 180)}
    batch = clips([at[92], at[96], at[180], at[90]], [at[90]] * 4, rate)
    forgiving, strict = (metric(batch) for metric in build_metrics(NAMES_OF_FORM[:2]).values())
    assert forgiving.tolist() == [1, 0, 1, 1] and strict[[0, 1, 3]].tolist() == [1, 0, 1]


def test_octaves_are_forgiven_by_one_and_not_by_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """On beats that are given, since the tracker itself likes some tempi better than others."""
    monkeypatch.setattr(
        "orchestrator_solver.metrics.form.tempo.beats_of_all",
        lambda wavs, rate: [np.arange(9) * 60 / bpm for (bpm,) in wavs],
    )
    batch = clips([[50], [200], [33.5], [290], [150], [103.9], [104.1]], [[100.0]] * 7, 16_000)
    forgiving, strict = (metric(batch) for metric in build_metrics(NAMES_OF_FORM[:2]).values())
    assert forgiving.tolist() == [1, 1, 1, 1, 0, 1, 0] and strict.tolist() == [0, 0, 0, 0, 0, 1, 0]


def test_tempo_is_the_beats_slope() -> None:
    beats = np.arange(12) * 0.53 + 0.2 + np.random.default_rng(0).normal(scale=0.01, size=12)
    assert tempo_of(beats) == pytest.approx(60 / np.polyfit(np.arange(12), beats, 1)[0])
    assert tempo_of(beats[:2]) is None


@pytest.mark.parametrize(("bpm", "rate"), itertools.product((75, 120, 150), RATES))
def test_beats_are_where_they_are_and_librosas(bpm: int, rate: int) -> None:
    wav = clicks(bpm, rate)
    beats = beats_of(wav, rate)
    truth = np.arange(0.1, 7.8, 60 / bpm)
    assert beat_f1(truth, beats) > 0.8
    _, theirs = librosa.beat.beat_track(y=librosa.resample(wav, orig_sr=rate, target_sr=22_050), units="time")
    assert len(theirs) == len(beats) and np.abs(theirs - beats).max() < 0.024, "one frame of librosa's"


def test_beat_f1_is_that_of_two_shares() -> None:
    wanted, heard = np.array([0.5, 1.0, 1.5, 2.0]), np.array([0.56, 1.08, 1.5])
    assert beat_f1(wanted, heard) == pytest.approx(2 * 2 / (4 + 3)) == mir_eval.beat.f_measure(wanted, heard)
    assert beat_f1(wanted, np.zeros(0)) == 0 and np.isnan(beat_f1(np.zeros(0), heard))


def test_keys_are_scored_by_mirex_weights() -> None:
    """All pairs of the builder's names, by a formula of its own."""
    for wanted, heard in itertools.product(range(24), repeat=2):
        up, modes = (heard - wanted) % 12, (wanted // 12, heard // 12)
        expected = {(0, 0): {0: 1, 7: 0.5}, (1, 1): {0: 1, 7: 0.5}, (0, 1): {9: 0.3, 0: 0.2}, (1, 0): {3: 0.3, 0: 0.2}}
        assert key_score(NAMES[wanted], NAMES[heard]) == expected[modes].get(up, 0)
    assert key_score("C major", None) == 0 and np.isnan(key_score(None, "C major"))


def test_a_take_in_another_key_is_heard(tmp_path: Path) -> None:
    scale = np.array([60, 62, 64, 65, 67, 69, 71, 72, 67, 64, 60, 60, 67, 60])
    in_c, in_e_flat = (play(notes_of(scale + move), tmp_path, 40, 32_000) for move in (0, 3))
    assert build_metrics(["key_agreement"])["key_agreement"](
        clips([in_c, in_e_flat], [in_c, in_c], 32_000)
    ).tolist() == [1, 0]  # fmt: skip


def bs1770(wav: np.ndarray) -> float:
    """Integrated loudness of mono audio at 48 kHz in LUFS, by the filters and the gates that ITU-R BS.1770-4 prints."""
    shelf = [1.53512485958697, -2.69169618940638, 1.19839281085285], [1, -1.69065929318241, 0.73248077421585]
    wav = lfilter([1, -2, 1], [1, -1.99004745483398, 0.99007225036621], lfilter(*shelf, wav))
    power = np.lib.stride_tricks.sliding_window_view(np.square(wav), 19_200)[::4800].mean(axis=1)
    heard = power[power > 10 ** ((-70 + 0.691) / 10)]
    return 10 * np.log10(heard[heard > heard.mean() / 10].mean()) - 0.691


@pytest.mark.parametrize("rate", [16_000, 44_100, 48_000])
def test_loudness_is_that_of_the_standard(rate: int) -> None:
    """On a tone of half the level, and on noise that grows."""
    metric = build_metrics(["loudness"])["loudness"]
    tone = np.sin(np.arange(5 * rate) / rate * 2 * np.pi * 997).astype(np.float32)
    noise = np.random.default_rng(0).normal(scale=0.1, size=5 * rate) * np.linspace(0.01, 1, 5 * rate)
    noise = sosfiltfilt(butter(8, 6000, fs=rate, output="sos"), noise)  # what is there at all rates
    assert metric(clips([tone * 0.5], [tone], rate)) == pytest.approx(20 * np.log10(2), abs=1e-6)
    theirs = [bs1770(soxr.resample(wav.astype(np.float64), rate, 48_000)) for wav in (noise, tone)]
    assert metric(clips([noise], [tone], rate)) == pytest.approx(abs(theirs[0] - theirs[1]), abs=0.1)
    assert integrated_loudness(tone, rate) == pytest.approx(-3.01, abs=0.1), "a sine of full scale, in one channel"


@pytest.mark.parametrize("rate", RATES)
def test_silence_and_clipping_are_shares(rate: int) -> None:
    rng = np.random.default_rng(0)
    wav = rng.normal(scale=0.1, size=4 * rate + 7).astype(np.float32)
    wav[rate : 2 * rate] *= 1e-3
    wav[::10] = np.sign(wav[::10])
    silence, clipping = (metric(clips([wav], [wav], rate)) for metric in build_metrics(NAMES_OF_FORM[5:]).values())
    length = round(0.05 * rate)
    rms = librosa.feature.rms(y=wav, frame_length=length, hop_length=length, center=False)
    assert silence == np.mean(rms < 1e-3) and clipping == np.mean(np.abs(wav) > 0.9999)
    edge = np.repeat([0.9e-3, 1.1e-3, 0.0, 0.9e-3], rate)
    assert build_metrics(["silence"])["silence"](clips([edge], [edge], rate)) == 0.75
    quiet = np.where(np.arange(4 * rate) < rate, 0, 0.1).astype(np.float32)
    assert build_metrics(["silence"])["silence"](clips([quiet], [quiet], rate)) == pytest.approx(0.25)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", NAMES_OF_FORM)
def test_odd_clips_have_no_score_and_no_warning(name: str, tmp_path: Path) -> None:
    """Silent, empty, of one sample, constant, nearly silent, short: as the take, and as the reference."""
    rate = 16_000
    tune = play(notes_of((60, 64, 67, 72) * 3), tmp_path, 0, rate)
    odd = [np.zeros(3 * rate), np.zeros(0), np.ones(1), np.ones(3 * rate), np.full(3 * rate, 1e-6), tune[:600],
           np.random.default_rng(0).normal(scale=2e-4, size=3 * rate)]  # fmt: skip
    odd = [wav.astype(np.float32) for wav in odd]
    metric = build_metrics([name])[name]
    takes = metric(clips(odd, [tune] * len(odd), rate))
    references = metric(clips([tune] * len(odd), odd, rate))
    assert takes.dtype == references.dtype == np.float64 and takes.shape == (len(odd),)
    if name in ("silence", "clipping"):
        assert np.isnan(takes).tolist() == [False, True, name == "silence", False, False, name == "silence", False]
    elif name == "loudness":
        assert np.isnan(takes[:3]).all() and np.isnan(references[:3]).all()
    else:
        assert (takes[:3] == 0).all() and np.isnan(references[:3]).all()


@pytest.mark.parametrize("name", NAMES_OF_FORM)
def test_neighbours_change_nothing(name: str, tmp_path: Path) -> None:
    rate = 22_050
    wavs = [clicks(100, rate), play(notes_of((60, 64, 67, 72) * 3), tmp_path, 0, rate), clicks(110, rate, 3.0)]
    metric = build_metrics([name])[name]
    together = metric(clips(wavs, wavs[::-1], rate))
    alone = [metric(clips([one], [other], rate))[0] for one, other in zip(wavs, wavs[::-1], strict=True)]
    assert np.array_equal(together, alone, equal_nan=True)
    assert metric(clips([], [], rate)).shape == (0,)
