"""What `orchestrate` is told beyond the instruments: hints, describers, parts, folders of references, lines of JSON."""

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from fuzz.sources import SCORE
from support.chat_server import ChatServer
from support.echo_model import RATE, EchoModel

from orchestrator_solver import Orchestrator, cli
from orchestrator_solver.generation.descriptor import Descriptor
from orchestrator_solver.generation.reference_audio import Hints
from orchestrator_solver.generation.references.excerpt import Part
from orchestrator_solver.runtime.placement import Placement

TUNE = np.concatenate([0.3 * np.sin(2 * np.pi * hertz * np.arange(RATE) / RATE) for hertz in (262, 330, 392, 523)])


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> EchoModel:
    echo = EchoModel(noise=0.01)

    def load_model(name: str, where: Placement) -> EchoModel:
        echo.placement = where
        return echo

    monkeypatch.setattr("orchestrator_solver.generation.model.load_model", load_model)
    return echo


@pytest.fixture
def songs(tmp_path: Path) -> Path:
    """Two tunes and what is none."""
    folder = tmp_path / "songs"
    folder.mkdir()
    soundfile.write(folder / "a.wav", TUNE, RATE)
    (folder / "b.musicxml").write_text(SCORE)
    (folder / "c.txt").write_text("no tune")
    return folder


def orchestrate(*words: object) -> int:
    return cli.main(["orchestrate", *map(str, words), "--instruments", "cello, violins"])


def records_in(folder: Path) -> list[dict]:
    return [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]


def table_in(folder: Path) -> list[dict[str, str]]:
    with (folder / "results.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_part_and_hints_are_played_and_recorded(model: EchoModel, songs: Path, tmp_path: Path) -> None:
    words = ("--from", "0:01", "--to", "2.5 s", "--tempo", 96, "--key", "Bb major", "--one-instrument")
    assert orchestrate(songs / "a.wav", "--out", tmp_path / "out", *words) == 0
    (record,) = records_in(tmp_path / "out")
    reference = record["reference"]
    assert (reference["from"], reference["to"], record["seconds"]["audio"]) == (1.0, 2.5, 1.5)
    assert (reference["bpm"], reference["key"], reference["one_instrument"]) == (96.0, "B- major", True)
    assert set(reference["told_by"].values()) == {"user"}
    assert "B-flat major" in record["prompt"] and "96" in record["prompt"]


def test_words_keep_the_order_of_the_user(model: EchoModel, songs: Path, tmp_path: Path) -> None:
    assert orchestrate(songs / "a.wav", "--out", tmp_path / "out", "--no-describe") == 0
    (record,) = records_in(tmp_path / "out")
    assert record["words"] == ["cello", "violins"] and record["instruments"] == ["violin", "cello"]
    assert next((tmp_path / "out").glob("*.wav")).name.startswith("a-cello-violins-echo-")


@pytest.mark.parametrize(("name", "seconds"), [("a.wav", 4.0), ("b.musicxml", 16 / 3)])
def test_a_take_is_as_long_as_its_reference(
    model: EchoModel, songs: Path, tmp_path: Path, name: str, seconds: float
) -> None:
    assert orchestrate(songs / name, "--out", tmp_path / "out", "--no-describe") == 0
    assert abs(soundfile.info(next((tmp_path / "out").glob("*.wav"))).frames - seconds * RATE) <= 1


def test_a_folder_is_played_and_played_no_second_time(
    model: EchoModel, songs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, before = tmp_path / "out", {path.name: path.read_bytes() for path in songs.iterdir()}
    assert orchestrate(songs, "--out", out, "--samples", 2, "--no-describe") == 1
    said = capsys.readouterr()
    assert "c.txt cannot be read as audio" in said.err and "could not be played: 1 of the files" in said.err
    assert len(model.asked) == 4 and len(list(out.glob("*.wav"))) == len(list(out.glob("*.json"))) == 4
    rows = table_in(out)
    assert [row["file"] for row in rows] == ["a.wav", "a.wav", "b.musicxml", "b.musicxml", "c.txt"]
    assert rows[0]["instruments"] == "cello, violins" and rows[0]["seconds"] == "0:04" and float(rows[0]["SIM"]) > 0.5
    assert (out / rows[0]["take"]).is_file() and rows[1]["seed"] == "1" and "c.txt" in rows[4]["error"]
    written = {path: path.stat().st_mtime_ns for path in out.glob("*.wav")}
    assert orchestrate(songs, "--out", out, "--samples", 2, "--no-describe") == 1
    assert len(model.asked) == 4 and table_in(out) == rows
    assert {path: path.stat().st_mtime_ns for path in out.glob("*.wav")} == written
    assert {path.name: path.read_bytes() for path in songs.iterdir()} == before


def test_a_folder_goes_on_with_what_is_missing_torn_or_another(model: EchoModel, songs: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    (songs / "c.txt").unlink()
    assert orchestrate(songs, "--out", out, "--no-describe") == 0
    first, second = sorted(out.glob("*.wav"))
    first.write_bytes(first.read_bytes()[:-2])
    second.unlink()
    assert orchestrate(songs, "--out", out, "--no-describe") == 0
    assert len(model.asked) == 4
    assert orchestrate(songs, "--out", out, "--no-describe", "--guidance", 2) == 0
    assert len(model.asked) == 6 and len(table_in(out)) == 4, "takes of other settings stay"
    soundfile.write(songs / "a.wav", TUNE[::-1].copy(), RATE)
    assert orchestrate(songs, "--out", out, "--no-describe") == 0
    assert len(model.asked) == 7


def test_strange_files_among_results_count_for_nothing(model: EchoModel, songs: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    for name, text in {"x": "{", "y": "[]", "z": '{"reference": 1}', "a-deep": "[" * 9000}.items():
        (out / f"{name}.json").write_text(text)
        (out / f"{name}.wav").write_text("")
    assert orchestrate(songs, "--out", out, "--no-describe") == 1
    assert len(table_in(out)) == 3


def test_names_that_are_no_text(model: EchoModel, songs: Path, tmp_path: Path) -> None:
    for name in (b"caf\xe9.wav", b"x\xff.txt"):
        (songs / os.fsdecode(name)).write_bytes((songs / "a.wav").read_bytes() if name.endswith(b"wav") else b"")
    assert orchestrate(songs, "--out", tmp_path / "out", "--no-describe") == 1
    assert [row["file"] for row in table_in(tmp_path / "out")][-2:] == ["c.txt", "x\\udcff.txt"]


def test_an_empty_folder(songs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    assert orchestrate(tmp_path / "empty", "--out", tmp_path / "out") == 2
    assert "holds no files: expected references in it" in capsys.readouterr().err


def test_json_is_a_line_a_take(
    model: EchoModel, songs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    for code, where, count in ((0, songs / "a.wav", 2), (1, songs, 4)):
        assert orchestrate(where, "--out", out, "--samples", 2, "--json") == code
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert len(lines) == count
        for line in lines:
            path = Path(line.pop("file"))
            assert line == json.loads(path.with_suffix(".json").read_text())


def test_a_captioner_and_a_describer_of_ones_own(
    model: EchoModel, songs: Path, tmp_path: Path, server: ChatServer, answers: Path, caption_cache: Path
) -> None:
    """As in data sets: a table by the file's name, an audio language model, and a language model, with its own key."""
    (tmp_path / "captions.jsonl").write_text('{"item": "a.wav", "caption": "A merry dance."}')
    table = ("--captioner", "table", "--caption-table", tmp_path / "captions.jsonl")
    chat = ("--describer", "chat", "--describer-model", "some", "--describer-url", server.url)
    assert orchestrate(songs / "a.wav", "--out", tmp_path / "a", *table, *chat) == 0
    (record,) = records_in(tmp_path / "a")
    description = record["description"]
    assert description["source"] == "chat" and description["captioner"] == "table"
    assert description["caption"] == "A merry dance." and description["text"] in record["prompt"]
    assert "A merry dance" in json.dumps(server.asked[0]) and len(server.keys) == 1 and "sk-secret" in server.keys.pop()
    heard = ("--captioner", "chat", "--caption-model", "some", "--caption-url", server.url)
    assert orchestrate(songs / "a.wav", "--out", tmp_path / "b", *heard) == 0
    assert "input_audio" in json.dumps(server.asked[-1])


def test_from_python_the_same(songs: Path) -> None:
    player = Orchestrator(EchoModel())
    descriptor = Descriptor(describer="none")
    request = player.request(
        songs / "a.wav", "cello", part=Part(1.0, 3.0), hints=Hints(bpm=70.0), descriptor=descriptor
    )
    assert request.reference.seconds == 2.0 and request.reference.bpm == 70.0 and request.description.text is None
    said = player.describe(songs / "a.wav", hints=Hints(bpm=70.0, key="F# minor"))
    assert "70" in str(said.text) and "F-sharp minor" in str(said.text) and said.captioner == "musicnn"


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["a.wav", "--model", "nanno"], "no model 'nanno': did you mean nano?"),
        (["a.wav", "--model", "x"], "no model 'x': expected one of nano, nano-baseline"),
        (["none.wav"], "none.wav: no such file, expected wav"), (["a.wav", "--key", "H"], "'H' is no key"),
        ([".", "--out", "."], "--out . holds the references: name another"),
        (["a.wav", "--out", "/proc/nowhere"], "cannot write to the folder"),
        (["a.wav", "--from", "0:03", "--to", "0:02"], "is no part"),
        (["a.wav", "--captioner", "chat"], "need --caption-url and --caption-model"),
        (["a.wav", "--captioner", "table", "--caption-table", "none"], "is no table of captions"),
        (["a.wav", "--describer", "chat"], "need OPENAI_API_KEY"), (["a.wav", "--instruments", "violni"], "violin"),
        (["c.txt"], "cannot be read as audio"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)  # fmt: skip
def test_what_can_fail_fails_before_torch_is_imported(songs: Path, words: list[str], line: str) -> None:
    code = (
        "import sys; from orchestrator_solver.cli import main\n"
        f"code = main(['orchestrate', '--out', 'out', '--instruments', 'violin', *{words!r}])\n"
        "assert not {'torch', 'librosa', 'audiocraft', 'openai'} & set(sys.modules), 'heavy'\n"
        "sys.exit(code)"
    )
    environment = {"PYTHONPATH": ":".join(path for path in sys.path if path)}
    done = subprocess.run([sys.executable, "-c", code], cwd=songs, capture_output=True, text=True, env=environment)
    said = done.stderr.splitlines()
    assert done.returncode == 2 and len(said) == 1 and line in said[0], done.stderr
    assert not (songs / "out").exists()


def test_a_disk_without_room_is_told_before_playing(
    model: EchoModel, songs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(1 << 30, 1 << 30, 1 << 19))
    assert orchestrate(songs / "a.wav", "--out", tmp_path / "out", "--no-describe") == 2
    assert "has 0 MiB left" in capsys.readouterr().err and not model.asked


def test_the_instruments_that_a_model_knows(tiny_models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["instruments"]) == 0
    told = capsys.readouterr().out
    assert "  pipe " in told and "flute" in told and "[new age pad" in told and "never trained on: none" in told
    assert cli.main(["instruments", "--model", str(tiny_models)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len([line for line in lines if line.startswith("- ")]) == 32 and "  violin" in "\n".join(lines)
    assert cli.main(["instruments", "--model", "nan"]) == 2
    assert "did you mean nano?" in capsys.readouterr().err
