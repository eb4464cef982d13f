"""What `-X importtime` says is read right: a module's seconds, and who asked for it; a failing command says why."""

import subprocess
import sys
from pathlib import Path

import pytest

from dataset_builder.errors import UserError
from orchestrator_solver.bench.speed.child import run_child
from orchestrator_solver.bench.speed.import_tree import costliest


def test_the_costliest_import_is_found_with_who_asked_for_it(tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text("import time\ntime.sleep(0.3)")
    (tmp_path / "asks.py").write_text("import quick\nimport slow\nimport late")
    for name in ("quick", "late"):
        (tmp_path / f"{name}.py").write_text("import slow")
    (tmp_path / "quick.py").write_text("")
    command = [sys.executable, "-X", "importtime", "-c", "import asks"]
    said = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stderr
    (found,) = costliest(said, 1)
    assert (found.module, found.asked_by) == ("slow", "asks")
    assert 0.3 <= found.seconds < 10


def test_what_the_command_itself_imports_is_asked_for_by_the_command() -> None:
    said = "import time:       100 |        100 |   inner\nimport time:        10 |        110 | outer\n"
    assert [(one.module, one.asked_by) for one in costliest(said, 5)] == [("inner", "outer"), ("outer", "the command")]


def test_a_child_tells_its_cpu_time_and_not_its_sleep(tmp_path: Path) -> None:
    slept = run_child([sys.executable, "-c", "import time; time.sleep(1.5); print('done')"], tmp_path)
    assert slept.cpu_seconds < 1
    assert slept.stdout == "done\n"


def test_a_child_that_fails_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"ended with code 1: .*no such thing$"):
        run_child([sys.executable, "-c", "raise RuntimeError('no such thing')"], tmp_path)
