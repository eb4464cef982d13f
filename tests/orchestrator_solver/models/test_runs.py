"""What a run says of where it comes from."""

import json
from pathlib import Path

import pytest

from orchestrator_solver.models.runs import _since_the_baseline


@pytest.fixture
def tuned(tmp_path: Path, tiny_models: Path) -> Path:
    """A model that another run of 500 updates made of the shipped one's baseline."""
    for name in ("model.safetensors", "model.json"):
        (tmp_path / name).write_bytes((tiny_models / name).read_bytes())
    told = json.loads((tmp_path / "model.json").read_text())
    told["facts"] |= {"baseline": "//pretrained/nano-baseline", "updates": 500}
    told.pop("sha256_of_all", None)  # what older exports lack
    (tmp_path / "model.json").write_text(json.dumps(told))
    return tmp_path


def test_a_run_that_goes_on_from_another_keeps_its_baseline(tuned: Path) -> None:
    found = _since_the_baseline(f"//pretrained/{tuned}", 300)
    assert found == {"baseline": "//pretrained/nano-baseline", "updates": 800}


@pytest.mark.parametrize("name", ["//pretrained/nano-baseline", "//pretrained/facebook/musicgen-melody"])
def test_what_was_begun_with_is_the_baseline_of_the_first(name: str) -> None:
    assert _since_the_baseline(name, 300) == {"baseline": name, "updates": 300}
    assert _since_the_baseline(name, 0) == {"baseline": name}
