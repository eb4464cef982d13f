"""The paper's KL and CLAP through the true networks, with random weights in files of the published formats.

They are audiocraft's scores to 1e-6; whose weights they are is checked and told; nothing in a file is run. The networks
have few layers; test_paper_networks.py has all of them.
"""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch
from support import hub_cache, paper_networks
from support.paper_networks import audiocrafts_kl, clips, sounds
from support.tiny_models import SECONDS

from dataset_builder.errors import UserError
from dataset_builder.runtime.checksums import digest_of
from orchestrator_solver import cli
from orchestrator_solver.metrics.clips import Clips
from orchestrator_solver.metrics.paper import clap, passt
from orchestrator_solver.metrics.registry import SETS, build_metrics, build_set_metrics, provenance_of
from orchestrator_solver.weights import known_files

RATE = paper_networks.RATE
PASST_METRICS = ("kl_passt", "kl_passt_independent")


class Harmful:
    """Makes a folder when unpickled."""

    def __reduce__(self) -> tuple:
        return os.mkdir, (os.environ["HARM"],)


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Without a network: files of both networks with few layers, and the tokenizer in the hub's cache."""
    home = tmp_path_factory.mktemp("hub")
    with pytest.MonkeyPatch.context() as monkeypatch:
        hub_cache.use(home, monkeypatch)
        paper_networks.few_layers(monkeypatch)
        paper_networks.put_tokenizer(home)
        paper_networks.put_passt(home / "passt.pt")
        paper_networks.put_clap(home / "clap.pt")
        yield home
    _forget()


def _forget() -> None:
    passt.shared_passt.cache_clear()
    clap.shared_clap.cache_clear()


def metrics_of(folder: Path, *names: str) -> dict:
    settings = {name: {"checkpoint": folder / "passt.pt"} for name in PASST_METRICS}
    return build_metrics(names, **settings, clap={"checkpoint": folder / "clap.pt", "any_hash": True})


@pytest.mark.parametrize(
    ("rate", "seconds"),
    [
        (32_000, 1.0),
        (16_000, 1.0),
        (48_000, 0.5),
        *(pytest.param(32_000, s, marks=pytest.mark.slow) for s in (20.1, 21)),
    ],
)
def test_kl_is_audiocrafts(hub: Path, monkeypatch: pytest.MonkeyPatch, rate: int, seconds: float) -> None:
    """Of a batch of clips of one length; above 20 s in pieces, of which one under 0.15 s is left out."""
    played = sounds(rate, seconds)
    batch = clips(played, played[1:] + played[:1], rate)
    scores = metrics_of(hub, "kl_passt")["kl_passt"](batch)
    assert scores.mean() == pytest.approx(audiocrafts_kl(hub / "passt.pt", batch, monkeypatch), abs=1e-6)
    assert (scores > 1e-3).all() and len(set(scores)) == 3


def test_independent_kl_is_that_of_yes_and_no() -> None:
    """Against torch's distributions; it is finite where a probability is 0, and sees a class that is missing."""
    from torch.distributions import Bernoulli, kl_divergence

    target, generated = torch.randn(4, 527) * 3, torch.randn(4, 527) * 3
    theirs = kl_divergence(Bernoulli(logits=target.double()), Bernoulli(logits=generated.double())).sum(dim=-1)
    assert passt.independent_kl(target, generated) == pytest.approx(theirs.numpy())
    assert np.isfinite(passt.independent_kl(target * 100, generated * 100)).all()
    both = torch.tensor([[9.0, 9.0, -9.0]])
    assert passt.independent_kl(both, torch.tensor([[9.0, -9.0, -9.0]]))[0] > 8
    assert passt.softmax_kl(both, both + 4) == pytest.approx(0, abs=1e-5)
    assert passt.independent_kl(both, both - 9)[0] > 1  # all of them quieter, which a softmax cannot tell


def test_kl_of_a_clip_to_itself_is_zero(hub: Path) -> None:
    same = sounds()
    for metric in metrics_of(hub, *PASST_METRICS).values():
        assert metric(clips(same, same)) == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize("rate", [16_000, 32_000, 48_000])
def test_clap_is_audiocrafts(hub: Path, monkeypatch: pytest.MonkeyPatch, rate: int) -> None:
    """By the class that audiocraft uses, with the modules there that it imports and does not call."""
    played = sounds(rate)
    batch = clips(played, played, rate)
    scores = metrics_of(hub, "clap")["clap"](batch)
    metric = audiocrafts_clap(hub / "clap.pt", monkeypatch)
    for wav, text, score in zip(batch.generated, batch.prompts, scores, strict=True):
        metric.reset()
        metric.update(torch.from_numpy(wav)[None, None], [text], torch.tensor([len(wav)]), torch.tensor([rate]))
        assert score == pytest.approx(metric.compute(), abs=1e-6)
    assert len(set(scores)) == 3


def audiocrafts_clap(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> torch.nn.Module:
    import transformers
    from audiocraft.metrics import clap_consistency

    class Anything(ModuleType):
        def __getattr__(self, name: str) -> object:
            return SimpleNamespace() if not name.startswith("__") else super().__getattribute__(name)

    for name in (
        "h5py", "braceexpand", "pandas", "torchvision", "torchvision.datasets", "torchvision.transforms",
        "torchvision.ops", "torchvision.ops.misc", "webdataset", "wget", "sklearn", "sklearn.metrics", "ftfy",
    ):  # fmt: skip
        monkeypatch.setitem(sys.modules, name, Anything(name))
    for name in ("BertTokenizer", "BartTokenizer"):  # of the hub
        monkeypatch.setattr(transformers, name, SimpleNamespace(from_pretrained=lambda name: None))
    ours = sys.modules["laion_clap.clap_module.model"]
    import clap_module  # as laion_clap imports it: a second time, from its own folder

    for name in ("RobertaModel", "create_htsat_model"):
        monkeypatch.setattr(clap_module.model, name, getattr(ours, name))
    return clap_consistency.CLAPTextConsistencyMetric(checkpoint, model_arch="HTSAT-base", enable_fusion=False)


def test_long_clips_are_heard_in_one_place_and_short_ones_repeated(hub: Path) -> None:
    metric = metrics_of(hub, "clap")["clap"]
    long, short = sounds(seconds=12)[2], sounds(seconds=0.01)[2]
    batch = clips([long, short, np.tile(short, 1000)], [long, short, short])
    batch = Clips(batch.generated, batch.targets, batch.references, batch.instruments, ["calm"] * 3, RATE)
    scores = metric(batch)
    assert np.array_equal(scores, metric(batch))
    assert scores[1] == pytest.approx(scores[2], abs=0.02) and scores[0] != scores[1]


@pytest.mark.parametrize("name", [*PASST_METRICS, "clap"])
def test_silent_clips_have_a_score_and_empty_ones_none(hub: Path, name: str) -> None:
    metric = metrics_of(hub, name)[name]
    sound, silence, nothing = sounds()[2], np.zeros(RATE, np.float32), np.zeros(0, np.float32)
    scores = metric(clips([silence, sound, silence, nothing], [sound, silence, silence, sound]))
    assert np.isfinite(scores[0]) and np.isfinite(scores[2]) and np.isnan(scores[3])


@pytest.mark.parametrize("name", PASST_METRICS)
def test_clips_that_are_too_short_for_passt_have_no_score(hub: Path, name: str) -> None:
    metric = metrics_of(hub, name)[name]
    sound = sounds()[2]
    scores = metric(clips([sound[:4_800], sound[:4_801], sound], [sound, sound, sound[:100]]))
    assert np.isnan(scores).tolist() == [True, False, True]


@pytest.mark.parametrize("name", [*PASST_METRICS, "clap", "sim", "sim_audiocraft"])
def test_clips_that_are_not_numbers_are_refused(hub: Path, name: str) -> None:
    sound, broken = sounds()[2], np.full(RATE, np.nan, np.float32)
    with pytest.raises(UserError, match="clip 2 of the generated audio holds NaN") as raised:
        metrics_of(hub, name)[name](clips([sound, broken], [sound, sound]))
    assert "\n" not in str(raised.value)


def test_scores_leave_the_random_numbers_of_others_alone(hub: Path, capfd: pytest.CaptureFixture) -> None:
    """And print nothing, neither as the networks are built nor as they hear."""
    _forget()
    long, states = sounds(seconds=12, count=1), (torch.get_rng_state(), np.random.get_state()[2])
    for metric in metrics_of(hub, "kl_passt", "clap").values():
        metric(clips(long, long))
    assert torch.equal(torch.get_rng_state(), states[0]) and np.random.get_state()[2] == states[1]
    assert capfd.readouterr() == ("", "")


def test_results_say_whose_weights_they_rest_on(hub: Path) -> None:
    told = provenance_of(metrics_of(hub, "sim", *PASST_METRICS, "clap"))
    assert set(told) == {*PASST_METRICS, "clap"}
    assert told["kl_passt"]["sha256"] == digest_of(hub / "passt.pt") and told["kl_passt"]["file"] == "passt.pt"
    assert told["kl_passt"]["from"].startswith("https://github.com/kkoutini/PaSST/releases/")
    assert told["kl_passt"]["check"].startswith("not checked: no SHA-256")
    assert told["clap"]["sha256"] == digest_of(hub / "clap.pt")
    assert (
        told["clap"]["check"].startswith("another file than the published one") and "fae3e9c0" in told["clap"]["check"]
    )
    assert told["clap"]["package"] == "laion_clap 1.1.7" and told["kl_passt"]["package"] == "hear21passt 0.0.26"


def test_sets_are_compared_by_what_both_networks_hear(hub: Path) -> None:
    """A set is at no distance from itself; a clip that cannot be heard has no place in it; logits stay as they were."""
    settings = {"fad_passt": {"checkpoint": hub / "passt.pt"},
                "fad_clap": {"checkpoint": hub / "clap.pt", "any_hash": True}}  # fmt: skip
    rng = np.random.default_rng(0)
    wavs = [*rng.standard_normal((6, 16_000)).astype(np.float32) * 0.1, np.zeros(9, np.float32)]
    before = metrics_of(hub, "kl_passt")["kl_passt"].passt.logits(wavs[0], 16_000)
    for name, metric in build_set_metrics(("sim", *settings), **settings).items():
        rows = metric.embed(wavs, 16_000)
        assert rows.shape == (7, {"fad_passt": 768, "fad_clap": 512}[name])
        assert np.isnan(rows[6]).all() and np.isfinite(rows[:6]).all()
        assert metric.distance(rows[:6], rows[:6]) == pytest.approx(0, abs=1e-3)
        assert metric.distance(rows[:3], rows[3:6]) > 0 and "sha256" in provenance_of({name: metric})[name]
    _forget()
    assert torch.equal(metrics_of(hub, "kl_passt")["kl_passt"].passt.logits(wavs[0], 16_000), before)


def test_another_file_than_the_published_is_refused_with_both_hashes(hub: Path) -> None:
    with pytest.raises(UserError, match="--any-checkpoint") as raised:
        build_metrics(["clap"], clap={"checkpoint": hub / "clap.pt"})
    message = str(raised.value)
    assert digest_of(hub / "clap.pt") in message and str(known_files.CLAP.sha256) in message and "\n" not in message


def test_the_published_file_is_taken(hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    monkeypatch.setattr(clap, "CLAP", replace(known_files.CLAP, sha256=digest_of(hub / "clap.pt")))
    _forget()
    told = provenance_of(build_metrics(["clap"], clap={"checkpoint": hub / "clap.pt"}))
    assert told["clap"]["check"] == "the published file"
    _forget()


@pytest.mark.parametrize(("name", "known"), [("kl_passt", known_files.PASST), ("clap", known_files.CLAP)])
def test_a_file_that_is_missing_is_told_with_where_to_get_it(
    hub: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, known: known_files.KnownFile
) -> None:
    """And one in torch's folder needs no option."""
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    _forget()
    with pytest.raises(UserError, match=known.option) as raised:
        build_metrics([name])
    assert known.url in str(raised.value) and "\n" not in str(raised.value)
    (tmp_path / "checkpoints").mkdir()
    known.usual_place().symlink_to(hub / ("passt.pt" if name == "kl_passt" else "clap.pt"))
    assert provenance_of(build_metrics([name], **{name: {"any_hash": True}}))[name]["file"] == known.name
    _forget()


@pytest.mark.parametrize("name", ["kl_passt", "clap"])
def test_files_are_never_unpickled(hub: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Neither by us nor by the packages: whatever asks torch for a file asks for weights only."""
    asked: list[object] = []
    load = torch.load

    def watched(*args: object, **options: object) -> object:
        asked.append(options.get("weights_only"))
        return load(*args, **options)

    monkeypatch.setattr(torch, "load", watched)
    _forget()
    metrics_of(hub, name)[name](clips(sounds(), sounds()))
    assert asked == [True]
    monkeypatch.setenv("HARM", str(tmp_path / "harm"))
    torch.save({"state_dict": {"w": Harmful()}}, tmp_path / "bad.pt")
    with pytest.raises(UserError, match="refused") as raised:
        build_metrics([name], **{name: {"checkpoint": tmp_path / "bad.pt", "any_hash": True}})
    assert not (tmp_path / "harm").exists() and "\n" not in str(raised.value)


@pytest.mark.parametrize(("name", "other"), [("kl_passt", "clap.pt"), ("clap", "passt.pt")])
def test_weights_of_another_network_are_refused_in_a_line(hub: Path, name: str, other: str) -> None:
    with pytest.raises(UserError) as raised:
        build_metrics([name], **{name: {"checkpoint": hub / other, "any_hash": True}})
    assert other in str(raised.value) and "\n" not in str(raised.value)


@pytest.mark.parametrize(("name", "package"), [("kl_passt", "hear21passt"), ("clap", "laion_clap")])
def test_a_missing_package_is_told(monkeypatch: pytest.MonkeyPatch, name: str, package: str) -> None:
    module = passt if name == "kl_passt" else clap
    monkeypatch.setattr(module, "find_spec", lambda wanted: None)
    with pytest.raises(UserError, match=rf"package {package}.*uv pip install -e '\.\[metrics\]'") as raised:
        build_metrics([name])
    assert "\n" not in str(raised.value)


def test_a_missing_tokenizer_is_told(hub: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub_cache.use(tmp_path, monkeypatch)
    _forget()
    with pytest.raises(UserError, match="hf download roberta-base"):
        metrics_of(hub, "clap")
    _forget()


def evaluate(*options: str | Path) -> int:
    return cli.main(["evaluate", *map(str, options)])


@pytest.mark.slow
def test_table_1_by_the_papers_metrics_names_their_weights(
    hub: Path, tiny_data: Path, tiny_models: Path, tmp_path: Path
) -> None:
    weights = ["--passt-checkpoint", hub / "passt.pt", "--clap-checkpoint", hub / "clap.pt", "--any-checkpoint"]
    what = ["--data", tiny_data, "--finetuned", tiny_models, "--excerpts", "2", "--seconds", SECONDS, "--device", "cpu"]
    assert evaluate(*what, "--policies", "self", "--metrics", "paper", *weights, "--out", tmp_path) == 0
    table = json.loads((tmp_path / "table1.json").read_text())
    assert [column["name"] for column in table["columns"]] == list(SETS["paper"])
    about = json.dumps(table["about"])
    assert digest_of(hub / "passt.pt") in about and digest_of(hub / "clap.pt") in about
    assert str(known_files.CLAP.sha256) in about and "not checked" in about
    means = {name: line["intervals"][name]["mean"] for line in table["lines"] for name in SETS["paper"]}
    assert all(np.isfinite(mean) for mean in means.values())


def test_evaluate_refuses_another_checkpoint_before_anything_is_played(
    hub: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--data", tmp_path, "--out", tmp_path, "--metrics", "clap", "--clap-checkpoint", hub / "clap.pt"]
    assert evaluate(*arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert digest_of(hub / "clap.pt") in line and str(known_files.CLAP.sha256) in line


def test_a_clip_is_heard_once_by_both_metrics(hub: Path) -> None:
    metrics, played = metrics_of(hub, *PASST_METRICS), sounds(seconds=0.7)
    network = metrics["kl_passt"].passt.network
    calls: list[object] = []
    hook = network.register_forward_hook(lambda *heard: calls.append(heard))
    first = metrics["kl_passt"](clips(played[:1], played[1:2]))
    metrics["kl_passt_independent"](clips(played[1:2], played[:1]))
    assert len(calls) == 2 and metrics["kl_passt"](clips(played[:1], played[1:2])) == first
    hook.remove()
