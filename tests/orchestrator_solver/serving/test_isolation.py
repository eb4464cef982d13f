"""What one user has, another cannot get: neither files nor paths of this machine, nor what Gradio could fetch."""

import os
import tempfile
import time
from pathlib import Path

import httpx
import pytest

pytest.importorskip("gradio", reason="gradio is not installed (the extra `serve`)")

from gradio_client import Client, handle_file
from support.served import SlowModel, served, tune, upload, wait_until

from dataset_builder.errors import UserError
from orchestrator_solver.generation.orchestrator import Orchestrator
from orchestrator_solver.generation.recordings import Recording
from orchestrator_solver.serving.server import application, serve
from orchestrator_solver.serving.sessions import Sessions
from orchestrator_solver.serving.uploads import Uploads
from orchestrator_solver.serving.wish import Limits


def _folder() -> Path:
    """Of the server that was started last."""
    return Path(os.environ["GRADIO_TEMP_DIR"]).parent


def test_a_take_is_found_by_those_who_were_told_its_word_and_gone_with_its_user(tmp_path: Path) -> None:
    with served(SlowModel()) as address:
        user = Client(address, verbose=False)
        answer = user.predict(
            tune=handle_file(tune(tmp_path / "song.wav")), instruments="violin", api_name="/orchestrate"
        )
        found = answer["takes"][0]["wav"]
        _, _, token, name = found.split("/")
        guesses = [
            f"/takes/{name}", f"/takes//{name}", f"/takes/{'x' * len(token)}/{name}", f"/takes/{token}/..%2f{name}",
            f"/takes/{token}/", f"/takes/{token}", "/takes/../takes", f"/takes/{token}/..", "/takes/%2e%2e/uploads",
            f"/gradio_api/file={_folder() / 'takes' / token / name}", f"/file={_folder() / 'takes' / token / name}",
            f"/gradio_api/file/{_folder()}/takes/{token}/{name}", "/gradio_api/file=/etc/passwd",
        ]  # fmt: skip
        assert [guess for guess in guesses if httpx.get(address + guess).status_code != 404] == []
        assert httpx.get(address + found).status_code == 200
        user.close()
        assert wait_until(lambda: httpx.get(address + found).status_code == 404)
        assert list((_folder() / "takes").iterdir()) == []


def test_an_upload_is_a_users_own_and_gone_once_it_was_heard(tmp_path: Path) -> None:
    """Also where two send the same file; what an upload answers names no path of this machine."""
    song = tune(tmp_path / "song.wav")
    with served(SlowModel()) as address:
        words = [upload(address, song).json()[0] for _ in range(2)]
        assert words[0] != words[1] and not any(word.startswith("/") or tempfile.gettempdir() in word for word in words)
        for guess in (f"/gradio_api/file={words[0]}", f"/gradio_api/file={_folder() / 'uploads' / words[0]}"):
            assert httpx.get(address + guess).status_code == 404
        for word, expected in ((words[0], 200), (words[0], 400), (words[1], 200)):
            body = {"tune": {"path": word}}
            sent = httpx.post(f"{address}/gradio_api/call/v2/describe", json=body)
            assert sent.status_code == expected
            if expected == 200:
                event = sent.json()["event_id"]
                told = httpx.get(f"{address}/gradio_api/call/describe/{event}", timeout=60).text
                assert "event: complete" in told and str(_folder()) not in told
        assert list((_folder() / "uploads").iterdir()) == []
        folder = _folder()
    assert not folder.exists()


CLOSED = [
    "/gradio_api/proxy=http://127.0.0.1:1/", "/proxy=http://127.0.0.1:1/", "/monitoring", "/monitoring/summary",
    "/gradio_api/runs", "/docs", "/openapi.json", "/custom_component/x", "/gradio_api/vibe-code/",
    "/gradio_api/deep_link", "/login",
    "/gradio_api/stream/x/1/1/playlist.m3u8", "/%2e%2e/etc/passwd",
]  # fmt: skip


def test_what_the_page_does_not_need_is_not_there() -> None:
    with served(SlowModel()) as address:
        assert [path for path in CLOSED if httpx.get(address + path).status_code != 404] == []
        for path in ("run/describe", "api/describe", "component_server", "stream/x", "process_recording"):
            assert httpx.post(f"{address}/gradio_api/{path}", json={"data": []}).status_code == 404
        page = httpx.get(address)
        assert page.status_code == 200 and "default-src 'self'" in page.headers["content-security-policy"]
        assert str(_folder()) not in page.text and str(Path.cwd()) not in page.text


def test_sessions_are_few_and_end(tmp_path: Path) -> None:
    """The one that was used longest ago goes first; all go after a while."""
    sessions = Sessions(tmp_path, capacity=2, age=0.3)
    record = {"reference": {}, "prompt": "", "instruments": [], "words": [], "model": {"name": "m"}, "seed": 0,
              "settings": {"guidance": 3.0}, "computed": {}}  # fmt: skip
    recording = Recording(tune_samples(), 16_000, record)
    kept = [sessions.keep(key, [recording])[0] for key in ("a", "b", "c")]
    assert [sessions.file(take.token, take.name) is not None for take in kept] == [False, True, True]
    time.sleep(0.4)
    assert [sessions.file(take.token, take.name) for take in kept] == [None] * 3 and list(tmp_path.iterdir()) == []


def tune_samples() -> object:
    import numpy as np

    return np.zeros(16_000, np.float32)


def test_uploads_that_nobody_uses_end(tmp_path: Path) -> None:
    song, folder = tune(tmp_path / "song.wav"), tmp_path / "uploads"
    folder.mkdir()
    uploads = Uploads(folder, age=0.2)
    with song.open("rb") as file:
        old = uploads.put("song.wav", file)
        assert uploads.path_of(old)
        time.sleep(0.3)
        new = uploads.put("song.wav", file)
        assert uploads.path_of(old) is None and uploads.path_of(new)
        few = Uploads(folder, most=2)
        words = [few.put("song.wav", file) for _ in range(3)]
    assert [few.path_of(word) is not None for word in words] == [False, True, True]


def test_a_port_that_is_taken_is_one_line() -> None:
    with served(SlowModel()) as address:
        port = int(address.rpartition(":")[2])
        with pytest.raises(
            UserError, match=f"cannot listen at 127.0.0.1, port {port} .*: name another --host or --port"
        ):
            serve(application(Orchestrator(SlowModel()), Limits()), "127.0.0.1", port)
