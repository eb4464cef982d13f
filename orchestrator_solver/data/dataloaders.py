"""Data loaders of excerpts for every stage of a run."""

import logging
from collections.abc import Callable
from pathlib import Path

import flashy
from omegaconf import DictConfig, OmegaConf
from torch.utils.data import DataLoader

from dataset_builder.errors import UserError

from ..features.feature_store import Store
from ..runtime.stop_signals import ignore_in_worker
from .dataset import Drawing, ExcerptDataset
from .rank_sampler import RankSampler, SyncedLoader

logger = logging.getLogger(__name__)
STAGES = ("train", "valid", "evaluate", "generate")


def drawing_of(cfg: DictConfig) -> Drawing:
    """How a run draws, from its `orchestrator` section."""
    values = OmegaConf.to_container(cfg.orchestrator, resolve=True)
    assert isinstance(values, dict)
    return Drawing(**{key: values[key] for key in Drawing.__dataclass_fields__ if key in values})


def location(path: str) -> tuple[Path, str]:
    """The data set's folder and the split of a manifest's folder `ROOT/egs/SPLIT`.

    Raises:
        UserError: if there is no manifest.
    """
    folder = Path(path)
    if not (folder / "data.jsonl.gz").is_file():
        raise UserError(
            f"no manifest {folder}/data.jsonl.gz: build the data set first (python -m dataset_builder build)"
        )
    return folder.parent.parent, folder.name


def build_loaders(
    cfg: DictConfig, dataset_class: Callable[..., ExcerptDataset] = ExcerptDataset, store: Store | None = None
) -> dict[str, DataLoader]:
    """Loaders of the stages that the run needs, from `datasource` and `dataset`."""
    loaders: dict[str, DataLoader] = {}
    for stage in STAGES:
        if cfg.execute_only not in (None, stage) or not cfg.datasource.get(stage):
            continue
        options = {**cfg.dataset, **cfg.dataset[stage]}
        root, split = location(cfg.datasource[stage])
        together = options["batch_size"] * flashy.distrib.world_size()
        if stage == "train" and cfg.optim.updates_per_epoch:
            options["num_samples"] = together * cfg.optim.updates_per_epoch
        dataset = dataset_class(
            root, split, drawing_of(cfg), segment_duration=cfg.dataset.segment_duration,
            num_samples=options["num_samples"], sample_rate=cfg.sample_rate, shuffle=options["shuffle"],
            seed=cfg.seed, store=store,
        )  # fmt: skip
        if stage == "train" or (cfg.fsdp.use and not RankSampler(len(dataset), *_place()).even(options["batch_size"])):
            dataset.num_samples = _whole_batches(stage, len(dataset), together)
        # The data set draws its own order, and in order a worker or a rank changes nothing.
        loaders[stage] = SyncedLoader(
            dataset, options["batch_size"], sampler=RankSampler(len(dataset), *_place()),
            num_workers=options["num_workers"], collate_fn=dataset.collater, worker_init_fn=ignore_in_worker,
        )  # fmt: skip
    return loaders


def _whole_batches(stage: str, samples: int, together: int) -> int:
    """How many samples are drawn so that all processes have whole batches, as many: at least one each.

    Processes meet in every update, and, if the model is shared, in every step. In training what is left over is not
    lost: where an epoch ends, the next one goes on drawing.
    """
    whole = max(1, samples // together) * together
    if stage != "train":
        logger.warning("%s: %d samples instead of %d, whole batches for all processes", stage, whole, samples)
    return whole


def _place() -> tuple[int, int]:
    """This process' rank, and how many there are."""
    return flashy.distrib.rank(), flashy.distrib.world_size()
