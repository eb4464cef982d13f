"""`orchestrator doctor`: what it finds, what it calls missing, and what it never says."""

import json
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from dataset_builder.errors import UserError
from orchestrator_solver import cli, paths
from orchestrator_solver.bench import random_hub
from orchestrator_solver.configuration import preflight
from orchestrator_solver.configuration.overrides import composed
from orchestrator_solver.models import loading
from orchestrator_solver.weights import hub
from orchestrator_solver.workflows import doctor
from orchestrator_solver.workflows.gpu_memory import language_model_parameters


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, empty_hub: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of runs, no keys, no cache."""
    monkeypatch.setenv("ORCHESTRATOR_DORA_DIR", str(tmp_path / "runs"))
    monkeypatch.setenv("NETRC", str(tmp_path / "none"))
    for name in ("WANDB_API_KEY", "WANDB_MODE", "OPENAI_API_KEY", "HF_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def _status(*overrides: str) -> dict[str, doctor.Finding]:
    return {finding.subject: finding for finding in doctor.examine(composed(list(overrides)))}


def test_a_run_that_finds_all(tiny_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["doctor", "--data", str(tiny_data), "--json"]) == 0
    findings = json.loads(capsys.readouterr().out)
    assert {finding["status"] for finding in findings} == {"ok", "note"}
    assert {finding["subject"] for finding in findings} >= {"seams", "disk", "data train", "packages"}


def test_a_run_that_lacks_all(machine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = cli.main(["doctor", "--data", str(machine), "solver=orchestrator", "logging.log_wandb=true"])
    out = capsys.readouterr().out
    assert code == 1
    for words in ("missing GPU", "missing data train", "missing facebook/musicgen-melody", "missing t5-base",
                  "missing adefossez/HTDemucs", "missing key of wandb", "hf download t5-base"):  # fmt: skip
        assert words in out


def test_published_weights_are_found(empty_hub: Path) -> None:
    for model in hub.MODELS.values():
        for name in model.files:
            random_hub.put(empty_hub, model.repo, name if isinstance(name, str) else name[-1], Path.touch)
    found = _status("solver=orchestrator")
    assert {found[name].status for name in ("facebook/musicgen-melody", "t5-base", "adefossez/HTDemucs")} == {"ok"}


def test_keys_are_never_shown(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("WANDB_API_KEY", "OPENAI_API_KEY", "HF_TOKEN"):
        monkeypatch.setenv(name, "hf_secret")
    found = list(doctor.keys(composed(["solver=orchestrator_nano"])))
    assert {finding.status for finding in found} == {"ok"}
    assert not any("secret" in str(finding) for finding in found)


def test_audio_that_is_gone(tiny_data: Path, machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORCHESTRATOR_SOURCE_ROOT", str(machine))
    (gone, *_) = doctor.data(composed(["solver=orchestrator_nano", f"dset_root={tiny_data}"]))
    assert gone.status == "missing" and "Track00001" in gone.detail and "ORCHESTRATOR_SOURCE_ROOT" in gone.cure


def test_versions_that_are_not_the_locks(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (machine / "requirements.lock").write_text(
        "torch==1.0.0\nnumpy==1.0.0\n# a comment\nother==1.0 ; sys_platform == 'never'\n"
    )
    monkeypatch.setattr(paths, "PROJECT", machine)
    found = {finding.subject: finding for finding in doctor.versions(preflight.DictConfig({}))}
    assert found["torch"].status == "missing" and found["packages"].status == "note"
    assert "2 of 2" in found["packages"].detail and "numpy" in found["packages"].detail


def test_packages_of_extras_may_be_missing_and_no_others(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (machine / "requirements.lock").write_text("of-an-extra==1.0\nhydra-core==1.3.2\nomegaconf==2.3.0\n")
    monkeypatch.setattr(paths, "PROJECT", machine)
    versions = {"hydra-core": "1.3.2", "omegaconf": "2.3.0"}

    def version(name: str) -> str:
        if name not in versions:
            raise PackageNotFoundError(name)
        return versions[name]

    monkeypatch.setattr(doctor.metadata, "version", version)
    (found,) = doctor.versions(preflight.DictConfig({}))
    assert found.status == "ok" and "all 2" in found.detail
    del versions["omegaconf"]  # of hydra-core's own
    (found,) = doctor.versions(preflight.DictConfig({}))
    assert found.status == "note" and "omegaconf none" in found.detail


@pytest.mark.parametrize(("used", "status"), [(True, "missing"), (False, "note")])
def test_tensorboard_is_needed_by_runs_that_log_to_it(monkeypatch: pytest.MonkeyPatch, used: bool, status: str) -> None:
    def version(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(doctor.metadata, "version", version)
    cfg = composed(["solver=orchestrator_nano", f"logging.log_tensorboard={used}"])
    found = {finding.subject: finding for finding in doctor.logging(cfg)}["tensorboard"]
    assert found.status == status and "pip install tensorboard" in found.cure


def test_a_run_that_would_log_to_no_tensorboard_stops(tiny_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cfg = composed(["solver=orchestrator_nano", f"dset_root={tiny_data}", "logging.log_tensorboard=true"])
    preflight.check(cfg)
    monkeypatch.setattr(preflight, "find_spec", lambda name: None)
    with pytest.raises(UserError, match="pip install tensorboard"):
        preflight.check(cfg)


def test_a_build_for_the_cpu_is_the_same_version(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (machine / "requirements.lock").write_text("torch==2.13.0\nnumpy==2.4\n")
    monkeypatch.setattr(paths, "PROJECT", machine)
    monkeypatch.setattr(doctor.metadata, "version", {"torch": "2.13.0+cpu", "numpy": "2.4.0"}.get)
    (found,) = doctor.versions(preflight.DictConfig({}))
    assert (found.status, found.detail) == ("ok", "all 2 as in the lock")


@pytest.mark.parametrize(
    ("torchs", "audios", "status"),
    [("2.13.0+cpu", "2.11.0", "ok"), ("2.13.0+cu126", "2.11.0+cu126", "ok"), ("2.13.0", "2.11.0", "ok"),
     ("2.13.0+cu126", "2.11.0+cpu", "missing"), ("2.13.0", "2.11.0+cpu", "missing")],
)  # fmt: skip
def test_builds_that_are_mixed(torchs: str, audios: str, status: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """torchaudio of the package index goes with any: its compiled part is left out where it does not fit."""
    monkeypatch.setattr(doctor.metadata, "version", {"torch": torchs, "torchaudio": audios}.get)
    (found,) = doctor.builds(preflight.DictConfig({}))
    assert found.status == status and torchs in found.detail and ("make setup" in found.cure) is (status == "missing")


def test_a_build_without_cuda_is_told_from_a_gpu_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {}
    monkeypatch.setattr(doctor.torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(doctor.torch.cuda, "init", lambda: None)
    for cuda in (None, "13.0"):
        monkeypatch.setattr(doctor.torch.version, "cuda", cuda)
        for device in ("cuda", "cpu"):
            (found[cuda, device], _) = doctor.devices(preflight.DictConfig({"device": device}))
    assert {key: finding.status for key, finding in found.items()} == {
        (None, "cuda"): "missing", (None, "cpu"): "note", ("13.0", "cuda"): "missing", ("13.0", "cpu"): "note",
    }  # fmt: skip
    assert "built without CUDA" in found[None, "cuda"].detail and "make setup" in found[None, "cuda"].cure
    assert "sees no GPU" in found["13.0", "cuda"].detail and "GPU node" in found["13.0", "cuda"].cure


def test_a_folder_of_runs_that_cannot_be_written(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORCHESTRATOR_DORA_DIR", "/proc/runs")
    found = {finding.subject: finding for finding in doctor.runs(composed(["solver=orchestrator_nano"]))}
    assert found["folder of runs"].status == "missing"


def test_unknown_configurations() -> None:
    with pytest.raises(UserError, match="no configuration"):
        composed(["solver=nothing"])


@pytest.mark.parametrize(("scale", "billions"), [("small", 0.32), ("medium", 1.38), ("large", 2.43)])
def test_parameters_by_formula(scale: str, billions: float) -> None:
    """Of the language model alone; MusicGen's 300M, 1.5B and 3.3B also count T5, EnCodec and cross attention."""
    cfg = composed(["solver=orchestrator", f"model/lm/model_scale@_global_={scale}"])
    assert language_model_parameters(cfg) / 1e9 == pytest.approx(billions, rel=0.02)


def test_parameters_of_a_model(tiny_models: Path) -> None:
    from orchestrator_solver.weights import package

    model = loading.build_lm_from_package(package.load(str(tiny_models), "lm"))
    counted = sum(value.numel() for name, value in model.named_parameters() if "condition_provider" not in name)
    assert language_model_parameters(model.cfg) == pytest.approx(counted, rel=0.05)


def test_seams_are_listed_with_their_reasons(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["doctor", "--seams"]) == 0
    printed = capsys.readouterr().out
    assert "audiocraft.models.builders.get_lm_model\n  Why: " in printed and printed.count("Goes when: ") > 15


@pytest.mark.parametrize("stage", ["train", "evalute", ""])
def test_what_cannot_be_executed_alone_is_one_line(stage: str) -> None:
    with pytest.raises(UserError, match=r"unknown execute_only=.*: expected one of valid, evaluate, generate, prepare"):
        preflight.check(composed(["solver=orchestrator_nano", f"execute_only={stage}"]))
