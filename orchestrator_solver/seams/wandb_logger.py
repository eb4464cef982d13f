"""Seams of logging to wandb."""

from collections.abc import Sequence
from types import ModuleType
from typing import Any

from .registry import patches

AXIS, AXES = "epoch", {"steps": "update"}  # along what wandb draws scalars, by their prefix


@patches("flashy.loggers.wandb")
def repair_wandb_logger(module: ModuleType) -> None:
    """Why: flashy asks the server for the run on every rank, so that `WANDB_MODE=offline` fails; without media it drops
    the scalars too; with media it swaps two arguments and crashes, and a text's table is one row too flat. It counts
    epochs where wandb counts calls, which only ever grow: epochs and updates get axes of their own.
    Goes when: flashy is released again (after 0.0.2)."""

    def log_metrics(self: Any, prefix: Any, metrics: Any, step: int | None = None) -> None:
        if isinstance(prefix, dict):  # from log_audio, log_image, log_text: (metrics, prefix), prefixed already
            prefix, metrics = None, prefix
        if module.is_rank_zero() and not self.is_disabled():
            axis = {AXES.get(str(prefix), AXIS): step} if step is not None else {}
            self.writer.log({**module._add_prefix(metrics, prefix, self.group_separator), **axis})

    def log_hyperparams(self: Any, params: dict[str, Any], metrics: dict[str, Any] | None = None) -> None:
        """The configuration as the tree that it is: flashy's names with dots are no columns that panels can find."""
        if module.is_rank_zero() and not self.is_disabled():
            self.writer.config.update(params, allow_val_change=True)

    def from_xp(cls: Any, with_media_logging: bool = True, project: str | None = None, name: str | None = None,
                group: str | None = None, tags: Sequence[str] = (), **kwargs: Any) -> Any:  # fmt: skip
        """The logger of the current experiment, whose signature is the run's id: it resumes without a query."""
        xp = module.dora.get_xp()
        xp.folder.mkdir(parents=True, exist_ok=True)
        logger = cls(str(xp.folder), with_media_logging, project=project, id=xp.sig, group=group, resume="allow",
                     name=name or xp.sig, tags=list(tags), **kwargs)  # fmt: skip
        if module.is_rank_zero() and logger.writer is not None:
            logger.writer.define_metric("*", step_metric=AXIS)
            for prefix, axis in AXES.items():
                logger.writer.define_metric(f"{prefix}/*", step_metric=axis)
        return logger

    def log_text(self: Any, prefix: Any, key: str, text: str, step: int | None = None, **kwargs: Any) -> None:
        if module.is_rank_zero() and not self.is_disabled() and self.with_media_logging:
            table = module.wandb.Table(columns=[key], data=[[text]], **kwargs)
            self.log_metrics(prefix, {key: table}, step)

    module.WandbLogger.log_metrics = log_metrics
    module.WandbLogger.log_text = log_text
    module.WandbLogger.log_hyperparams = log_hyperparams
    module.WandbLogger.from_xp = classmethod(from_xp)
