"""What the command makes of takes: the best of several, parts and their mix, notes, a mix with the tune, stretches."""

import json
from pathlib import Path

import numpy as np
import pretty_midi
import pytest
import soundfile
from support.echo_model import RATE, EchoModel

from dataset_builder.audio.loudness import integrated_loudness
from orchestrator_solver import cli
from orchestrator_solver.generation.orchestrate import warnings_of
from orchestrator_solver.generation.reference_audio import ReferenceAudio
from orchestrator_solver.generation.request import Request

TUNE = np.concatenate([0.3 * np.sin(2 * np.pi * hertz * np.arange(RATE) / RATE) for hertz in (262, 330, 392, 440)])


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> EchoModel:
    echo = EchoModel(noise=0.05)
    monkeypatch.setattr("orchestrator_solver.generation.model.load_model", lambda name, where: echo)
    return echo


@pytest.fixture
def song(tmp_path: Path) -> Path:
    soundfile.write(tmp_path / "song.wav", TUNE, RATE)
    return tmp_path / "song.wav"


def orchestrate(song: Path, out: Path, *words: object) -> int:
    options = ("--instruments", "violin, drums", "--no-describe", "--out", out)
    return cli.main(["orchestrate", str(song), *map(str, (*options, *words))])


def records(folder: Path) -> list[dict]:
    return [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]


def test_the_best_of_the_candidates_is_kept_and_explained(
    model: EchoModel, song: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert orchestrate(song, out, "--candidates", 10, "--seed", 5) == 0
    (record,) = records(out)
    assert record["candidates"] == 10 and record["rank"] == 1 and 5 <= record["seed"] < 15
    assert [len(prompts) for prompts, _, _ in model.asked] == [8, 2], "no more than eight at once"
    said = capsys.readouterr().out
    assert "the best of 10: total" in said and "x melody (above chance)" in said and "x instruments F1" in said


def test_a_folder_finds_the_best_that_is_there(model: EchoModel, song: Path, tmp_path: Path) -> None:
    folder, out = tmp_path / "tunes", tmp_path / "out"
    folder.mkdir()
    song.rename(folder / "song.wav")
    for _ in range(2):
        assert orchestrate(folder, out, "--candidates", 3) == 0
    assert len(model.asked) == 1
    assert orchestrate(folder, out, "--candidates", 4) == 0 and orchestrate(folder, out, "--loudness", "off") == 0
    assert len(model.asked) == 3 and len(records(out)) == 3, "chosen among others, or of another loudness"


def test_takes_are_written_at_one_loudness(model: EchoModel, song: Path, tmp_path: Path) -> None:
    for words, wanted in (((), -18.0), (("--loudness", -25), -25.0)):
        out = tmp_path / str(wanted)
        assert orchestrate(song, out, *words) == 0
        wav, rate = soundfile.read(next(out.glob("*.wav")))
        assert integrated_loudness(wav, rate) == pytest.approx(wanted, abs=0.3)
        assert records(out)[0]["loudness"] == wanted
    assert orchestrate(song, tmp_path / "off", "--loudness", "off") == 0
    assert "loudness" not in records(tmp_path / "off")[0]


def test_parts_and_their_mix(model: EchoModel, song: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert orchestrate(song, out, "--parts") == 0
    by_words = {tuple(record["words"]): record for record in records(out)}
    assert by_words.keys() == {("violin",), ("drums",), ("violin", "drums")}
    mix = by_words["violin", "drums"]
    assert len(mix["parts"]) == 2 and all((out / name).is_file() for name in mix["parts"])
    assert [prompts for prompts, _, _ in model.asked] == [["violin"], ["drums"]]


def test_notes_and_a_mix_with_the_tune_are_written_beside(
    model: EchoModel, song: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert orchestrate(song, out, "--midi", "--with-reference") == 0
    (take,) = (path for path in out.glob("*.wav") if "with-reference" not in path.name)
    pitches = {note.pitch for note in pretty_midi.PrettyMIDI(str(take.with_suffix(".mid"))).instruments[0].notes}
    assert {60, 64, 67, 69} <= pitches
    both, rate = soundfile.read(take.with_name(f"{take.stem}-with-reference.wav"))
    assert rate == 32_000 and len(both) == 2 * soundfile.info(take).frames
    assert f"{take.stem}.mid" in capsys.readouterr().out


def test_a_request_that_cannot_follow_is_told(
    model: EchoModel, song: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert orchestrate(song, tmp_path / "a", "--instruments", "drums") == 0
    assert "drums alone have no pitch" in capsys.readouterr().err
    without_pitch = ReferenceAudio(np.ones(RATE, np.float32), RATE, source={"format": "WAV"})
    assert warnings_of(model, Request(without_pitch, ("violin",)), 1.0) == [
        "no pitch is heard in the reference: there is no tune to follow"
    ]
    model.noise = 3.0
    assert orchestrate(song, tmp_path / "c") == 0
    assert "this take follows the tune in few moments (SIM" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "line"),
    [(("--redo", "0:01-0:02"), "--redo FROM-TO and --take FILE go together"),
     (("--redo", "soon", "--take", "x.wav"), "soon is no stretch: expected such as 0:10-0:14"),
     (("--redo", "0:01-0:02", "--take", "x.wav"), "x.wav: no take with the JSON file"),
     (("--candidates", 0), "0 is not between 1 and 100"), (("--loudness", 3), "3 is not between -60 and 0 LUFS")],
)  # fmt: skip
def test_slips_are_a_line(
    model: EchoModel, song: Path, tmp_path: Path, words: tuple, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        code = orchestrate(song, tmp_path / "out", *words)
    except SystemExit as end:  # argparse's
        code = int(end.code or 0)
    assert code == 2
    assert line in capsys.readouterr().err.strip().splitlines()[-1]


def test_a_stretch_of_a_take_is_made_anew(tiny_models: Path, song: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert orchestrate(song, out, "--model", tiny_models) == 0
    (take,) = out.glob("*.wav")
    again = ("--model", tiny_models, "--take", take, "--redo", "0:01-0:02")
    assert orchestrate(song, tmp_path / "anew", *again) == 0
    (anew,) = (tmp_path / "anew").glob("*.wav")
    old, new = (soundfile.read(path, dtype="int16")[0] for path in (take, anew))
    assert np.array_equal(old[:RATE], new[:RATE]) and np.array_equal(old[2 * RATE :], new[2 * RATE :])
    assert not np.array_equal(old, new)
    (record,) = records(tmp_path / "anew")
    assert record["redone"] == [{"from": 1.0, "to": 2.0, "seed": 1}] and "SIM" in record["scores"]
