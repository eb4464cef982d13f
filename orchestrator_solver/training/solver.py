"""The recipe: MusicGen fine-tuned to play a reference on the instruments that the prompt names."""

import math
from typing import Any

import flashy
import torch
from audiocraft.models.encodec import CompressionModel
from audiocraft.modules.conditioners import SegmentWithAttributes
from audiocraft.solvers.musicgen import MusicGenSolver
from audiocraft.utils.best_state import BestStateDictManager
from omegaconf import DictConfig, OmegaConf

from ..data.dataloaders import PLAYED, build_loaders
from ..features.conditions import Condition
from ..models import lora
from ..monitoring.sample_table import SampleTable
from ..precompute.encoders import identity_of
from ..runtime import fsdp, sharded_state
from ..weights.description import PREFIX
from ..weights.package import check_fits
from ..weights.published import language_model_package
from .condition_dropout import drop_conditions
from .gradients import PreparedBatch
from .past_dropout import hide_past
from .resumable_loop import ResumableLoop
from .update import Updater

Batch = tuple[torch.Tensor, list[SegmentWithAttributes]]


def _positions(count: int) -> range:
    """Where in the batch of all processes this one's samples are."""
    return range(flashy.distrib.rank(), count * flashy.distrib.world_size(), flashy.distrib.world_size())


def _codes_of(
    codec: CompressionModel, audio: torch.Tensor, infos: list[SegmentWithAttributes], device: str
) -> torch.Tensor:
    """Codes `[B, K, S]` of a batch, those that it brings or else those of its audio `[B, 1, T]`."""
    if all(info.audio_tokens is not None for info in infos):
        return torch.stack([info.audio_tokens for info in infos]).to(device)
    with torch.no_grad():
        codes, scale = codec.encode(audio.to(device))
    assert scale is None, "a codec that rescales has no place in a language model"
    return codes


class OrchestratorSolver(ResumableLoop, MusicGenSolver):
    """audiocraft's MusicGen solver on excerpts with a reference that may be another item.

    What differs: the data (`ExcerptDataset`), codes and chroma that may come from a store, condition dropout drawn for
    every sample, and weights that are read from safetensors under `//pretrained/NAME`.
    """

    updater: Updater | None = None
    table: SampleTable | None = None
    scaler: Any = None

    def __init__(self, cfg: DictConfig) -> None:
        self.asked, self.sharding = cfg, cfg.fsdp if cfg.fsdp.use else None
        unshared = OmegaConf.merge(cfg, {"fsdp": {"use": False}})  # audiocraft's own FSDP is another one
        assert isinstance(unshared, DictConfig)
        super().__init__(unshared)

    def build_dataloaders(self) -> None:
        """Loaders of excerpts, which read what the run's frozen models made of them where that is in a store."""
        stored = self.cfg.orchestrator.store and self.cfg.execute_only != PLAYED
        self.dataloaders = build_loaders(self.asked, self.stop_if_asked, identity_of(self.cfg) if stored else None)

    def build_model(self) -> None:
        """Model and optimizer."""
        if self.device == "cpu":  # where audiocraft, too, would keep the best state in autocast's precision
            self.best_state = BestStateDictManager(dtype=torch.float32)
        super().build_model()
        if self.sharding and (self.scaler or self.sharding.param_dtype == "float16"):
            self.scaler = fsdp.SharedScaler(torch.device(self.device).type)
            self.register_stateful("scaler")

    def register_ema(self, *args: str) -> None:
        """audiocraft's, which it calls when the model is there, and no optimizer yet; it is sharded before."""
        if self.sharding:
            fsdp.shard(self.sharding, self.model, self.device)
        super().register_ema(*args)

    def load_from_pretrained(self, name: str) -> dict:
        """Weights to start from: ours if there is a folder of that name, otherwise audiocraft's."""
        package = language_model_package(PREFIX + name)
        check_fits(self.cfg, package.state, name)
        return {"best_state": {"model": package.state}}

    def load_state_dict(self, state: dict) -> None:
        """A saved or published state; the best one with the additions of LoRA that this model has, or without."""
        best = state.get("best_state")
        if best and "model" in best:
            wanted = self.best_state.states["model"]
            state = {**state, "best_state": {**best, "model": lora.fit_state(best["model"], wanted)}}
        if self.sharding:
            state = sharded_state.spread(state, self.state_dict(), self.optimizer)
        super().load_state_dict(state)

    def state_to_save(self) -> dict[str, Any]:
        """The state of a run that is not sharded, also of one that is."""
        state = super().state_to_save()
        return sharded_state.gathered(state, self.optimizer) if self.sharding else state

    def run_step(self, idx: int, batch: Batch, metrics: dict) -> dict:
        """One update (`Updater`) or validation step (audiocraft's)."""
        self._step = idx
        if not self.is_training:
            return super().run_step(idx, batch, metrics)
        self.updater = self.updater or Updater(self)
        prepared = self.prepare(batch)
        self.deadlock_detect.update("tokens_and_conditions")
        return {**metrics, **self.updater(prepared, batch[1])}

    def run_generate_step(self, batch: Batch, *args: Any, **kwargs: Any) -> dict:
        """audiocraft's; what is played goes into the table of samples."""
        outputs = super().run_generate_step(batch, *args, **kwargs)
        if self.table is not None and outputs["prompt_audio"] is None:  # else it begins with the target itself
            self.table.add(batch[1], outputs["gen_audio"], batch[0])
        return outputs

    def generate(self) -> dict:
        """Samples, as audiocraft writes them, and a table of them with references, targets, prompts and scores."""
        self.table = SampleTable(self.folder, self.epoch, flashy.distrib.rank(), self.cfg.sample_rate)
        return {**super().generate(), **self.log_samples(self.table)}

    def prepare(self, batch: Batch) -> PreparedBatch:
        """A batch as the language model takes it; in training some samples have lost their conditions."""
        audio, infos = batch
        attributes = [info.to_condition_attributes() for info in infos]
        codes = past = _codes_of(self.compression_model, audio, infos, self.device)
        if self.model.training:
            ids, positions = (self.cfg.seed, self.epoch, self._step), _positions(len(infos))
            p, most = self.cfg.classifier_free_guidance.training_dropout, self.cfg.orchestrator.past_dropout
            attributes = drop_conditions(attributes, p, ids, positions)
            past = hide_past(codes, most, self.model.special_token_id, ids, positions)
        tokenized = self.model.condition_provider.tokenize(self.model.att_dropout(attributes))
        with self.autocast:
            conditions = self.model.condition_provider(tokenized)
        mask = torch.ones_like(codes, dtype=torch.bool)
        for i, info in enumerate(infos):
            mask[i, :, math.floor(info.n_frames / info.sample_rate * self.compression_model.frame_rate) :] = False
        return PreparedBatch(conditions, codes, mask, past)

    def _prepare_tokens_and_attributes(
        self, batch: Batch, check_synchronization_points: bool = False
    ) -> tuple[dict[str, Condition], torch.Tensor, torch.Tensor]:
        """The prepared batch, where audiocraft's validation step asks for its parts."""
        prepared = self.prepare(batch)
        return prepared.conditions, prepared.codes, prepared.mask

    def evaluate(self) -> dict:
        """Cross-entropy of the test split, and what the model plays, scored as for Table 1 (`evaluate.metrics`)."""
        self.model.eval()
        with torch.no_grad():
            metrics = self.common_train_valid("evaluate") if self.cfg.evaluate.metrics.base else {}
            return {**metrics, **(self._table() if self.cfg.evaluate.metrics.clips else {})}

    def _table(self) -> dict[str, float]:
        from ..evaluation import table_formats
        from .clip_scores import means_of, table_of_run

        out = self.folder / "evaluation"
        table = table_of_run(self.asked, self.model, self.compression_model, out)
        if flashy.distrib.is_rank_zero():
            table_formats.write(table, out)
        self.log_table1(table)
        return means_of(table)
