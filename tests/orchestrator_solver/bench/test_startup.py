"""A start that is measured ends at its line, and one that fails says why."""

from pathlib import Path

import pytest

from dataset_builder.errors import UserError
from orchestrator_solver.bench.speed.startup import seconds_until


def test_the_clock_stops_at_the_line_that_is_waited_for(tmp_path: Path) -> None:
    assert seconds_until("Train", ["sh", "-c", "echo one >&2; echo Train here >&2; sleep 60"], tmp_path) < 30


def test_a_run_that_fails_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"the run ended early: .*no such run"):
        seconds_until(None, ["sh", "-c", "echo no such run >&2; exit 1"], tmp_path)
