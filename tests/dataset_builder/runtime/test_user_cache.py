"""Where the user's folders cannot be written: what costs nothing goes on, what is paid for stops first, in one line."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from support.chat_server import ChatServer
from support.killing import words

from dataset_builder.descriptor.captions import cache
from dataset_builder.descriptor.captions.captioner import Caption
from dataset_builder.errors import UserError
from dataset_builder.llm.answer_cache import AnswerStore
from dataset_builder.llm.ask_all import ask_all
from dataset_builder.llm.settings import ChatSettings
from dataset_builder.runtime.user_cache import make_room_for_numba

CLOSED = Path("/dev/null/closed")  # where nobody can make a folder, root included


def test_captions_that_cost_nothing_are_made_and_not_kept(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(cache, "FOLDER", CLOSED)
    for _ in range(2):
        made = cache.cached_captions("who", [np.zeros(10)], 16_000, lambda wavs: [Caption("a waltz", {})])
        assert [caption.text for caption in made] == ["a waltz"]
    assert [record.getMessage() for record in caplog.records] == [
        "/dev/null/closed cannot be written: captions are not kept for a next time (ORCHESTRATOR_CACHE names another)"
    ]


def test_nothing_is_asked_whose_answer_could_not_be_kept(server: ChatServer) -> None:
    settings = ChatSettings(base_url=server.url, cache=CLOSED)
    with pytest.raises(UserError, match=r"^/dev/null/closed, .* cannot be written: name another by ORCHESTRATOR_C"):
        ask_all(["one", "two"], settings)
    assert server.asked == []
    AnswerStore(None).require_keeping()


@pytest.fixture
def read_only(tmp_path: Path) -> Path:
    """A folder that may not be written to."""
    folder = tmp_path / "home"
    folder.mkdir(mode=0o555)
    return folder


@pytest.fixture
def without_rights() -> Callable[..., subprocess.CompletedProcess[str]]:
    """`without_rights(HOME, module, word, ...)` runs a command with that home, whom even root's rights do not help."""
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        pytest.skip("setpriv is not here, by which root gives up its rights")

    def run(home: Path, *command: object) -> subprocess.CompletedProcess[str]:
        rights = [setpriv, "--bounding-set=-dac_override,-dac_read_search"]
        variables = ["env", "-u", "ORCHESTRATOR_CACHE", f"HOME={home}"]
        return subprocess.run(
            [*rights, *variables, sys.executable, "-m", *map(str, command)], capture_output=True, text=True, check=False
        )

    return run


@pytest.mark.slow
def test_playing_with_a_home_that_is_read_only(without_rights, read_only: Path, tmp_path: Path) -> None:
    song = tmp_path / "song.wav"
    soundfile.write(song, 0.3 * np.sin(np.arange(2 * 32_000) / 20), 32_000)
    command = ["orchestrate", song, "--instruments", "violin", "--out", tmp_path / "out", "--duration", 1]
    done = without_rights(read_only, "orchestrator_solver.cli", *command)
    assert done.returncode == 0 and "captions are not kept" in done.stderr, done.stderr[-2000:]
    assert len(list((tmp_path / "out").glob("*.wav"))) == 1


@pytest.mark.slow
def test_a_home_that_may_not_be_entered(without_rights, tmp_path: Path) -> None:
    """As in a container that runs as another user."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o000)
    done = without_rights(closed, "dataset_builder", "--help")
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.slow
def test_a_folder_that_may_not_be_written_is_one_line(without_rights, read_only: Path, tiny_slakh: Path) -> None:
    done = without_rights(read_only, "dataset_builder", *words(tiny_slakh, read_only / "data"))
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert f"error: {read_only / 'data'}" in done.stderr.splitlines()[-1] and "Permission denied" in done.stderr


def test_numba_has_a_folder_where_it_could_keep_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without one librosa cannot be imported; where it has one of its own, nothing is changed."""
    monkeypatch.setenv("NUMBA_CACHE_DIR", "")  # so that it is put back
    monkeypatch.delenv("NUMBA_CACHE_DIR")
    make_room_for_numba()
    assert "NUMBA_CACHE_DIR" not in os.environ
    monkeypatch.setattr("sysconfig.get_path", lambda name: "/proc")
    monkeypatch.setattr("platformdirs.user_cache_path", lambda name: CLOSED)
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    make_room_for_numba()
    folder = Path(os.environ["NUMBA_CACHE_DIR"])
    assert folder.is_dir()
