"""Entry point of `dora run`: reads the configuration, closes what the machine lacks, runs the solver."""

import logging
import multiprocessing
import os
import random
import sys
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any, NoReturn

import flashy
import numpy as np
import torch
from audiocraft.environment import AudioCraftEnvironment
from audiocraft.modules.transformer import set_efficient_attention_backend
from audiocraft.solvers.base import StandardSolver
from audiocraft.utils.cluster import get_slurm_parameters
from dora import XP, get_xp, git_save
from dora.distrib import get_distrib_spec
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig, OmegaConf

from dataset_builder.errors import UserError, is_out_of_memory
from dataset_builder.runtime.shards import Shard

from .configuration import frozen, preflight
from .configuration.overrides import entry_point
from .data.dataloaders import STAGES
from .models import builders, loading
from .optim import registry as optimizers
from .runtime import run_lock
from .training.codec_solver import OrchestratorCodecSolver
from .training.solver import OrchestratorSolver

logger = logging.getLogger(__name__)
USE_LESS = (  # memory
    "add optim.micro_batch=auto or transformer_lm.checkpointing=torch, take a smaller dataset.batch_size, "
    "dataset.segment_duration or model, or lora.rank=16; see `orchestrator memory`"
)
builders.register()
optimizers.register()
loading.register()

SOLVERS: dict[str, type[StandardSolver]] = {
    "orchestrator": OrchestratorSolver,
    "orchestrator_codec": OrchestratorCodecSolver,
}


def per_worker_batches(cfg: DictConfig) -> DictConfig:
    """The configuration with batch sizes of one worker in the place of those of the whole run.

    Raises:
        UserError: if a batch cannot be shared equally.
    """
    workers, cfg = flashy.distrib.world_size(), deepcopy(cfg)
    for section in [cfg.dataset, *(cfg.dataset[stage] for stage in STAGES)]:
        if section.get("batch_size"):
            if section.batch_size % workers:
                raise UserError(f"dataset.batch_size={section.batch_size} cannot be shared by {workers} workers")
            section.batch_size //= workers
    return cfg


def absolute_paths(cfg: DictConfig) -> DictConfig:
    """The configuration with absolute paths of its data: hydra changes the working directory to the run's folder."""
    cfg = deepcopy(cfg)
    for stage, path in cfg.datasource.items():
        if isinstance(path, str):
            cfg.datasource[stage] = git_save.to_absolute_path(path)
    return cfg


def get_solver(cfg: DictConfig) -> StandardSolver:
    """The solver of a configuration.

    Raises:
        UserError: for an unknown solver, or data, weights, a GPU or a key that are not there.
    """
    if cfg.solver not in SOLVERS:
        raise UserError(f"unknown solver {cfg.solver!r}, known: {', '.join(SOLVERS)}")
    cfg = absolute_paths(per_worker_batches(cfg))
    preflight.check(cfg)
    return SOLVERS[cfg.solver](cfg)


def get_solver_from_xp(
    xp: XP, override_cfg: dict | DictConfig | None = None, restore: bool = True, load_best: bool = True,
    ignore_state_keys: list[str] | None = None, disable_fsdp: bool = True,
) -> StandardSolver:  # fmt: skip
    """The solver of an experiment, restored; see audiocraft's function of this name, for which this stands in."""
    cfg = OmegaConf.merge(xp.cfg, override_cfg or {})
    assert isinstance(cfg, DictConfig)
    ignored = list(ignore_state_keys or [])
    if disable_fsdp and cfg.fsdp.use:
        cfg.fsdp.use = False
    try:
        with xp.enter():
            solver = get_solver(cfg)
            if restore:
                solver.restore(load_best=load_best, ignore_state_keys=ignored)
        return solver
    finally:
        GlobalHydra.instance().clear()


def get_solver_from_sig(sig: str, *args: Any, **kwargs: Any) -> StandardSolver:
    """The solver of the experiment with this signature, restored."""
    return get_solver_from_xp(main.get_xp_from_sig(sig), *args, **kwargs)


def _prepare_process(cfg: DictConfig) -> None:
    """Seeds, threads and backends; done again, it leaves the process as if it had been done once."""
    multiprocessing.set_start_method(cfg.mp_start_method, force=True)
    random.seed(cfg.seed)
    np.random.seed(cfg.seed)
    torch.manual_seed(cfg.seed)
    torch.set_num_threads(cfg.num_threads)
    torch.set_flush_denormal(True)  # near-silent audio makes denormal numbers, which a CPU computes slowly
    os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = str(cfg.num_threads)
    set_efficient_attention_backend(cfg.efficient_attention_backend)


def _join_others(cfg: DictConfig) -> None:
    log_name = f"{cfg.execute_only}.log.{{rank}}" if cfg.execute_only else "solver.log.{rank}"
    flashy.setup_logging(level=cfg.logging.level.upper(), log_name=log_name)
    if get_distrib_spec().world_size > 1:  # else it would only say so
        flashy.distrib.init()


def _prepare_store(cfg: DictConfig) -> None:
    """Compute what the run would read of frozen models, each process its part."""
    from .precompute.fill_store import fill_for

    rank, workers = flashy.distrib.rank(), flashy.distrib.world_size()
    done = fill_for(absolute_paths(cfg), workers=cfg.dataset.num_workers, shard=Shard(rank + 1, workers))
    logger.info("%d items made, %d were there, %d texts made", done.made, done.kept, done.texts)


def _show(cfg: DictConfig) -> None:
    get_solver(cfg).show()


def _run_stage(cfg: DictConfig) -> None:
    """One stage of a model that is there.

    Raises:
        UserError: if none is named.
    """
    if not (cfg.execute_inplace or cfg.continue_from):
        raise UserError("execute_only needs weights: add continue_from=//sig/SIG, or execute_inplace=true with -f SIG")
    solver = get_solver(_settled(cfg, begins=False))
    solver.restore(replay_metrics=False)
    solver.run_one_stage(cfg.execute_only)


def _train(cfg: DictConfig) -> None:
    with run_lock.training(get_xp().folder):
        get_solver(_settled(cfg, begins=True)).run()


def _settled(cfg: DictConfig, *, begins: bool) -> DictConfig:
    """The configuration that this run is to have; see `frozen.settled`."""
    xp = get_xp()
    settled = frozen.settled(cfg, xp.folder, begins=begins)
    if settled is not cfg:
        xp.cfg = settled  # what its checkpoints say of it
        _prepare_process(settled)
    return settled


RUNS: dict[str, Callable[[DictConfig], None]] = {
    "prepare": _prepare_store, "show": _show, "stage": _run_stage, "train": _train,
}  # fmt: skip


def _kind_of(cfg: DictConfig) -> str:
    """Of run, a name in `RUNS`."""
    if cfg.execute_only == "prepare":
        return "prepare"
    return "show" if cfg.show else "stage" if cfg.execute_only else "train"


@entry_point(config_path=str(Path(__file__).parent.parent / "config"), config_name="config")
def main(cfg: DictConfig) -> None:
    """Run the experiment of this configuration."""
    try:
        _prepare_process(cfg)
        _join_others(cfg)
        RUNS[_kind_of(cfg)](cfg)
    except UserError as error:
        _stop(str(error))
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        _stop(f"{cfg.device} has too little memory for this run: {USE_LESS}")


def _stop(reason: str) -> NoReturn:
    print(f"error: {reason}", file=sys.stderr)
    sys.exit(2)


main.dora.dir = AudioCraftEnvironment.get_dora_dir()
main._base_cfg.slurm = get_slurm_parameters(main._base_cfg.slurm)

if __name__ == "__main__":
    main()
