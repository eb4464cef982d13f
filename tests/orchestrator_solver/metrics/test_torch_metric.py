"""A clip metric as torchmetrics': the mean over batches and processes, and torchmetrics' own habits."""

import multiprocessing
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from orchestrator_solver.metrics.clips import Clips
from orchestrator_solver.metrics.registry import build_metrics
from orchestrator_solver.metrics.torch_metric import MeanOfClips

RATE = 1000
SHARES = (0.0, 0.5, 1.0, None, 0.25)  # of silence; None has no score


def batch(shares) -> Clips:
    wavs = [np.zeros(0) if share is None else (np.arange(RATE) >= share * RATE) * 0.1 for share in shares]
    return Clips(wavs, wavs, wavs, [[]] * len(wavs), [""] * len(wavs), RATE)


@pytest.fixture
def metric() -> MeanOfClips:
    return MeanOfClips(build_metrics(["silence"])["silence"])


@pytest.mark.parametrize("split", [1, 2, 4])
def test_the_mean_is_that_of_all_defined_scores_in_any_batches(metric: MeanOfClips, split: int) -> None:
    for part in (SHARES[:split], SHARES[split:]):
        metric.update(batch(part))
    assert metric.compute() == pytest.approx(1.75 / 4) and metric.count == 4
    assert metric.higher_is_better is False


def test_forward_gives_the_batchs_mean_and_adds_it(metric: MeanOfClips) -> None:
    assert metric(batch(SHARES[:2])) == 0.25 and metric(batch(SHARES[2:])) == pytest.approx(0.625)
    assert metric.compute() == pytest.approx(1.75 / 4)
    metric.reset()
    metric.update(batch([None]))
    assert metric.compute().isnan(), "no score is no 0"


def test_it_is_pickled_with_what_it_has_heard(metric: MeanOfClips) -> None:
    metric.update(batch(SHARES[:2]))
    again = pickle.loads(pickle.dumps(metric))
    again.update(batch(SHARES[2:]))
    assert again.compute() == pytest.approx(1.75 / 4) and metric.clone().compute() == 0.25
    again.persistent(True)
    assert set(again.state_dict()) == {"total", "count"}


@pytest.mark.parametrize("name", ["sim", "melody_recall", "tempo_agreement", "key_agreement", "beat_f1", "loudness"])
def test_every_kind_of_metric_fits(name: str) -> None:
    adapted = MeanOfClips(build_metrics([name])[name])
    pickle.loads(pickle.dumps(adapted.metric))
    adapted.update(batch([1.0, 1.0]))
    assert adapted.compute().isnan(), "silent references"


def _process(rank: int, folder: str) -> None:
    torch.distributed.init_process_group("gloo", f"file://{folder}/group", rank=rank, world_size=2)
    metric = MeanOfClips(build_metrics(["silence"])["silence"])
    metric.update(batch([SHARES[:3], SHARES[3:]][rank]))
    value = metric.compute()
    Path(folder, str(rank)).write_text(f"{value.item()} {metric.total.item()}")
    torch.distributed.destroy_process_group()


def test_two_processes_have_one_mean(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=_process, args=(rank, str(tmp_path))) for rank in (0, 1)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0]
    means, totals = zip(*(map(float, (tmp_path / str(rank)).read_text().split()) for rank in (0, 1)), strict=True)
    assert means == pytest.approx([1.75 / 4] * 2), "both see all"
    assert totals == pytest.approx([1.5, 0.25]), "each keeps its own after it"
