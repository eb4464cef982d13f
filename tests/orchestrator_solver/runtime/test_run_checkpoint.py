"""A run's checkpoints: a full disk or a kill while saving leaves the one before, and a torn one is told."""

import errno
import multiprocessing
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from audiocraft.utils.checkpoint import load_checkpoint

from dataset_builder.errors import UserError
from orchestrator_solver.runtime import run_checkpoint
from orchestrator_solver.seams import unpickling

OLD, NEW = {"epoch": 1}, {"epoch": 2, "weights": torch.zeros(1000)}


def _full(state: object, file: object) -> None:
    file.write(b"half")  # type: ignore[attr-defined]
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_keeps_the_last_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "checkpoint.th"
    run_checkpoint.save(OLD, path)
    with monkeypatch.context() as patch:
        patch.setattr(torch, "save", _full)
        with pytest.raises(UserError, match=r"checkpoint\.th cannot be written: No space left .* is whole"):
            run_checkpoint.save(NEW, path)
    assert torch.load(path) == OLD and [p.name for p in tmp_path.iterdir()] == ["checkpoint.th"]
    run_checkpoint.save(NEW, path)
    assert torch.load(path)["epoch"] == 2


def test_other_mistakes_are_not_hidden(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        run_checkpoint.save(OLD, tmp_path / "nowhere" / "checkpoint.th")


def _kill_at(place: str, path: Path) -> None:
    """Save in this process, which kills itself at one of the places where files change."""
    names = {"write": (torch, "save"), "sync": (os, "fsync"), "rename": (Path, "replace")}
    owner, name = names[place]
    setattr(owner, name, lambda *_: os.kill(os.getpid(), signal.SIGKILL))
    run_checkpoint.save(NEW, path)


@pytest.mark.parametrize("place", ["write", "sync", "rename"])
def test_a_kill_keeps_the_last_one(tmp_path: Path, place: str) -> None:
    path = tmp_path / "checkpoint.th"
    run_checkpoint.save(OLD, path)
    process = multiprocessing.get_context("fork").Process(target=_kill_at, args=(place, path))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    assert torch.load(path) == OLD
    run_checkpoint.save(NEW, path)
    assert torch.load(path)["epoch"] == 2 and len(list(tmp_path.iterdir())) == 1


def _save_often(path: Path) -> None:
    for _ in range(40):
        run_checkpoint.save(NEW, path)


def test_of_120_racing_saves_none_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.th"
    run_checkpoint.save(NEW, path)
    racing = [multiprocessing.get_context("fork").Process(target=_save_often, args=(path,)) for _ in range(3)]
    for process in racing:
        process.start()
    while any(process.is_alive() for process in racing):
        assert torch.load(path)["epoch"] == 2
    assert [process.exitcode for process in racing] == [0, 0, 0]
    assert [left.name for left in tmp_path.iterdir()] == ["checkpoint.th"]


def _state(epoch: int, part: str = "") -> dict:
    return {"history": [epoch], "model": {}, "optimizer": {}, "part": part}


def test_the_newest_whole_epoch_takes_a_torn_ones_place(tmp_path: Path) -> None:
    last = tmp_path / "checkpoint.th"
    for epoch in (2, 9, 10, 11):  # 10 comes after 9, whatever the letters say
        run_checkpoint.save(_state(epoch), tmp_path / f"checkpoint_{epoch}.th")
    run_checkpoint.save(_state(12), last)
    assert run_checkpoint.go_back_to_whole(last) is None and torch.load(last) == _state(12)
    for path in (last, tmp_path / "checkpoint_11.th"):
        path.write_bytes(path.read_bytes()[:-50])
    assert run_checkpoint.go_back_to_whole(last) == tmp_path / "checkpoint_10.th"
    assert torch.load(last) == torch.load(tmp_path / "checkpoint_10.th") == _state(10)
    for path in tmp_path.iterdir():
        path.write_bytes(b"")
    run_checkpoint.save({"model": {}}, tmp_path / "checkpoint_9.th")  # as keep_every_states leaves it
    with pytest.raises(UserError, match="of no epoch is one whole with all states"):
        run_checkpoint.go_back_to_whole(last)
    assert last.read_bytes() == b""
    last.unlink()
    assert run_checkpoint.go_back_to_whole(last) is None, "a run that has none yet"


def test_a_link_is_not_gone_back_to(tmp_path: Path) -> None:
    """It may lead out of the folder of runs, to a file that must not be unpickled."""
    last, elsewhere = tmp_path / "run" / "checkpoint.th", tmp_path / "elsewhere.th"
    last.parent.mkdir()
    last.write_bytes(b"torn")
    torch.save(_state(3), elsewhere)
    (last.parent / "checkpoint_3.th").symlink_to(elsewhere)
    with pytest.raises(UserError, match="of no epoch is one whole"):
        run_checkpoint.go_back_to_whole(last)
    assert last.read_bytes() == b"torn"


@pytest.mark.parametrize("damage", [lambda data: data[:-100], lambda data: data[: len(data) // 2], lambda data: b""])
def test_a_torn_one_is_one_line_that_names_the_newest_that_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: Callable[[bytes], bytes]
) -> None:
    monkeypatch.setattr(unpickling, "run_folder", lambda: tmp_path)
    torn, names = tmp_path / "checkpoint.th", ("checkpoint_2.th", "checkpoint_3.th", "checkpoint_4.th")
    for age, name in enumerate((*names, torn.name)):
        run_checkpoint.save(NEW, tmp_path / name)
        os.utime(tmp_path / name, (age, age))
    for path in (torn, tmp_path / names[2]):
        path.write_bytes(damage(path.read_bytes()))
        os.utime(path, (9, 9))
    with pytest.raises(UserError, match=r"checkpoint\.th is torn; \S*checkpoint_3\.th is whole") as caught:
        load_checkpoint(torn)
    assert "\n" not in str(caught.value)
    for name in names:
        (tmp_path / name).unlink()
    with pytest.raises(UserError, match="no other is whole"):
        load_checkpoint(torn)
