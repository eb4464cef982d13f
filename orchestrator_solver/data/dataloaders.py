"""Data loaders of excerpts for every stage of a run."""

import logging
from collections.abc import Callable

import flashy
from omegaconf import DictConfig
from torch.utils.data import DataLoader

from dataset_builder.dataset import manifest

from ..features.store_reader import EncoderIdentity, StoreReader
from ..runtime.stop_signals import ignore_in_worker
from .dataset import ExcerptDataset
from .excerpt_sampling import ExcerptSampling
from .rank_sampler import RankSampler, SyncedLoader
from .works import of_hours, work_namer

logger = logging.getLogger(__name__)
STAGES = ("train", "valid", "evaluate", "generate")
PLAYED = "generate"  # the stage that writes the targets' audio beside what it plays


def build_loaders(
    cfg: DictConfig, after_batch: Callable[[], None], encoders: EncoderIdentity | None = None,
    dataset_class: Callable[..., ExcerptDataset] = ExcerptDataset,
) -> dict[str, DataLoader]:  # fmt: skip
    """Loaders of the stages that the run needs, from `datasource` and `dataset`.

    Args:
        cfg: of the run.
        after_batch: see `SyncedLoader`.
        encoders: whose store is read; None reads audio.
        dataset_class: of the excerpts.

    Raises:
        UserError: if a data set is missing, or its store lacks something.
    """
    return {
        stage: _loader(cfg, stage, after_batch, encoders, dataset_class)
        for stage in STAGES
        if cfg.execute_only in (None, stage) and cfg.datasource.get(stage)
    }


def _loader(
    cfg: DictConfig, stage: str, after_batch: Callable[[], None], encoders: EncoderIdentity | None,
    dataset_class: Callable[..., ExcerptDataset],
) -> SyncedLoader:  # fmt: skip
    options = {**cfg.dataset, **cfg.dataset[stage]}
    root, split = manifest.place_of(cfg.datasource[stage])
    items, sampling = manifest.load(root, split), ExcerptSampling.from_config(cfg)
    if stage == "train" and cfg.orchestrator.get("hours") is not None:  # a codec's run does not have it
        items = of_hours(items, work_namer(root), float(cfg.orchestrator.hours))
    count = _samples(cfg, stage, options["num_samples"] or len(sampling.wanted(items)), options["batch_size"])
    dataset = dataset_class(
        root, items, sampling, segment_duration=cfg.dataset.segment_duration, num_samples=count,
        sample_rate=cfg.sample_rate, shuffle=options["shuffle"], seed=cfg.seed,
        store=StoreReader(root, encoders) if encoders else None, with_audio=stage == PLAYED,
    )  # fmt: skip
    # The data set draws its own order, and in order a worker or a rank changes nothing.
    return SyncedLoader(
        dataset, options["batch_size"], RankSampler(count, *_place()), after_batch, num_workers=options["num_workers"],
        collate_fn=dataset.collater, worker_init_fn=ignore_in_worker,
    )  # fmt: skip


def _samples(cfg: DictConfig, stage: str, asked: int, batch_size: int) -> int:
    """How many samples of a stage are drawn in an epoch.

    In training, and if the model is shared between processes, all processes have whole batches, as many, and at least
    one: they meet in every update or even step. In training what is left over is not lost: where an epoch ends, the
    next one goes on drawing.
    """
    together = batch_size * flashy.distrib.world_size()
    if stage == "train":
        return together * (cfg.optim.updates_per_epoch or max(1, asked // together))
    if not cfg.fsdp.use or RankSampler(asked, *_place()).even(batch_size):
        return asked
    whole = max(1, asked // together) * together
    logger.warning("%s: %d samples instead of %d, whole batches for all processes", stage, whole, asked)
    return whole


def _place() -> tuple[int, int]:
    """This process' rank, and how many there are."""
    return flashy.distrib.rank(), flashy.distrib.world_size()
