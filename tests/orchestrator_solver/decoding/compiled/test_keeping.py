"""What was compiled is kept until a file of the kernels changes."""

import pytest

from orchestrator_solver.decoding.compiled import keeping, kernels
from orchestrator_solver.decoding.compiled.build import build


def test_what_is_kept_is_of_these_files(monkeypatch: pytest.MonkeyPatch) -> None:
    build()  # at once, unless a file changed since `make setup`
    files = kernels.step._cache._cache_file
    assert files._load_index()
    monkeypatch.setattr(files, "_source_stamp", keeping._stamp() + "another")
    assert not files._load_index()
