"""The HTTP API: what it answers, that it plays one at a time, what it refuses in one line, and that it stops for those
who are gone."""

import json
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
import pretty_midi
import pytest
import soundfile

pytest.importorskip("gradio", reason="gradio is not installed (the extra `serve`)")

from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from support.served import RATE, SlowModel, served, tune, upload, wait_until

from dataset_builder.music.instruments import CLASSES
from orchestrator_solver.paths import PROJECT
from orchestrator_solver.serving.wish import Limits


@pytest.fixture(scope="module")
def model() -> SlowModel:
    return SlowModel()


@pytest.fixture(scope="module")
def address(model: SlowModel) -> Iterator[str]:
    with served(model, Limits(max_seconds=10, max_megabytes=1)) as found:
        yield found


@pytest.fixture(scope="module")
def client(address: str) -> Client:
    return Client(address, verbose=False)


@pytest.fixture
def song(tmp_path: Path) -> Path:
    return tune(tmp_path / "song.wav")


def test_the_instruments_are_all_there_by_family(client: Client) -> None:
    families = client.predict(api_name="/instruments")
    assert sorted(name for names in families.values() for name in names) == sorted(CLASSES)


def test_a_tune_is_described_and_what_is_said_of_it_stands_in_place_of_what_is_heard(
    client: Client, song: Path
) -> None:
    heard = client.predict(tune=handle_file(song), api_name="/describe")
    assert heard["name"] == "song.wav" and heard["seconds"] == 3.0
    said = client.predict(tune=handle_file(song), bpm=90, key="G minor", api_name="/describe")
    assert (said["bpm"], said["key"]) == (90, "G minor") and "G minor" in said["description"]
    assert heard["description"] != said["description"]


def test_midi_is_a_tune_too(client: Client, tmp_path: Path) -> None:
    score = pretty_midi.PrettyMIDI()
    score.instruments.append(pretty_midi.Instrument(40))
    score.instruments[0].notes = [pretty_midi.Note(90, 60 + step, step / 2, step / 2 + 0.5) for step in range(6)]
    score.write(str(tmp_path / "song.mid"))
    assert client.predict(tune=handle_file(tmp_path / "song.mid"), api_name="/describe")["bpm"] == pytest.approx(120)


def test_takes_are_scored_ranked_and_fetched(client: Client, address: str, song: Path) -> None:
    job = client.submit(
        tune=handle_file(song), instruments="violin, drums", description="calm", takes=3, seconds=2, seed=5,
        api_name="/orchestrate",
    )  # fmt: skip
    answer, told = job.result(), job.outputs()
    shares = [part["done"] for part in told if "done" in part]
    assert shares == sorted(shares) and shares[-1] > 0.9
    takes = answer["takes"]
    totals = [take["scores"]["melody (above chance)"] + take["scores"]["instruments F1"] for take in takes]
    assert answer["best"] == int(np.argmax(totals)) and [take["record"]["seed"] for take in takes] == [5, 6, 7]
    assert takes[0]["record"]["prompt"] == "calm Instruments: violin, drums."
    for take in takes:
        wav = httpx.get(address + take["wav"])
        assert wav.status_code == 200 and "attachment" in wav.headers["content-disposition"]
        assert httpx.get(address + take["json"]).json() == take["record"]
    assert len({take["wav"] for take in takes}) == 3


REFUSED = [
    ({"instruments": ""}, "no instrument named"),
    ({"instruments": "violin" + ", cello" * 50}, "51 instruments are named: expected at most 40"),
    ({"instruments": "x" * 100_000}, "at most 2000 characters"),
    ({"instruments": "../../etc/passwd"}, "is no instrument's name"),
    ({"instruments": 5}, "instruments is 5: Input should be a valid string"),
    ({"description": "calm " * 20_000}, "at most 1000 characters"),
    ({"description": "calm\x1b[2J"}, "U+001B"),
    ({"description": "calm\x00"}, "U+0000"),
    ({"seconds": 11}, "seconds is 11: this server plays at most 10 at once"),
    ({"seconds": "nan"}, "finite number"),
    ({"seconds": 0}, "greater than or equal to 1"),
    ({"takes": 5}, "less than or equal to 4"),
    ({"takes": 1.5}, "valid integer"),
    ({"seed": -1}, "greater than or equal to 0"),
    ({"seed": 2**60}, "less than or equal to"),
    ({"guidance": 1e9}, "less than or equal to 100"),
    ({"temperature": None}, "temperature is None"),
    ({"bpm": 1}, "greater than or equal to 20"),
    ({"key": "H dur"}, "key is 'H dur': expected one of C major"),
    ({"key": "<script>alert(1)</script>"}, "expected one of"),
]


@pytest.mark.parametrize(("fields", "words"), REFUSED)
def test_what_cannot_be_asked_is_one_line(client: Client, song: Path, fields: dict, words: str) -> None:
    wish = {"instruments": "violin", "seconds": 1, **fields}
    assert words in _refusal(client, song, **wish)


def _refusal(client: Client, path: Path, **wish: object) -> str:
    with pytest.raises(AppError) as error:
        client.predict(tune=handle_file(path), api_name="/orchestrate", **wish)
    (line,) = str(error.value).splitlines()
    assert len(line) < 400 and "Traceback" not in line and "/tmp" not in line
    return line


def _wav(path: Path, samples: np.ndarray) -> Path:
    soundfile.write(path, samples.astype(np.float32), RATE, subtype="FLOAT")
    return path


def test_what_is_no_tune_is_one_line_that_names_the_file_alone(client: Client, song: Path, tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("<html>")
    (tmp_path / "empty.wav").touch()
    song_bytes = song.read_bytes()
    (tmp_path / "short.wav").write_bytes(song_bytes[:60])
    (tmp_path / "wrong.mid").write_bytes(b"no music" * 100)
    not_finite = np.sin(np.arange(2 * RATE))
    not_finite[RATE] = np.nan
    lines = {
        tmp_path / "page.html": "page.html cannot be read as MusicXML",
        tmp_path / "empty.wav": "empty.wav cannot be read as audio",
        tmp_path / "short.wav": "short.wav",
        tmp_path / "wrong.mid": "wrong.mid",
        _wav(tmp_path / "nan.wav", not_finite): "nan.wav holds NaN or infinite samples",
        _wav(tmp_path / "silent.wav", np.zeros(2 * RATE)): "silent.wav is silent",
        tune(tmp_path / "long.wav", 15): "long.wav is 15 s long, this server takes at most 10 s",
    }
    for path, words in lines.items():
        assert words in _refusal(client, path, instruments="violin")


@pytest.mark.parametrize(
    "name", ["../../../etc/passwd.wav", "a\\b.wav", "n" * 300 + ".wav", "..", "é\u202e.wav", "a\nb.wav"]
)
def test_names_are_names(address: str, client: Client, song: Path, name: str) -> None:
    """Of a file that is uploaded: none leads out of the folder, or breaks what is written of it."""
    sent = upload(address, song, name)
    assert sent.status_code == 200
    found = _call(address, "describe", {"tune": {"path": sent.json()[0]}})
    assert found["name"].endswith(".wav") or "error" not in found


def _call(address: str, name: str, body: dict) -> dict:
    """What an endpoint answers at last, as curl sees it."""
    event = httpx.post(f"{address}/gradio_api/call/v2/{name}", json=body, timeout=60).json()["event_id"]
    text = httpx.get(f"{address}/gradio_api/call/{name}/{event}", timeout=120).text
    data = [line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: ")]
    last = json.loads(data[-1])
    return last[0] if isinstance(last, list) else last


def test_a_file_that_is_too_large_is_not_taken(address: str, tmp_path: Path) -> None:
    large = _wav(tmp_path / "large.wav", np.sin(np.arange(20 * RATE)))
    for bytes_more in (0, 4_000_000):
        with large.open("ab") as file:
            file.write(bytes(bytes_more))
        refused = upload(address, large)
        assert refused.status_code == 413 and len(refused.text.splitlines()) == 1 and "/tmp" not in refused.text


def test_a_call_is_no_place_for_megabytes(address: str) -> None:
    refused = httpx.post(f"{address}/gradio_api/call/v2/describe", json={"tune": "x" * 2_000_000})
    assert refused.status_code == 413 and "1 MB" in refused.text


FILES = [
    "/etc/passwd",
    "/dev/zero",
    "song.wav",
    "",
    "\x00",
    "http://127.0.0.1:1/x.wav",
    "x" * 22 + "/../../passwd",
    3,
    None,
]


@pytest.mark.parametrize("path", FILES)
@pytest.mark.parametrize("meta", [{}, {"meta": {"_type": "gradio.FileData"}}])
def test_only_what_was_uploaded_is_a_tune(address: str, path: object, meta: dict) -> None:
    """Gradio would copy any file of the machine, or fetch any address, that a call names."""
    for body in ({"tune": {"path": path, **meta}, "instruments": "violin"}, {"tune": 1, "instruments": {"path": path}}):
        refused = httpx.post(f"{address}/gradio_api/call/v2/orchestrate", json=body, timeout=60)
        assert refused.status_code == 400 and "was not uploaded to this server" in refused.json()["detail"]
    assert "no file" in _call(address, "describe", {"tune": 3})["error"]


def test_a_hundred_at_once_are_too_many_and_those_that_are_taken_play_one_by_one(song: Path) -> None:
    slow = SlowModel(seconds=0.5)
    with served(slow, Limits(max_queue=4)) as address:
        client = Client(address, verbose=False)

        def play(seed: int) -> str:
            try:
                wish = {"tune": handle_file(song), "instruments": "violin", "seconds": 1, "seed": seed}
                answer = client.predict(**wish, api_name="/orchestrate")
                return str(answer["takes"][0]["record"]["seed"])
            except Exception as error:  # noqa: BLE001 - which is looked at
                return str(error)

        with ThreadPoolExecutor(20) as threads:
            answers = list(threads.map(play, range(20)))
    played = [answer for seed, answer in enumerate(answers) if answer == str(seed)]
    refused = [answer for answer in answers if "ueue" in answer]
    assert len(played) >= 2 and len(refused) >= 4 and len(played) + len(refused) == 20
    assert slow.most == 1


def test_what_takes_too_long_is_stopped(song: Path) -> None:
    slow = SlowModel(seconds=60)
    with served(slow, Limits(timeout=4)) as address:
        line = _refusal(Client(address, verbose=False), song, instruments="violin")
        assert "takes longer than the 4 s that this server gives: ask for fewer seconds or takes" in line
        assert slow.playing == 0 and slow.stopped == 1


def test_for_those_who_go_away_nothing_is_played_on(song: Path) -> None:
    slow = SlowModel(seconds=60)
    with served(slow) as address:
        sent = upload(address, song).json()[0]
        body = {"tune": {"path": sent}, "instruments": "violin"}
        event = httpx.post(f"{address}/gradio_api/call/v2/orchestrate", json=body).json()["event_id"]
        with httpx.stream("GET", f"{address}/gradio_api/call/orchestrate/{event}", timeout=60) as answer:
            for line in answer.iter_lines():
                if '"done"' in line:
                    break
            assert wait_until(lambda: slow.playing == 1)
        assert wait_until(lambda: slow.stopped == 1 and slow.playing == 0)
        assert threading.active_count() < 200


def test_a_cancelled_job_stops_and_the_next_one_plays(song: Path) -> None:
    slow = SlowModel(seconds=60)
    with served(slow) as address:
        client = Client(address, verbose=False)
        job = client.submit(tune=handle_file(song), instruments="violin", api_name="/orchestrate")
        assert wait_until(lambda: slow.playing == 1)
        job.cancel()
        assert wait_until(lambda: slow.stopped == 1 and slow.playing == 0)
        slow.seconds = 0.0
        assert client.predict(tune=handle_file(song), instruments="violin", seconds=1, api_name="/orchestrate")["takes"]


def _documented(language: str, words: str, address: str) -> str:
    """The block of docs/engineers.md that has these words, at another address."""
    text = (PROJECT / "docs/engineers.md").read_text()
    blocks = re.findall(rf"^```{language}\n(.*?)```", text, re.MULTILINE | re.DOTALL)
    (block,) = [block for block in blocks if words in block]
    assert "http://127.0.0.1:7860" in block
    return block.replace("http://127.0.0.1:7860", address)


@pytest.mark.parametrize(("language", "words"), [("python", "gradio_client"), ("sh", "curl")])
def test_the_documented_examples_run(address: str, tmp_path: Path, language: str, words: str) -> None:
    if language == "sh" and not shutil.which("curl"):
        pytest.skip("there is no curl here")
    tune(tmp_path / "tune.wav", 4)
    program = [sys.executable, "-c"] if language == "python" else ["sh", "-ec"]
    code = _documented(language, words, address)
    done = subprocess.run([*program, code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (take,) = [path for path in tmp_path.glob("*.wav") if path.name != "tune.wav"]
    assert soundfile.info(take).duration == pytest.approx(4)
