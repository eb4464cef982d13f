"""What sharded training refuses before it starts; that it trains is shown by whole runs."""

from pathlib import Path

import pytest

from dataset_builder.errors import UserError
from orchestrator_solver.configuration.overrides import composed
from orchestrator_solver.runtime.fsdp import check


def test_what_goes_with_it(tmp_path: Path) -> None:
    more = ["lora.rank=4", "optim.micro_batch=auto", "autocast=true", "transformer_lm.checkpointing=torch"]
    check(composed(["solver=orchestrator_nano", "fsdp.use=true", *more]), tmp_path)


@pytest.mark.parametrize(
    ("setting", "words"),
    [("fsdp.sharding_strategy=no_shard", "no_shard: expected one of shard_grad_op, full_shard"),
     ("fsdp.buffer_dtype=float16", "buffer_dtype=float16: buffers are not converted"),
     ("optim.optimizer=prodigy", "prodigy does not go with fsdp.use=true")],
)  # fmt: skip
def test_what_does_not(tmp_path: Path, setting: str, words: str) -> None:
    check(composed(["solver=orchestrator_nano", setting]), tmp_path)
    with pytest.raises(UserError, match=words):
        check(composed(["solver=orchestrator_nano", "fsdp.use=true", setting]), tmp_path)


@pytest.mark.parametrize("use", ["true", "false"])
def test_a_checkpoint_in_parts_is_an_earlier_versions(tmp_path: Path, use: str) -> None:
    cfg = composed(["solver=orchestrator_nano", f"fsdp.use={use}"])
    for name in ("checkpoint.th", "checkpoint_3.th", ".checkpoint.th.here.1.tmp"):
        (tmp_path / name).touch()
    check(cfg, tmp_path)
    (tmp_path / "checkpoint.th.1").touch()
    with pytest.raises(UserError, match="holds a checkpoint in parts, which an earlier version wrote"):
        check(cfg, tmp_path)
