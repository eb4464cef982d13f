"""One update of the language model: gradients, what to do when they are not finite, and the step."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import flashy
import torch
from audiocraft.modules.conditioners import SegmentWithAttributes
from audiocraft.solvers.musicgen import MusicGenSolver
from torch import distributed, nn

from dataset_builder.errors import UserError

from ..runtime import fsdp
from .gradients import Losses, MicroBatcher, PreparedBatch, full_batch, unscaled

Infos = list[SegmentWithAttributes]


class Updater:
    """Updates a solver's model, and leaves out updates whose loss or gradient is not finite.

    Args:
        solver: whose model, optimizer, scaler and schedule are used.
    """

    def __init__(self, solver: MusicGenSolver) -> None:
        self.solver, self.cfg = solver, solver.cfg.optim
        self.micro_batcher = MicroBatcher(self.cfg.micro_batch) if self.cfg.micro_batch else None
        self.nonfinite_updates: list[str] = []  # of the updates in a row that were not finite, which items

    def __call__(self, batch: PreparedBatch, infos: Infos) -> dict[str, Any]:
        """Update once; returns the step's metrics, of which a step that was left out has none but the count.

        Raises:
            UserError: after `optim.nonfinite_stop` updates in a row that were not finite.
        """
        solver = self.solver
        group = solver.optimizer.param_groups[0]
        metrics: dict[str, Any] = {name: group[name] for name in ("lr", "d") if name in group}
        losses = self._of_all(self._gradients(batch))
        solver.deadlock_detect.update("backward")
        finite = bool(losses.mean.isfinite())
        if solver.scaler:
            solver.scaler.unscale_(solver.optimizer)
        norm = self._clip()
        stepped = self._step(finite, norm)
        if solver.lr_scheduler:
            solver.lr_scheduler.step()
        solver.optimizer.zero_grad()
        solver.deadlock_detect.update("optim")
        metrics["nonfinite"] = 0.0 if finite and (solver.scaler or stepped) else 1.0
        if solver.scaler:
            metrics["grad_scale"] = solver.scaler.get_scale()
            metrics["skipped"] = float(finite and not stepped)
        if metrics["nonfinite"]:
            self._report_nonfinite(batch, infos)
            return metrics
        self.nonfinite_updates.clear()
        if stepped:
            metrics["grad_norm"] = norm
        for name, value in (("", losses.mean), *((f"_q{k + 1}", q) for k, q in enumerate(losses.per_codebook))):
            metrics[f"ce{name}"], metrics[f"ppl{name}"] = value, value.exp()
        return metrics

    def _gradients(self, batch: PreparedBatch) -> Losses:
        solver = self.solver
        scale = solver.scaler.scale if solver.scaler else unscaled
        if self.micro_batcher:
            losses = self.micro_batcher(solver.model, batch, solver.autocast, scale)
        else:
            losses = full_batch(solver.model, batch, solver.autocast, self._eager(), scale)
        if solver.sharding:
            fsdp.hand_over_gradients(solver.optimizer)
            flashy.distrib.average_tensors(solver.model.buffers())
        elif self.micro_batcher or not self.cfg.eager_sync:
            flashy.distrib.sync_model(solver.model)
        return losses

    def _eager(self) -> AbstractContextManager:
        if self.cfg.eager_sync and not self.solver.sharding:
            return flashy.distrib.eager_sync_model(self.solver.model)
        return nullcontext()

    def _of_all(self, losses: Losses) -> Losses:
        """The mean over processes; not finite, if it is not at any of them: so all do the same."""
        together = torch.cat([losses.mean[None], losses.per_codebook]).cpu()
        flashy.distrib.all_reduce(together)
        mean, *per_codebook = together / flashy.distrib.world_size()
        return Losses(mean, torch.stack(per_codebook))

    def _clip(self) -> torch.Tensor:
        """The gradient's norm before it is clipped, the same at every process."""
        limit = self.cfg.max_norm or float("inf")
        if self.solver.sharding:
            return fsdp.clip(self.solver.optimizer, limit)
        return nn.utils.clip_grad_norm_(self.solver.model.parameters(), limit)

    def _step(self, finite: bool, norm: torch.Tensor) -> bool:
        """Move the parameters if gradients are finite; returns whether they were moved."""
        scaler, optimizer = self.solver.scaler, self.solver.optimizer
        if not scaler:
            if finite and norm.isfinite():
                optimizer.step()
                return True
            return False
        before = scaler.get_scale()
        if finite:
            scaler.step(optimizer)  # which leaves out gradients that are not finite
        scaler.update()  # and then lowers the scale
        return finite and scaler.get_scale() >= before

    def _report_nonfinite(self, batch: PreparedBatch, infos: Infos) -> None:
        names = self._nonfinite_items(batch, infos)
        self.nonfinite_updates.append(", ".join(names))
        self.solver.logger.warning(
            "Update left out, its loss or gradient is not finite: %s", self.nonfinite_updates[-1]
        )
        if len(self.nonfinite_updates) >= self.cfg.nonfinite_stop:
            raise UserError(
                f"{len(self.nonfinite_updates)} updates in a row had a loss or gradient that is not finite, the last "
                f"one with {self.nonfinite_updates[-1]}: look at these items, or lower optim.lr; the last checkpoint "
                "is from before, and the same command goes on from it"
            )

    @torch.no_grad()
    def _nonfinite_items(self, batch: PreparedBatch, infos: Infos) -> list[str]:
        """The samples of all processes whose own loss is not finite; if none is, the whole batch."""
        model, bad = self.solver.model, []
        for i, info in enumerate(infos):
            conditions = {name: condition.of(slice(i, i + 1)) for name, condition in batch.conditions.items()}
            with self.solver.autocast:
                output = model.compute_predictions(batch.past[i : i + 1], [], conditions)
            if not output.logits[output.mask].isfinite().all():
                bad.append(info)
        names = [f"{info.meta.path} at {info.seek_time:.2f} s" for info in bad or infos]
        if not flashy.distrib.is_distributed():
            return names
        everyone: list[tuple[bool, list[str]]] = [(False, [])] * flashy.distrib.world_size()
        distributed.all_gather_object(everyone, (bool(bad), names))
        anybody = any(certain for certain, _ in everyone)
        return [name for certain, names in everyone if certain or not anybody for name in names]
