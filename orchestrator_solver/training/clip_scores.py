"""The rows of Table 1 of a run's own model, as the solver's stage `evaluate` logs them."""

from pathlib import Path

import flashy
import torch
from audiocraft.models.encodec import CompressionModel
from audiocraft.models.lm import LMModel
from omegaconf import DictConfig

from dataset_builder.runtime.shards import Shard

from ..evaluation.run import WHOLE, Evaluation, EvaluationSettings
from ..evaluation.table import Table
from ..generation.model import OrchestratorModel
from ..generation.sampling import SamplingSettings
from ..runtime.fsdp import local, whole
from ..runtime.placement import Placement
from ..weights.package import state_hash

ROW = "finetuned"


def table_of_run(cfg: DictConfig, lm: LMModel, codec: CompressionModel, out: Path) -> Table:
    """Play and score the excerpts that `evaluate` of a run's configuration asks for; all processes share the work.

    Args:
        cfg: of the run.
        lm: its model.
        codec: of the model.
        out: folder of the takes and of the table.

    Raises:
        UserError: if the split has no fitting excerpts, or what a metric needs is missing.
    """
    rank, world = flashy.distrib.rank(), flashy.distrib.world_size()
    if cfg.fsdp.use:  # all processes must play together: each plays everything, in a folder of its own
        out, shard = out / f"rank{rank}", WHOLE
    else:
        shard = Shard(rank + 1, world)
    model = _model(cfg, lm, codec)
    with whole(lm):
        evaluation = Evaluation({ROW: model}, _settings(cfg, out))
        evaluation.run(shard)
    flashy.distrib.barrier()
    return evaluation.table()


def means_of(table: Table) -> dict[str, float]:
    """The means of the model's own rows, by metric, policy and prompting: `sim_stem_with`."""
    return {
        f"{name}_{line.policy}_{line.prompting}": interval.mean
        for line in table.lines if line.row == ROW
        for name, interval in line.intervals.items()
    }  # fmt: skip


def _model(cfg: DictConfig, lm: LMModel, codec: CompressionModel) -> OrchestratorModel:
    precision = getattr(torch, cfg.autocast_dtype) if cfg.autocast else torch.float32
    where = Placement(next(iter(lm.parameters())).device, precision)
    parts = {name: local(value) for name, value in lm.state_dict().items()}
    digest = flashy.distrib.broadcast_object(state_hash(parts))  # of sharded weights, the first's part
    facts = {"run": "", "instrument_words": cfg.orchestrator.instrument_words}
    return OrchestratorModel("this run", digest, lm, codec, float(cfg.dataset.segment_duration), where, facts)


def _settings(cfg: DictConfig, out: Path) -> EvaluationSettings:
    split, asked, lm = Path(cfg.datasource.evaluate), cfg.evaluate, cfg.generate.lm
    sampling = SamplingSettings(
        guidance=float(cfg.classifier_free_guidance.inference_coef),
        temperature=float(lm.temp) if lm.use_sampling else 0.0, top_k=int(lm.top_k),
    )  # fmt: skip
    return EvaluationSettings(
        split.parents[1], out, int(asked.excerpts), float(cfg.dataset.segment_duration), tuple(asked.policies),
        split.name, sampling, tuple(asked.metrics.clips), int(asked.seeds), asked.description,
    )  # fmt: skip
