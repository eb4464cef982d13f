"""Whatever bytes stand where a stranger's may, they are read or refused in one line, within memory and time.

`make fuzz` does at length what is done here in short. What hung or fell over once comes first (`corpus/`, and what the
doors craft), and the same numbers are the same inputs everywhere.
"""

import signal
from pathlib import Path

import pytest
from fuzz.campaign import run, table
from fuzz.door import FINDING, FINE, ONE_LINE, Door, Opened, corpus, input_of, judge
from fuzz.mutation import bytes_of, json_of
from fuzz.registry import doors

from dataset_builder.errors import UserError

BRIEFLY = 10  # inputs of a door
STRANGE_DOOR = """
import os, signal, sys
if "fuzz.child" in sys.orig_argv:
    from fuzz import registry
    from fuzz.door import Door, Opened
    def read(data):
        if data == b"die":
            os.kill(os.getpid(), signal.SIGSEGV)
        if data == b"memory":
            bytearray(4 << 30)
        while data == b"loop":
            pass
    crafted = {name: name.encode for name in ("well", "die", "memory", "loop", "also well")}
    registry.find = lambda name: Door(lambda folder: Opened([b"x"], read), None, crafted=crafted)
"""


@pytest.mark.slow
def test_every_door_holds(tmp_path: Path) -> None:
    inputs = {name: [*corpus(name, door), *map(str, range(BRIEFLY))] for name, door in doors().items()}
    rows = run(inputs, tmp_path, jobs=2)
    found = "\n".join(path.read_text()[:2000] for path in tmp_path.glob("*.txt"))
    assert not any(row.findings for row in rows.values()), f"{table(rows)}\n{found}"


def test_an_input_is_its_number() -> None:
    door = Door(lambda folder: Opened([], len), json_of)
    original = [b'{"a": [1, 2, {"b": "c"}], "d": null}']
    found = [input_of("a door", door, original, str(number)) for number in range(200)]
    assert found == [input_of("a door", door, original, str(number)) for number in range(200)]
    assert len(set(found)) > 150 and found != [input_of("another", door, original, str(n)) for n in range(200)]


def _raise(error: BaseException) -> object:
    raise error


@pytest.mark.parametrize(
    ("read", "kind"),
    [(len, FINE), (lambda data: _raise(UserError("it is torn")), ONE_LINE),
     (lambda data: _raise(UserError("a\nb")), FINDING), (lambda data: _raise(UserError("")), FINDING),
     (lambda data: _raise(KeyError("a")), FINDING),
     (lambda data: _raise(MemoryError()), FINDING), (lambda data: _raise(SystemExit(1)), FINDING)],
)  # fmt: skip
def test_what_is_no_value_and_not_one_line_is_a_finding(read, kind: str) -> None:
    door = Door(lambda folder: Opened([b"x"], read), bytes_of)
    assert judge(door, Opened([b"x"], read), b"y").kind == kind


def test_another_value_behind_a_checksum_is_a_finding() -> None:
    opened = Opened([b"x"], len)
    sealed = Door(lambda folder: opened, bytes_of, sealed=True)
    assert judge(sealed, opened, b"yy").kind == FINDING and judge(sealed, opened, b"y").kind == FINE
    assert judge(Door(lambda folder: opened, bytes_of), opened, b"yy").kind == FINE


def test_an_input_that_ends_the_process_is_named_and_the_next_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A door of this test's alone, which `fuzz.child` finds beside the others."""
    (tmp_path / "sitecustomize.py").write_text(STRANGE_DOOR)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{Path(__file__).parents[1]}:{Path(__file__).parents[2]}")
    rows = run({"a door": ["well", "die", "memory", "loop", "also well"]}, tmp_path / "found")
    assert rows["a door"].findings == ["die", "memory", "loop"] and rows["a door"].counts[FINE] == 2
    told = {path.stem: path.read_text() for path in (tmp_path / "found").iterdir()}
    assert signal.SIGSEGV.name in told["a door - die"] and "MemoryError" in told["a door - memory"]
    assert "SIGXCPU" in told["a door - loop"] and "--door 'a door' --input 'loop'" in told["a door - loop"]
