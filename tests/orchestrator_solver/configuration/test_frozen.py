"""A run goes on with the configuration that it began with: others stop it, or are taken, or left, on request."""

import logging
import multiprocessing
from pathlib import Path

import pytest
import torch
from omegaconf import DictConfig, OmegaConf

from dataset_builder.errors import UserError
from orchestrator_solver import train
from orchestrator_solver.configuration import frozen

LR = "optim.lr: 0.001 -> 0.002"


@pytest.fixture
def begun(tmp_path: Path) -> Path:
    """Folder of a run that has begun."""
    assert _start(tmp_path) is not None
    (tmp_path / "run/checkpoint.th").touch()
    return tmp_path


def _start(place: Path, policy: str = "stop", begins: bool = True, **settings: object) -> DictConfig:
    """Start the run in `place` with `config/a.yaml` of these settings, whose names have `__` for dots."""
    (place / "config").mkdir(exist_ok=True)
    text = {"on_changed_config": policy, "device": "cpu", "dset_root": "data/a", "num_threads": 1, "seed": 1,
            "dora": {"exclude": ["device", "num_threads", "logging.*", "on_changed_config"], "dir": "outputs"},
            "optim": {"lr": 0.001},
            "dataset": {"num_workers": 1, "valid": {"num_workers": 1}}, "logging": {"level": "INFO"},
            "source": "${dset_root}/egs"}  # fmt: skip
    cfg = OmegaConf.create(text)
    for name, value in settings.items():
        OmegaConf.update(cfg, name.replace("__", "."), value)
    (place / "config/a.yaml").write_text(OmegaConf.to_yaml({name: cfg[name] for name in ("optim", "seed")}))
    (place / "config/b.yaml").write_text("x: 1\n")
    return frozen.settled(cfg, place / "run", begins=begins, yaml_folder=place / "config")


def test_unchanged_it_goes_on_without_a_word(begun: Path, caplog: pytest.LogCaptureFixture) -> None:
    before = (begun / "run" / frozen.RECORD).read_bytes()
    assert _start(begun).optim.lr == 0.001
    assert not caplog.records and (begun / "run" / frozen.RECORD).read_bytes() == before


def test_a_changed_default_stops_it_and_is_named(begun: Path) -> None:
    with pytest.raises(UserError) as caught:
        _start(begun, optim__lr=0.002, optim__new="x")
    line = str(caught.value)
    assert line.startswith(f'run run began with other settings: {LR}; optim.new: (none) -> "x" (config/a.yaml changed')
    assert "on_changed_config=keep" in line and "config/b.yaml" not in line and "\n" not in line


def test_what_is_taken_is_recorded(begun: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert _start(begun, "take", optim__lr=0.002).optim.lr == 0.002
    assert LR in caplog.text
    assert _start(begun, optim__lr=0.002).optim.lr == 0.002
    with pytest.raises(UserError, match=r"optim\.lr: 0.002 -> 0.001"):
        _start(begun)


def test_what_is_kept_is_as_it_began_but_for_the_machine(begun: Path) -> None:
    for _ in range(2):  # nothing is recorded
        kept = _start(begun, "keep", optim__lr=0.002, seed=3, num_threads=4, dset_root="data/b")
        assert (kept.optim.lr, kept.seed, kept.num_threads, kept.source) == (0.001, 1, 4, "data/b/egs")
    with pytest.raises(Exception, match="Key 'epochs' is not in struct"):
        _ = kept.epochs


def test_what_is_of_the_machine_is_no_difference(begun: Path) -> None:
    _start(begun, dset_root="/elsewhere", num_threads=8, device="cuda", dora__dir="/runs", dataset__num_workers=4,
           dataset__valid__num_workers=2, logging__level="DEBUG")  # fmt: skip


def test_before_its_first_checkpoint_it_may_be_changed(tmp_path: Path) -> None:
    _start(tmp_path)
    _start(tmp_path, optim__lr=0.002)
    (tmp_path / "run/checkpoint.th").touch()
    _start(tmp_path, optim__lr=0.002)


def test_a_run_of_before_is_taken_as_it_is(begun: Path, caplog: pytest.LogCaptureFixture) -> None:
    (begun / "run" / frozen.RECORD).unlink()
    _start(begun, optim__lr=0.002)
    assert "no record" in caplog.text
    with pytest.raises(UserError, match=r"optim\.lr: 0.002 -> 0.001"):
        _start(begun)


def test_a_stage_alone_is_stopped_and_records_nothing(begun: Path) -> None:
    with pytest.raises(UserError, match=LR):
        _start(begun, begins=False, optim__lr=0.002)
    _start(begun, "take", begins=False, optim__lr=0.002)
    with pytest.raises(UserError, match=LR):
        _start(begun, optim__lr=0.002)


@pytest.mark.parametrize(("policy", "text"), [("ask", None), ("stop", "{"), ("stop", "[]"), ("stop", '{"a": 1}')])
def test_what_makes_no_sense_is_one_line(begun: Path, policy: str, text: str | None) -> None:
    if text is not None:
        (begun / "run" / frozen.RECORD).write_text(text)
    with pytest.raises(UserError, match=r"expected stop, take, keep|is no record of a run's configuration"):
        _start(begun, policy)


def _worker(rank: int, place: Path, policy: str) -> None:
    """Ends with 2 if it is stopped, otherwise writes what it settled for."""
    logging.disable()
    torch.distributed.init_process_group("gloo", f"file://{place}/meet", world_size=2, rank=rank)
    try:
        lr = _start(place / f"copy{rank}" if rank else place, policy, optim__lr=0.002).optim.lr
    except UserError:
        raise SystemExit(2) from None
    (place / f"settled{rank}").write_text(str(lr))


@pytest.mark.parametrize(("policy", "code", "lr"), [("stop", 2, None), ("keep", 0, "0.001"), ("take", 0, "0.002")])
def test_two_processes_agree(begun: Path, policy: str, code: int, lr: str | None) -> None:
    """Even where the second does not see the run's folder."""
    (begun / "copy1").mkdir()
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_worker, args=(rank, begun, policy)) for rank in (0, 1)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [code, code]
    assert [path.read_text() for path in sorted(begun.glob("settled*"))] == ([lr, lr] if lr else [])


def test_it_is_no_part_of_the_signature() -> None:
    one, two = (train.main.get_xp(["solver=orchestrator_nano", *more]) for more in ([], ["on_changed_config=keep"]))
    assert one.sig == two.sig
