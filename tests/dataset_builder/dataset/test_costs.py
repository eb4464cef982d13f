"""Payments are written down whole or not at all."""

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
    ledger.path.unlink()
    ledger.path.symlink_to("/dev/full")
    with pytest.raises(UserError, match="No space left"):
        ledger.add(Cost(1, 100, 10, 0.5))
