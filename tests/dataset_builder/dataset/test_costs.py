"""Payments are written down whole or not at all; one that a crash has torn stops nothing."""

import os
import resource
from pathlib import Path

import pytest

from dataset_builder.dataset.costs import Cost, Ledger, total_cost
from dataset_builder.errors import UserError


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a disk that is always full")
def test_a_payment_is_written_down_whole_or_not_at_all(tmp_path: Path) -> None:
    ledger, limits = Ledger(tmp_path, "m"), resource.getrlimit(resource.RLIMIT_FSIZE)
    ledger.add(Cost(1, 100, 10, 0.5))
    whole = ledger.path.read_bytes()
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(whole) + 20, limits[1]))  # room for a part of the next
    try:
        with pytest.raises(UserError, match="No space left"):
            ledger.add(Cost(1, 100, 10, 0.5))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert ledger.path.read_bytes() == whole and total_cost(tmp_path) == Cost(1, 100, 10, 0.5)


@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_a_payment_is_written_to_no_file_but_the_data_sets(tmp_path: Path, kind: str) -> None:
    ledger, victim = Ledger(tmp_path, "m"), tmp_path / "victim"
    victim.write_text("mine")
    make = {"link": lambda path: path.symlink_to(victim), "pipe": os.mkfifo, "folder": Path.mkdir}
    make[kind](ledger.path)
    with pytest.raises(UserError, match=r"costs\.jsonl: .*, expected a file of the data set: remove it"):
        ledger.add(Cost(1, 100, 10, 0.5))
    assert victim.read_text() == "mine"


@pytest.mark.parametrize(
    "torn",
    ['{"run": "2026', '{"calls": ' + "[" * 900 + "]" * 900 + ', "tokens_in": 0, "tokens_out": 0, "dollars": 0}',
     "[" * 100_000, "[]", "1", '{"calls": 1}', "\ufffd",
     '{"calls": -5, "tokens_in": 0, "tokens_out": 0, "dollars": -9.0}',
     '{"calls": 1, "tokens_in": NaN, "tokens_out": 0, "dollars": 0}',
     '{"calls": "1", "tokens_in": 1, "tokens_out": 1, "dollars": null}'],
)  # fmt: skip
def test_a_torn_payment_is_left_out_with_a_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], torn: str
) -> None:
    ledger = Ledger(tmp_path, "m")
    ledger.add(Cost(1, 100, 10, 0.5))
    with ledger.path.open("a") as file:
        file.write(torn)
    assert total_cost(tmp_path) == Cost(1, 100, 10, 0.5)
    assert "costs.jsonl: line 2 is torn, its cost is not counted" in capsys.readouterr().err
    ledger.add(Cost(2, 200, 20, 0.25))
    assert total_cost(tmp_path) == Cost(3, 300, 30, 0.75), "what comes after it is whole"
