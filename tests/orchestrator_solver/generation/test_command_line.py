"""The program's commands, from the outside: exit codes, single lines, files whole or not at all."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from support.echo_model import RATE, EchoModel

from dataset_builder.runtime import atomic
from orchestrator_solver import cli
from orchestrator_solver.commands import COMMANDS
from orchestrator_solver.generation import recordings
from orchestrator_solver.generation.model import OrchestratorModel
from orchestrator_solver.generation.sampling import SamplingSettings
from orchestrator_solver.runtime.placement import Placement
from orchestrator_solver.weights import hub, package

MELODY = (60, 62, 64, 67, 65, 64, 62, 60)


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> EchoModel:
    echo = EchoModel(noise=0.01)

    def load_model(name: str, where: Placement) -> EchoModel:
        echo.placement = where
        return echo

    monkeypatch.setattr("orchestrator_solver.generation.model.load_model", load_model)
    return echo


@pytest.fixture(scope="session")
def song(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("song") / "My söng.wav"
    time_ = np.arange(4 * 32_000) / 32_000
    pitch = np.array(MELODY)[(time_ * 2).astype(int)]
    soundfile.write(path, 0.3 * np.sin(2 * np.pi * 440 * 2 ** ((pitch - 69) / 12) * time_), 32_000)
    return path


def orchestrate(*words: object) -> int:
    return cli.main(["orchestrate", *map(str, words)])


def recordings_in(folder: Path, pattern: str = "*.wav") -> list[Path]:
    return sorted(folder.glob(pattern))


def record_in(folder: Path) -> dict:
    (path,) = recordings_in(folder, "*.json")
    return json.loads(path.read_text())


def test_help_comes_at_once_and_imports_nothing_heavy() -> None:
    code = (
        "import sys; from orchestrator_solver import cli\n"
        "try: cli.main(['--help'])\n"
        "except SystemExit as end: assert not end.code\n"
        "assert not {'torch', 'librosa', 'audiocraft', 'numpy'} & set(sys.modules), 'heavy'"
    )
    begun = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert all(name in done.stdout for name in COMMANDS)
    assert time.perf_counter() - begun < 5  # a loaded machine; 0.1 s on an idle one


@pytest.mark.parametrize(
    ("words", "line"),
    [(["orchestrate", "SONG", "--instruments", "violin", "--description", " ", "--out", "x"], "--description is empty"),
     (["page", "--data", "DATA", "--out", "DATA"], "is a folder: name a file in it"),
     (["page", "--data", "DATA", "--out", "page.html", "--policy", "nope"], "invalid choice: 'nope'"),
     (["evaluate", "--data", "DATA", "--out", "x", "--policies", "stem", "nope"], "invalid choice: 'nope'"),
     (["evaluate", "--data", "DATA", "--out", "x"], "is no data set")],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)  # fmt: skip
def test_slips_are_told_before_anything_is_played(
    song: Path,
    tmp_path: Path,
    words: list[str],
    line: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    places = {"SONG": str(song), "DATA": str(tmp_path / "data")}
    try:
        code = cli.main([places.get(word, word) for word in words])
    except SystemExit as end:
        code = end.code
    said = capsys.readouterr().err
    assert code == 2 and line in said.splitlines()[-1] and "Traceback" not in said


def test_words_beyond_the_vocabulary(
    model: EchoModel, song: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Refused for a model of which the words are known, before it is loaded; taken, with a warning, by any other."""
    words = "hurdy-gurdy, 2 violins, ukulele, violim"
    assert orchestrate(song, "--instruments", words, "--out", tmp_path / "a") == 2
    assert capsys.readouterr().err.startswith("error: unknown instrument 'hurdy-gurdy'")
    assert not (tmp_path / "a").exists() and not model.asked
    told = ("--instruments", words, "--model", "echo", "--no-describe")
    assert orchestrate(song, *told, "--out", tmp_path / "b") == 0
    said = capsys.readouterr().err
    assert "never trained on hurdy-gurdy, ukulele, violim: do not expect" in said
    assert "'violim' goes into the prompt as it is (did you mean violin?)" in said
    assert record_in(tmp_path / "b")["prompt"] == "violin, hurdy-gurdy, ukulele, violim"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        cli.main([name, "--help"])
    assert end.value.code == 0
    assert len(capsys.readouterr().out.splitlines()) > 5


def test_a_recording_and_its_record(model: EchoModel, song: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "folder"
    assert orchestrate(song, "--instruments", "drum, violins", "--out", out, "--seed", 7, "--guidance", 2) == 0
    written, wav = sorted(out.iterdir())
    assert written.with_suffix(".wav") == wav and wav.name.startswith("My-song-violin-drums-echo-g2-s7-")
    record = json.loads(written.read_text())
    assert record["prompt"].endswith("Instruments: violin, drums.")
    assert record["description"]["source"] == "template" and record["description"]["text"] in record["prompt"]
    assert record["reference"]["key"] == "C major" and record["reference"]["file"] == song.name
    assert record["model"] == {"name": "echo", "sha256": "e" * 64}
    assert record["warnings"] == []
    assert record["scores"]["SIM"] > 0.9
    assert record["settings"]["guidance"] == 2.0 and record["seed"] == 7
    info = soundfile.info(wav)
    assert info.duration == pytest.approx(4.0) and info.samplerate == RATE and info.subtype == "PCM_16"
    assert model.asked == [([record["prompt"]], 4.0, SamplingSettings(seed=7).at(2.0))]
    assert orchestrate(song, "--instruments", "drum", "--out", tmp_path / "own", "--no-describe") == 0
    assert model.asked[-1][2].guidance == model.guidance, "the model's own, where none is asked for"
    assert "-g3-" in next((tmp_path / "own").glob("*.wav")).name


def test_takes_have_their_own_seeds_and_are_the_same_again(model: EchoModel, song: Path, tmp_path: Path) -> None:
    for folder in ("a", "b"):
        assert orchestrate(song, "--instruments", "violin", "--out", tmp_path / folder, "--samples", 2,
                           "--no-describe", "--format", "flac") == 0  # fmt: skip
    ours = {path.name: path.read_bytes() for path in (tmp_path / "a").glob("*.flac")}
    assert [name[: len("My-song-violin-echo-g3-s0")] for name in sorted(ours)] == [
        "My-song-violin-echo-g3-s0", "My-song-violin-echo-g3-s1",
    ]  # fmt: skip
    assert len(set(ours.values())) == 2
    assert ours == {path.name: path.read_bytes() for path in (tmp_path / "b").glob("*.flac")}
    assert [prompts for prompts, _, _ in model.asked] == [["violin"]] * 4


def test_no_take_replaces_another(
    model: EchoModel, song: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever else is asked for, or who plays, makes another name; the same again makes the same."""
    asked = [(), ("--guidance", 6), ("--temperature", 0.5), ("--duration", 2), ("--description", "A waltz."),
             ("--precision", "bfloat16"), ()]  # fmt: skip
    for words in asked:
        words = words if "--description" in words else (*words, "--no-describe")
        assert orchestrate(song, "--instruments", "violin", "--out", tmp_path, *words) == 0
    assert len(recordings_in(tmp_path)) == len(recordings_in(tmp_path, "*.json")) == len(asked) - 1
    model.sha256 = "f" * 64
    assert orchestrate(song, "--instruments", "violin", "--out", tmp_path, "--no-describe") == 0
    assert len(recordings_in(tmp_path)) == len(recordings_in(tmp_path, "*.json")) == len(asked)


def take(who: int) -> recordings.Recording:
    """What `who` played of a request that is the same for all."""
    record = {"reference": {"file": "a.wav"}, "prompt": "", "instruments": ["violin"], "settings": {"guidance": 3},
              "model": {"name": "echo", "sha256": ""}, "seed": 0, "computed": {}, "who": who}  # fmt: skip
    return recordings.Recording(np.full(64, who / 10), RATE, record)


def heard_in(folder: Path) -> list[tuple[int, int]]:
    """Who is heard in each recording of a folder, and who its record says that it is."""
    wavs = recordings_in(folder)
    records = [json.loads(wav.with_suffix(".json").read_text()) for wav in wavs]
    return sorted((round(10 * soundfile.read(w)[0].max()), r["who"]) for w, r in zip(wavs, records, strict=True))


def test_other_audio_of_the_same_request_is_left_as_it_is(tmp_path: Path) -> None:
    """Another version of a library may play it otherwise."""
    first = recordings.write(take(1), tmp_path, "wav")
    assert recordings.write(take(2), tmp_path, "wav") != first == recordings.write(take(1), tmp_path, "wav")
    assert heard_in(tmp_path) == [(1, 1), (2, 2)]


def test_takes_of_one_request_that_are_written_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both are there, each beside its own record: nobody looks first which names are free."""
    together, write_bytes = threading.Barrier(2), atomic.write_bytes

    def after_both_chose(path: Path, data: bytes) -> None:
        together.wait(60)
        write_bytes(path, data)

    monkeypatch.setattr(atomic, "write_bytes", after_both_chose)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda who: recordings.write(take(who), tmp_path, "wav"), (1, 2)))
    assert heard_in(tmp_path) == [(1, 1), (2, 2)]


def test_each_file_has_a_record_of_its_own(model: EchoModel, song: Path, tmp_path: Path) -> None:
    for ending in ("wav", "flac"):
        words = ("--instruments", "violin", "--out", tmp_path, "--no-describe", "--format", ending)
        assert orchestrate(song, *words) == 0
    names = {path.stem for pattern in ("*.wav", "*.flac") for path in recordings_in(tmp_path, pattern)}
    assert len(names) == 2 and names == {path.stem for path in recordings_in(tmp_path, "*.json")}


def test_a_name_is_one_that_file_systems_take(tmp_path: Path) -> None:
    record = {"reference": {"file": "r" * 200 + ".wav"}, "prompt": "", "instruments": ["violin"], "seed": 2**63,
              "model": {"name": "m" * 200, "sha256": ""}, "settings": {"guidance": 1.2345}, "computed": {}}  # fmt: skip
    assert recordings.write(recordings.Recording(np.zeros(8), RATE, record), tmp_path, "flac").is_file()


def test_many_at_once_in_a_new_folder(song: Path, tmp_path: Path) -> None:
    """None is refused because another was there first, and none is without its record."""

    def make(number: int) -> Path:
        folder = tmp_path / f"new{number % 30}" / "deep"
        recordings.check_writable(folder)
        record = {"reference": {"file": "a.wav"}, "prompt": "", "instruments": ["violin"], "settings": {"guidance": 3},
                  "model": {"name": "echo", "sha256": ""}, "seed": number, "computed": {}}  # fmt: skip
        return recordings.write(recordings.Recording(np.full(64, number / 300), RATE, record), folder, "wav")

    with ThreadPoolExecutor(16) as pool:
        written = list(pool.map(make, range(240)))
    assert len(set(written)) == 240
    assert all(path.is_file() and path.with_suffix(".json").is_file() for path in written)
    assert len(list(tmp_path.rglob("*"))) == 30 + 30 + 480


def test_a_file_whose_name_is_no_text_is_played(
    model: EchoModel, song: Path, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    odd = tmp_path / os.fsdecode(b"caf\xe9.wav")
    odd.write_bytes(song.read_bytes())
    out = tmp_path / os.fsdecode(b"out\xff")
    assert orchestrate(odd, "--instruments", "violin", "--out", out, "--no-describe", "--samples", 2) == 0
    assert len(recordings_in(out)) == 2
    assert "caf\ufffd" in json.loads(recordings_in(out, "*.json")[0].read_text())["reference"]["file"]


def test_a_description_of_ones_own(model: EchoModel, song: Path, tmp_path: Path) -> None:
    assert orchestrate(song, "--instruments", "violin", "--out", tmp_path, "--description", "A calm waltz.") == 0
    record = record_in(tmp_path)
    assert record["prompt"] == "A calm waltz. Instruments: violin."
    assert record["description"]["source"] == "user"


def test_what_the_user_is_warned_of(
    model: EchoModel, song: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert orchestrate(song, "--instruments", "tuba, violin", "--out", tmp_path, "--duration", 6,
                       "--description", "A tune for flute.") == 0  # fmt: skip
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("warning: ")]
    assert len(lines) == 3
    for words in ("never trained on tuba", "names instruments (flute)", "ends after 4.0 s"):
        assert any(words in line for line in lines)
    record = record_in(tmp_path)
    assert [f"warning: {line}" for line in record["warnings"]] == lines
    assert record["seconds"]["audio"] == 6.0


def one_line_error(capsys: pytest.CaptureFixture[str]) -> str:
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and lines[0].startswith("error: "), lines
    return lines[0]


@pytest.mark.parametrize(
    ("instruments", "reference", "words"),
    [
        ("violni", None, "did you mean violin"), (" , ", None, "no instrument named"),
        ("violin", "missing.wav", "no such file"), ("violin", b"not audio", "cannot be read as audio"),
        ("violin", b"MThd", "cannot be read as audio"),
    ],
)  # fmt: skip
def test_mistakes_are_one_line_and_leave_nothing(
    model: EchoModel, song: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    instruments: str, reference: str | bytes | None, words: str,
) -> None:  # fmt: skip
    path = song if reference is None else tmp_path / "a.wav"
    if isinstance(reference, bytes):
        path.write_bytes(reference)
    assert orchestrate(path, "--instruments", instruments, "--out", tmp_path / "out" / "deep") == 2
    assert words in one_line_error(capsys)
    assert not (tmp_path / "out").exists() and not model.asked


def test_an_output_folder_that_cannot_be_written(
    model: EchoModel, song: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("in the way")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    bad = [tmp_path / "file", tmp_path / "file" / "below", Path("/proc/nowhere"), tmp_path / "dangling"]
    for folder in [*bad, tmp_path / ("x" * 300), tmp_path / ("x" * 300) / "below"]:
        assert orchestrate(song, "--instruments", "violin", "--out", folder) == 2
        assert "cannot write" in one_line_error(capsys)
    assert not model.asked
    if os.getuid():  # root may write anywhere
        (tmp_path / "locked").mkdir(mode=0o500)
        assert orchestrate(song, "--instruments", "violin", "--out", tmp_path / "locked") == 2


def test_checking_a_folder_leaves_no_trace(tmp_path: Path) -> None:
    recordings.check_writable(tmp_path / "a" / "b")
    assert not list(tmp_path.iterdir())


def test_a_full_disk_leaves_nothing(
    model: EchoModel, song: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: object, **kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(soundfile, "write", full)
    assert orchestrate(song, "--instruments", "violin", "--out", tmp_path, "--no-describe") == 2
    assert "No space left on device" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_an_interruption_leaves_nothing(
    model: EchoModel, song: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*args: object, **kwargs: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(model, "generate", interrupt)
    assert orchestrate(song, "--instruments", "violin", "--out", tmp_path, "--no-describe") == 130
    assert capsys.readouterr().err.splitlines()[-1].startswith("stopped")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("damage", ["truncated", "changed", "no json", "bad json", "absent"])
def test_a_torn_checkpoint(song: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], damage: str) -> None:
    from omegaconf import OmegaConf

    folder = tmp_path / "model"
    package.save(folder, "codec", OmegaConf.create({"sample_rate": RATE}), {"w": torch.ones(64)}, {})
    weights = folder / "model.safetensors"
    content = weights.read_bytes()
    damages = {
        "truncated": lambda: weights.write_bytes(content[:-9]),
        "changed": lambda: weights.write_bytes(content[:-1] + b"\x01"),
        "no json": lambda: (folder / "model.json").unlink(),
        "bad json": lambda: (folder / "model.json").write_text("{"),
        "absent": weights.unlink,
    }
    damages[damage]()
    assert orchestrate(song, "--instruments", "violin", "--out", tmp_path / "out", "--model", folder) == 2
    assert str(folder) in one_line_error(capsys)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("value", ["--duration=0", "--duration=nan", "--samples=0", "--seed=-1", "--format=mp3",
                                   "--guidance=-1", "--temperature=nan"])  # fmt: skip
def test_settings_out_of_range(song: Path, tmp_path: Path, value: str) -> None:
    with pytest.raises(SystemExit) as end:
        orchestrate(song, "--instruments", "violin", "--out", tmp_path, value)
    assert end.value.code == 2


def test_the_shipped_model_plays(song: Path, tmp_path: Path) -> None:
    words = ("--instruments", "violin, drums", "--duration", 2, "--no-describe")
    for folder in ("a", "b"):
        assert orchestrate(song, *words, "--out", tmp_path / folder) == 0
    (first,), (second,) = recordings_in(tmp_path / "a"), recordings_in(tmp_path / "b")
    wav, rate = soundfile.read(first)
    assert rate == RATE and len(wav) == 2 * RATE and np.abs(wav).max() > 0.01
    again, _ = soundfile.read(second)
    np.testing.assert_array_equal(wav, again)


def test_the_echo_takes_what_the_model_takes() -> None:
    from inspect import signature

    assert list(signature(EchoModel.generate).parameters) == list(signature(OrchestratorModel.generate).parameters)


def test_too_little_memory_says_what_to_lower(
    song: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--instruments", "violin", "--out", tmp_path / "out", "--no-describe", "--duration", 1)
    page = "DefaultCPUAllocator: can't allocate memory: you tried to allocate 1000 bytes"
    for error in (torch.OutOfMemoryError("CUDA out of memory."), RuntimeError(page)):
        with monkeypatch.context() as patch:
            patch.setattr("orchestrator_solver.generation.model.decode", _raiser(error))
            assert orchestrate(song, *words) == 2
            assert "too little memory to play 1 s: lower the length (--duration" in last_line(capsys)
            patch.setattr("orchestrator_solver.models.loading.build_lm_from_package", _raiser(error))
            assert orchestrate(song, *words) == 2
            assert "too little memory for the model nano: use a machine with more" in last_line(capsys)


def _raiser(error: Exception) -> Callable[..., None]:
    def end(*args: object, **options: object) -> None:
        raise error

    return end


def last_line(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().err.splitlines()[-1]


def test_without_a_network_what_is_shipped_plays(
    song: Path, tmp_path: Path, empty_hub: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing asks for a connection; a model of the hub is told to be missing, with how to get it."""

    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr(socket.socket, "connect", _raiser(OSError(101, "Network is unreachable")))
    monkeypatch.setattr(socket, "getaddrinfo", _raiser(socket.gaierror(-3, "Temporary failure in name resolution")))
    hub.reachable.cache_clear()
    words = ("--instruments", "violin", "--out", tmp_path / "out", "--duration", 1)
    assert orchestrate(song, *words) == 0
    capsys.readouterr()
    assert orchestrate(song, *words, "--model", "//pretrained/facebook/musicgen-melody") == 2
    assert "where there is a network run: hf download facebook/musicgen-melody" in last_line(capsys)


def test_preparing_for_a_gpu_that_is_not_there_is_one_line(
    tiny_data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert cli.main(["prepare", str(tiny_data), "solver=orchestrator_lora"]) == 2
    assert "this run asks for device=cuda, and torch" in capsys.readouterr().err.splitlines()[-1]
    assert cli.main(["prepare", str(tiny_data), "device=cpu", "--device", "cpu"]) == 2
    assert "give one of them" in capsys.readouterr().err.splitlines()[-1]
