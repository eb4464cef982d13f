"""audiocraft's loop over epochs and steps, made exact, resumable at every step, and safe to stop."""

from collections.abc import Sequence
from typing import Any

import flashy
import torch
from audiocraft.utils.checkpoint import flush_stale_checkpoints
from audiocraft.utils.utils import get_dataset_from_loader, model_hash
from omegaconf import DictConfig
from torch import distributed

from dataset_builder.errors import UserError

from ..monitoring.monitored_solver import MonitoredSolver
from ..runtime import run_checkpoint
from ..runtime.deadlock import PatientDeadlockDetect
from ..runtime.random_state import RandomState, seed_all
from ..runtime.running_means import RunningMeans
from ..runtime.stop_signals import Stopped, StopRequest
from ..runtime.throughput import Pace


class ResumableLoop(MonitoredSolver):
    """A solver whose runs have the same losses to the last bit, interrupted or not.

    All that is random in a step follows from (run seed, epoch, step, process), and an epoch can be left and taken up
    between any two steps: `progress` holds the steps done and the sums of their metrics.
    """

    def __init__(self, cfg: DictConfig) -> None:
        self.stop = StopRequest(cfg.slurm.notice)
        super().__init__(cfg)
        self.deadlock_detect = PatientDeadlockDetect(**cfg.deadlock)
        self.progress = RunningMeans()
        self.generators = RandomState()
        self.register_stateful("progress", "generators")

    def build_model(self) -> None:
        """The model, if the schedule fits the run.

        Raises:
            UserError: if the learning rate would still be rising at the end.
        """
        cosine = self.cfg.schedule.cosine
        if self.cfg.schedule.lr_scheduler == "cosine" and 0 < self.total_updates <= cosine.warmup:
            raise UserError(
                f"schedule.cosine.warmup={cosine.warmup} is not below the run's {self.total_updates} updates "
                f"({self.cfg.optim.epochs} epochs of {self.train_updates_per_epoch}): lower it"
            )
        super().build_model()

    def run(self) -> None:
        """Train to the end, or until asked to stop; then save between two steps and leave.

        Raises:
            SystemExit: after having been asked to stop.
        """
        with self.stop.handle_signals():
            try:
                super().run()
                return
            except Stopped as stopped:
                self._save_last()
                flashy.distrib.barrier()  # whoever leaves first has the others ended, by Dora or by Slurm
                self.logger.warning(
                    "%s: saved after %d of %d updates of epoch %d; the same command goes on from there",
                    stopped, self.progress.steps, self.train_updates_per_epoch, self.epoch,
                )  # fmt: skip
        self.stop.exit(flashy.distrib.rank())

    def load_checkpoints(self, *args: Any, **kwargs: Any) -> dict | None:
        """The run's last checkpoint or, if that is torn and `continue_from_whole` allows, the newest whole epoch's."""
        epoch = None
        if self.cfg.continue_from_whole and flashy.distrib.is_rank_zero():
            epoch = run_checkpoint.go_back_to_whole(self.checkpoint_path())
        flashy.distrib.barrier()
        state = super().load_checkpoints(*args, **kwargs)
        if epoch:
            self.logger.warning("The last checkpoint was torn: going on from %s", epoch)
        return state

    def common_train_valid(self, dataset_split: str, **kwargs: Any) -> dict:
        """The steps of a stage that are left; returns the means of the whole stage."""
        self.model.train(self.is_training)
        loader = self.dataloaders[dataset_split]
        get_dataset_from_loader(loader).start_epoch(self.epoch)
        updates = self.train_updates_per_epoch if self.is_training else len(loader)
        means = self.progress if self.is_training else RunningMeans()
        first = means.steps
        pace = Pace(loader.batch_size * flashy.distrib.world_size() * self.cfg.dataset.segment_duration)
        if first < updates:
            loader.load_state_dict({"batches": first})
            if self.cfg.benchmark_no_load:
                loader = [next(iter(loader))] * (updates - first)
            with self.profiler, self.deadlock_detect:
                self._steps(loader, means, updates, pace)
        return {**flashy.distrib.average_metrics(means.values(), updates), **pace.figures()}

    def _steps(self, loader: Any, means: RunningMeans, updates: int, pace: Pace) -> None:
        lines = self.log_progress(self.current_stage, loader, total=updates - means.steps, updates=self.log_updates)
        recent = RunningMeans()
        for batch in lines:
            self.deadlock_detect.update("batch")
            index = means.steps
            seed_all(self.cfg.seed, self.current_stage, self.epoch, index, flashy.distrib.rank())
            metrics = self.run_step(index, batch, {})
            self.deadlock_detect.update("step")
            if self.ema is not None and self.is_training and (index + 1) % self.cfg.optim.ema.updates == 0:
                self.ema.step()
            self.profiler.step()
            means.add(metrics)
            pace.step()
            if lines.update(**recent.add(metrics)):
                if self.is_training:
                    self.log_steps({**recent.values(), **pace.figures()}, (self.epoch - 1) * updates + index + 1)
                recent = RunningMeans()
            self.deadlock_detect.update("end_batch")

    def stop_if_asked(self) -> None:
        """Leave a stage between two steps (`SyncedLoader`) if any process was asked to: all stop after the same one.

        Raises:
            Stopped: if so.
        """
        number = torch.tensor(self.stop.asked())
        flashy.distrib.all_reduce(number, distributed.ReduceOp.MAX)
        if number:
            self.stop.raise_stopped(int(number))

    def commit(self, save_checkpoints: bool = True) -> None:
        """Close an epoch: the next one starts at its first step."""
        self.progress.reset()
        super().commit(save_checkpoints)

    def save_checkpoints(self) -> None:
        """Save the epoch's checkpoint if one is due, then the last, and remove old ones."""
        every, keep = self.cfg.checkpoint.save_every, self.cfg.checkpoint.keep_every_states
        epoch = self.epoch - 1  # the one that was just closed
        if every and epoch % every == 0:
            self._save(self.epoch_checkpoint_path(epoch), keep)
        if self.cfg.checkpoint.save_last:
            self._save_last()
        if flashy.distrib.is_rank_zero():
            flush_stale_checkpoints(self.checkpoint_path(), self.cfg.checkpoint.keep_last)

    def _save_last(self) -> None:
        self.logger.info("Model hash: %s", model_hash(self.model))
        self._save(self.checkpoint_path())

    def _save(self, path: Any, keep: Sequence[str] | None = None) -> None:
        """Save states, those named or all; every process calls this, since each may have parts of them."""
        state = self.state_to_save()
        if flashy.distrib.is_rank_zero():
            run_checkpoint.save({name: state[name] for name in state if not keep or name in keep}, path)
            self.logger.info("Checkpoint saved to %s", path)

    def state_to_save(self) -> dict[str, Any]:
        """The solver's state, as the first process saves it; every process calls this."""
        return self.state_dict()
