"""Playing a reference on other instruments: the model as a musician or a product uses it."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import torch
from audiocraft.models.encodec import CompressionModel
from audiocraft.models.lm import LMModel
from audiocraft.modules.conditioners import ConditioningAttributes

from dataset_builder.errors import UserError, is_out_of_memory
from dataset_builder.music.instrument_words import Asked
from dataset_builder.music.instruments import ordered

from ..features.chroma import seconds_between_common_frames
from ..features.conditions import audio_reference
from ..models import loading
from ..models.runs import is_run, package_of_run
from ..runtime.placement import Placement, placement
from ..seams.row_draws import drawn_with
from ..weights.package import folder_of, state_hash
from ..weights.published import language_model_package
from .reference_audio import ReferenceAudio
from .sampling import SamplingSettings

Progress = Callable[[float], None]


@dataclass
class OrchestratorModel:
    """A language model with its codec.

    Args:
        name: where it was loaded from.
        sha256: of the language model's weights.
        lm: the language model, in evaluation mode.
        codec: its codec.
        max_seconds: longest piece that is generated at once; longer ones are generated in overlapping pieces.
        placement: where it is, and how precisely it computes.
        facts: what the package says of its training.
        guidance: at which it plays unless told otherwise, as its package says.
        reads_any_words: whether its text encoder knows more than instruments' words.
    """

    name: str
    sha256: str
    lm: LMModel
    codec: CompressionModel
    max_seconds: float
    placement: Placement = field(default_factory=lambda: placement("cpu"))
    facts: dict = field(default_factory=dict)
    guidance: float = 3.0
    reads_any_words: bool = True

    @cached_property
    def codec_sha256(self) -> str:
        """Of the codec's state."""
        return state_hash(self.codec.state_dict())

    @property
    def sample_rate(self) -> int:
        """Hz of what is generated."""
        return self.codec.sample_rate

    @property
    def grid(self) -> float:
        """Seconds between the times that begin a frame of the codec and one of the reference's chroma alike."""
        chroma = self.lm.condition_provider.conditioners["self_wav"]
        return seconds_between_common_frames(self.codec.frame_rate, chroma.frame_rate)

    @property
    def hearing(self) -> dict[str, Any]:
        """What models must have in common to be compared: rate, grid of times, and how the reference is heard."""
        chroma = self.lm.condition_provider.conditioners["self_wav"]
        return {"rate": f"{self.sample_rate} Hz", "frames": f"{self.grid:g} s", "chroma": chroma.identity.strip()}

    @property
    def trained_instruments(self) -> tuple[str, ...]:
        """Classes, and words that are none, of the training data; empty if the package does not say."""
        return (*self.facts.get("instruments", ()), *self.facts.get("own_words", ()))

    @property
    def instrument_words(self) -> str | None:
        """What its training prompts called instruments, a name in `NAMINGS`; None for a model that we did not train."""
        return self.facts.get("instrument_words", "classes" if "run" in self.facts else None)

    def words_for(self, asked: Sequence[Asked]) -> tuple[str, ...]:
        """What a prompt for this model calls instruments: their classes, if it learned them as classes.

        Args:
            asked: by a user, of words that it can read (`reads_any_words`).
        """
        unknown = [one.word for one in asked if not one.instrument]
        if self.instrument_words == "classes":
            return (*ordered(one.instrument for one in asked if one.instrument), *unknown)
        return tuple(one.word for one in asked)

    def resolved(self, sampling: SamplingSettings) -> SamplingSettings:
        """Settings of which none is left to the model."""
        return replace(sampling, guidance=self.guidance) if sampling.guidance is None else sampling

    @property
    def title(self) -> str:
        """Name and version, as tables and pages show them."""
        return f"{self.name} ({self.sha256[:12]})"

    @torch.no_grad()
    def generate(
        self, prompts: Sequence[str | None], references: Sequence[ReferenceAudio], seconds: float,
        sampling: SamplingSettings, progress: Progress | None = None, seeds: Sequence[int] | None = None,
    ) -> torch.Tensor:  # fmt: skip
        """Play each reference as its prompt says, all at once; what one gets is not drawn together with the others.

        Args:
            prompts: what to play, see `dataset_builder.items.prompt.compose`.
            references: what to follow.
            seconds: of output.
            sampling: how codes are drawn.
            progress: called with the share that is done, 0..1.
            seeds: of each one's draws, in place of `sampling.seed`.

        Returns:
            Audio `[B, 1, T]` at `sample_rate`, on the CPU.

        Raises:
            UserError: if the device has too little memory.
        """
        device = self.placement.device
        try:
            with drawn_with(seeds or [sampling.seed] * len(prompts)), self.placement.autocast():
                codes = self._codes(prompts, references, seconds, sampling, progress or (lambda share: None))
            return self.codec.decode(codes, None)[..., : round(seconds * self.sample_rate)].cpu()
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            what = f"{len(prompts)} x {seconds:g} s" if len(prompts) > 1 else f"{seconds:g} s"
            raise UserError(
                f"{device} has too little memory to play {what}: lower the length (--duration; --seconds of evaluate "
                "and page), --batch of evaluate, or use another --device"
            ) from error

    def _codes(
        self, prompts: Sequence[str | None], references: Sequence[ReferenceAudio], seconds: float,
        sampling: SamplingSettings, progress: Progress,
    ) -> torch.Tensor:  # fmt: skip
        """Codes `[B, K, S]` of `seconds`, in pieces of `max_seconds` that each go on from half of the one before."""
        rate = self.codec.frame_rate
        total = math.ceil(seconds * rate)
        piece = min(total, int(self.max_seconds * rate))
        overlap = piece // 2
        wavs = [torch.from_numpy(reference.at(self.sample_rate))[None] for reference in references]
        done: torch.Tensor | None = None
        start = 0
        while done is None or done.shape[-1] < total:
            length = min(piece, total - start)
            context = None if done is None else done[..., start:]
            conditions = [
                self.condition(prompt, wav, start / rate, length / rate, reference.one_stem)
                for prompt, wav, reference in zip(prompts, wavs, references, strict=True)
            ]
            known = 0 if done is None else done.shape[-1]
            codes = self.lm.generate(
                context, conditions, max_gen_len=length,
                callback=_part_of(progress, known / total, min(total, start + length) / total),
                use_sampling=sampling.temperature > 0, temp=sampling.temperature,
                top_k=min(sampling.top_k, self.codec.cardinality), cfg_coef=self.resolved(sampling).guidance,
            )  # fmt: skip
            done = codes if done is None else torch.cat([done[..., :start], codes], dim=-1)
            start = done.shape[-1] - overlap
        return done

    def condition(
        self, prompt: str | None, wav: torch.Tensor, start: float, seconds: float, one_stem: bool
    ) -> ConditioningAttributes:
        """The prompt and the part `start .. start + seconds` of a reference `[1, T]`, padded with silence."""
        begin, samples = round(start * self.sample_rate), round(seconds * self.sample_rate)
        part = wav[:, begin : begin + samples]
        padded = torch.nn.functional.pad(part, (0, samples - part.shape[-1]))
        reference = audio_reference(padded, part.shape[-1], self.sample_rate, one_stem)
        return ConditioningAttributes(text={"description": prompt}, wav={"self_wav": reference})


def _part_of(progress: Progress, first: float, last: float) -> Callable[[int, int], None]:
    """A callback for steps of a part of the work, which goes from share `first` to share `last`."""
    return lambda step, steps: progress(first + (last - first) * step / steps)


def load_model(name: str, where: Placement | None = None) -> OrchestratorModel:
    """The model of this name, and its codec.

    It may be a shipped one (`nano`, `nano-baseline`), an exported one's folder of any format, the signature of a run of
    this machine, or one at the hub (`facebook/musicgen-melody`, with or without `//pretrained/`).

    Args:
        name: of the model.
        where: it computes; by default on the CPU.

    Raises:
        UserError: if there is none, it is torn, or the device has too little memory for it.
    """
    where = where or placement("cpu")
    package = package_of_run(name) if is_run(name) and not folder_of(name) else language_model_package(name)
    try:
        lm = loading.build_lm_from_package(package, where.device)
        codec = loading.load_codec(package.cfg.compression_model_checkpoint, where.device)
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        elsewhere = "a machine with more" if where.device.type == "cpu" else "--device cpu"
        raise UserError(f"{where.device} has too little memory for the model {name}: use {elsewhere}") from error
    seconds = float(package.cfg.dataset.segment_duration)
    guidance = float(package.cfg.classifier_free_guidance.inference_coef)
    reads = package.cfg.conditioners.description.model != "words"
    return OrchestratorModel(name, package.sha256, lm, codec, seconds, where, package.facts, guidance, reads)
