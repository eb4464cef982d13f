"""The transcriber: basic-pitch's own posteriors and notes, right about music that is known, and damage is refused."""

import subprocess
import sys
import textwrap
import zipfile
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
import torch
from support.played import notes_of, play

from dataset_builder.errors import UserError
from dataset_builder.nano.arrangement import track_name
from dataset_builder.nano.corpus import NanoSettings, render, select
from orchestrator_solver.metrics.transcription import convert
from orchestrator_solver.metrics.transcription.decoding import decode
from orchestrator_solver.metrics.transcription.melody import matches
from orchestrator_solver.metrics.transcription.network import SAMPLE_RATE, WINDOW
from orchestrator_solver.metrics.transcription.transcriber import WEIGHTS, Transcriber, frame_times

MELODY = (60, 62, 64, 65, 67, 69, 71, 72, 71, 67, 64, 60)


@pytest.fixture(scope="module")
def ear() -> Transcriber:
    return Transcriber.load()


def test_a_fixed_sound_gives_the_numbers_of_the_packages_network(ear: Transcriber) -> None:
    """As onnxruntime 1.32 computes them from basic-pitch 0.4.0's nmp.onnx."""
    time = np.arange(WINDOW) / SAMPLE_RATE
    tones = 440 * 2 ** ((np.array([60, 64, 67, 72, 71, 67, 62, 59])[(time * 4).astype(int)] - 69) / 12)
    wav = np.sin(2 * np.pi * tones * time) * np.exp(-3 * (time * 4 % 1)) * 0.3 + np.sin(2 * np.pi * 131 * time) * 0.1
    with torch.inference_mode():
        onsets, notes, contours = ear.net(torch.from_numpy(wav.astype(np.float32))[None])
    means = [posterior.mean().item() for posterior in (onsets, notes, contours)]
    assert means == pytest.approx([0.097141, 0.107997, 0.102076], abs=1e-5)
    found = notes[0, [30, 30, 50, 70, 100], [39, 43, 46, 51, 27]], onsets[0, [21, 43, 65, 43], [43, 46, 51, 27]]
    assert found[0].numpy() == pytest.approx([0.09801, 0.56121, 0.54362, 0.61034, 0.23123], abs=1e-4)
    assert found[1].numpy() == pytest.approx([0.69122, 0.60487, 0.57249, 0.53406], abs=1e-4)


@pytest.mark.parametrize(("rate", "program"), [(16_000, 0), (32_000, 73), (44_100, 40)])
def test_notes_that_are_played_are_heard_when_they_begin(ear, tmp_path: Path, rate: int, program: int) -> None:
    played = notes_of(MELODY)
    (heard,) = ear.notes([play(played, tmp_path, program, rate)], rate)
    assert matches(played, heard) >= 11
    late = [np.abs(heard.onsets[heard.pitches == pitch] - onset).min()
            for onset, pitch in zip(played.onsets, played.pitches, strict=True) if pitch in heard.pitches]  # fmt: skip
    assert np.median(late) < 0.05 and len(late) >= 11
    assert (heard.offsets > heard.onsets).all() and (np.diff(heard.onsets) >= 0).all()


def test_times_are_those_of_the_windows_at_any_length() -> None:
    for samples in (1, 255, 256, 36_164, 36_165, 200_000):
        times = frame_times(samples)
        assert times[0] == 0 and times[-1] * SAMPLE_RATE < samples and (np.diff(times) > 0).all()
        assert np.abs(times - np.arange(len(times)) * 256 / SAMPLE_RATE).max() < 0.011 * (1 + samples / 36_164)


def test_a_late_note_is_heard_when_it_begins(ear: Transcriber, tmp_path: Path) -> None:
    """Where the windows' frames do not lie on one grid: 30 s in, by then 0.16 s behind it."""
    played = notes_of([72, 76], begin=30.0)
    (heard,) = ear.notes([play(played, tmp_path, seconds=32.0)], SAMPLE_RATE)
    assert heard.onsets[:1] == pytest.approx(30.0, abs=0.03)


def test_neighbours_change_nothing(ear: Transcriber, tmp_path: Path) -> None:
    long, short = (play(notes_of(MELODY[:count]), tmp_path, seconds=count / 2 + 0.5) for count in (12, 3))
    together, alone = ear.notes([long, short, long[:5000]], SAMPLE_RATE), ear.notes([short], SAMPLE_RATE)[0]
    for field in ("onsets", "offsets", "pitches"):
        assert np.array_equal(getattr(together[1], field), getattr(alone, field))


def test_a_clip_is_heard_once(ear: Transcriber, monkeypatch: pytest.MonkeyPatch) -> None:
    passes: list[np.ndarray] = []

    def counted(self: Transcriber, wav: np.ndarray):
        passes.append(wav)
        return through(self, wav)

    through = Transcriber.posteriors
    monkeypatch.setattr(Transcriber, "posteriors", counted)
    wav = np.random.default_rng(0).normal(scale=0.1, size=30_000).astype(np.float32)
    first, _, again = ear.notes([wav, wav * 0.5, wav.copy()], 16_000)
    assert first is again and len(passes) == 2
    ear.notes([wav], 32_000)
    assert len(passes) == 3, "at another rate it is another sound"
    forgetful = Transcriber(ear.net, remembered=2)
    forgetful.notes([wav, wav * 0.5, wav * 0.25], 16_000)
    assert len(forgetful.heard) == 2


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("wav", [np.zeros(0), np.zeros(50_000), np.full(8000, 1e-5), np.full(1, 0.5), np.ones(700)])
def test_what_holds_no_note_has_none(ear: Transcriber, wav: np.ndarray) -> None:
    assert [len(heard) for heard in ear.notes([wav, wav], 16_000)] == [0, 0]
    assert ear.notes([], 16_000) == []


def test_decoding_of_hand_made_posteriors() -> None:
    """A note from an onset to a pause; one without an onset; one too short; one with a rest that is short enough."""
    onsets, frames = np.zeros((60, 88)), np.zeros((60, 88))
    frames[5:40, 10] = 0.5
    frames[15:25, 10] = 0.25
    onsets[5, 10] = 0.9
    frames[10:40, 30], onsets[10, 30] = 0.6, 0.9
    frames[20:36, 50] = 0.4
    frames[45:50, 70], onsets[45, 70] = 0.9, 0.9
    found = {(span.begin, span.end, span.pitch) for span in decode(onsets, frames)}
    assert found == {(10, 40, 30), (20, 35, 50), (5, 40, 10)}
    assert decode(onsets[:2], frames[:2]) == [] and decode(onsets * 0, frames * 0) == []


@pytest.mark.parametrize("change", ["missing", "damaged"])
def test_weights_that_are_damaged_or_missing_are_refused(tmp_path: Path, monkeypatch, change: str) -> None:
    monkeypatch.setattr("orchestrator_solver.metrics.transcription.transcriber.WEIGHTS", tmp_path / "weights")
    if change == "damaged":
        (tmp_path / "weights").write_bytes(WEIGHTS.read_bytes()[:-1] + b"\1")
    with pytest.raises(UserError, match="install this project again"):
        Transcriber.load()


@pytest.mark.parametrize("kind", ["nothing", "another version"])
def test_another_package_is_refused_and_nothing_is_written(tmp_path: Path, capsys, kind: str) -> None:
    package = tmp_path / "package"
    if kind != "nothing":
        with zipfile.ZipFile(package, "w") as archive:
            archive.writestr(convert.MODEL, b"other")
    assert convert.main([str(package), "--out", str(tmp_path / "weights")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert str(package) in line and line.endswith("pip download --no-deps basic-pitch==0.4.0")
    assert not (tmp_path / "weights").exists()


@pytest.fixture(scope="module")
def peers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package, and what runs its ONNX file; where they cannot be had, the test is skipped."""
    folder = tmp_path_factory.mktemp("peers")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder)]
    done = subprocess.run(
        [*command, "basic-pitch==0.4.0", "onnxruntime>=1.20", "flatbuffers", "mir_eval", "resampy>=0.4"],
        capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode:
        pytest.skip(f"basic-pitch cannot be had here: {done.stderr.strip().splitlines()[-1]}")
    return folder


@pytest.mark.slow
def test_the_shipped_weights_come_of_the_package_byte_by_byte(peers: Path, tmp_path: Path) -> None:
    assert convert.main([str(peers), "--out", str(tmp_path / "weights")]) == 0
    assert (tmp_path / "weights").read_bytes() == WEIGHTS.read_bytes()


_PEER = """
    import sys
    import numpy as np
    sys.path.append({peers!r})
    from basic_pitch.inference import ICASSP_2022_MODEL_PATH, Model, run_inference
    from basic_pitch.note_creation import output_to_notes_polyphonic
    model = Model(str(ICASSP_2022_MODEL_PATH).removesuffix(".onnx") + ".onnx")
    heard = run_inference({wav!r}, model)
    notes = output_to_notes_polyphonic(
        heard["note"].copy(), heard["onset"].copy(), 0.5, 0.3, 11, True, None, None)
    np.savez({out!r}, notes=[note[:3] for note in notes], **{{name: value for name, value in heard.items()}})
"""


@pytest.mark.slow
def test_posteriors_and_notes_of_real_music_are_the_packages(ear, peers: Path, tmp_path: Path) -> None:
    """A mix and a stem of a work of the corpus, by its network in onnxruntime and by its own decoding."""
    work = next(one for one in select(None) if one.split == "test")
    render(tmp_path, NanoSettings(seconds=15.0), workers=1, progress=False, only={track_name(work, 0)})
    (track,) = (tmp_path / "slakh").glob("*/Track*")
    for path in (track / "mix.flac", sorted((track / "stems").iterdir())[0]):
        wav, rate = soundfile.read(path, dtype="float32")
        wav = soxr.resample(wav, rate, SAMPLE_RATE)
        soundfile.write(tmp_path / "clip.wav", wav, SAMPLE_RATE, subtype="FLOAT")
        code = _PEER.format(peers=str(peers), wav=str(tmp_path / "clip.wav"), out=str(tmp_path / "peer.npz"))
        subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=True, capture_output=True)
        peer, ours = np.load(tmp_path / "peer.npz"), ear.posteriors(wav)
        for name, posterior in zip(("onset", "note", "contour"), ours, strict=True):
            common = min(len(posterior), len(peer[name]))
            assert common > 0.99 * len(peer[name])
            assert np.abs(posterior[:common].numpy() - peer[name][:common]).max() < 1e-4
        spans = decode(peer["onset"], peer["note"])
        assert [(span.begin, span.end, span.pitch + 21) for span in spans] == [tuple(n) for n in peer["notes"]]
        assert len(spans) > 20
