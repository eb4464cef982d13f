"""Playing a reference on other instruments: the model as a musician or a product uses it."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from audiocraft.models.encodec import CompressionModel
from audiocraft.models.lm import LMModel
from audiocraft.modules.conditioners import ConditioningAttributes

from dataset_builder.errors import UserError, is_out_of_memory
from dataset_builder.music.instrument_words import Asked
from dataset_builder.music.instruments import ordered

from ..decoding.decode import Piece, decode
from ..decoding.draws import Draws
from ..decoding.network import Network
from ..decoding.passes import conditions_of
from ..decoding.sound import in_pieces
from ..features.chroma import seconds_between_common_frames
from ..features.conditions import audio_reference
from ..models import loading
from ..models.runs import is_run, package_of_run
from ..runtime.placement import Placement, placement
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
        return sampling.at(self.guidance)

    @property
    def title(self) -> str:
        """Name and version, as tables and pages show them."""
        return f"{self.name} ({self.sha256[:12]})"

    def generate(
        self, prompts: Sequence[str | None], references: Sequence[ReferenceAudio], seconds: float,
        sampling: SamplingSettings, progress: Progress | None = None, seeds: Sequence[int] | None = None,
    ) -> torch.Tensor:  # fmt: skip
        """All that `stream` yields, at once `[B, 1, T]`."""
        return torch.cat(list(self.stream(prompts, references, seconds, sampling, progress, seeds)), dim=-1)

    def stream(
        self, prompts: Sequence[str | None], references: Sequence[ReferenceAudio], seconds: float,
        sampling: SamplingSettings, progress: Progress | None = None, seeds: Sequence[int] | None = None,
    ) -> Iterator[torch.Tensor]:  # fmt: skip
        """Play each reference as its prompt says, all at once; what one gets is not drawn together with the others.

        Where a prompt and a reference are given several times, what they have in common is computed once.

        Args:
            prompts: what to play, see `dataset_builder.items.prompt.compose`.
            references: what to follow.
            seconds: of output.
            sampling: how codes are drawn.
            progress: called with the share that is done, 0..1.
            seeds: of each one's draws, in place of `sampling.seed`.

        Yields:
            Audio `[B, 1, T]` at `sample_rate`, on the CPU, piece after piece, as soon as it is there.

        Raises:
            UserError: if the device has too little memory.
        """
        try:
            frames = math.ceil(seconds * self.codec.frame_rate)
            nothing = torch.zeros(len(prompts), self.lm.n_q, 0, dtype=torch.long, device=self.placement.device)
            seeds = seeds or [sampling.seed] * len(prompts)
            codes = self.continued(prompts, references, nothing, frames, sampling, seeds)
            left = round(seconds * self.sample_rate)
            pieces = in_pieces(self.codec, _told(codes, frames, progress))
            for piece in pieces:
                wav = piece[..., :left].cpu()
                left -= wav.shape[-1]
                yield wav
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            what = f"{len(prompts)} x {seconds:g} s" if len(prompts) > 1 else f"{seconds:g} s"
            raise UserError(
                f"{self.placement.device} has too little memory to play {what}: lower the length (--duration; "
                "--seconds of evaluate and page), --batch of evaluate, or use another --device"
            ) from error

    @cached_property
    def network(self) -> Network:
        """Its transformer, made ready to be played."""
        return Network(self.lm, self.placement.precision)

    def continued(
        self, prompts: Sequence[str | None], references: Sequence[ReferenceAudio], before: torch.Tensor, frames: int,
        sampling: SamplingSettings, seeds: Sequence[int],
    ) -> Iterator[torch.Tensor]:  # fmt: skip
        """New codes `[B, K, n]` after those `before`, in windows that each go on from half of the one before.

        Args:
            prompts: what to play.
            references: what to follow, from its begin.
            before: codes `[B, K, T]` from the begin on, none or some.
            frames: how many there shall be in all.
            sampling: how codes are drawn.
            seeds: of each one's draws.
        """
        rate = self.codec.frame_rate
        window = min(frames, int(self.max_seconds * rate))
        asked, of_request = _different(prompts, references)
        guidance, draws = self.resolved(sampling).dials, Draws(seeds, sampling.temperature, sampling.top_k)
        known = before
        done = before.shape[-1]
        while done < frames:
            start = done - min(done, window // 2)
            known = known[..., known.shape[-1] - (done - start) :]
            until = min(frames, start + window)
            samples = [self.condition(*one, start / rate, (until - start) / rate) for one in asked]
            with torch.no_grad(), self.placement.autocast():
                conditions = conditions_of(self.lm, samples, guidance)
            piece = Piece(conditions, of_request, until - start, known)
            for new in decode(self.lm, self.network, piece, guidance, draws):
                known = torch.cat([known, new], dim=-1)
                yield new
            done = until

    def condition(
        self, prompt: str | None, reference: ReferenceAudio, start: float, seconds: float
    ) -> ConditioningAttributes:
        """The prompt and the part `start .. start + seconds` of a reference, padded with silence."""
        part = torch.from_numpy(reference.part(start, seconds, self.sample_rate))[None]
        padded = torch.nn.functional.pad(part, (0, round(seconds * self.sample_rate) - part.shape[-1]))
        heard = audio_reference(padded, part.shape[-1], self.sample_rate, reference.one_stem)
        return ConditioningAttributes(text={"description": prompt}, wav={"self_wav": heard})


def _different(
    prompts: Sequence[str | None], references: Sequence[ReferenceAudio]
) -> tuple[list[tuple[str | None, ReferenceAudio]], list[int]]:
    """Prompts with references of which none is there twice, and which of them each sample has."""
    places: dict[tuple[str | None, int], int] = {}
    asked: list[tuple[str | None, ReferenceAudio]] = []
    of_request = []
    for prompt, reference in zip(prompts, references, strict=True):
        key = (prompt, id(reference))
        if key not in places:
            places[key] = len(asked)
            asked.append((prompt, reference))
        of_request.append(places[key])
    return asked, of_request


def _told(codes: Iterator[torch.Tensor], frames: int, progress: Progress | None) -> Iterator[torch.Tensor]:
    """The same codes `[B, K, n]`, of which `progress` is told the share that is there."""
    done = 0
    for new in codes:
        done += new.shape[-1]
        if progress:
            progress(done / frames)
        yield new


def load_model(name: str, where: Placement | None = None) -> OrchestratorModel:
    """The model of this name, and its codec.

    It may be a shipped one (`nano`, `nano-baseline`), an exported one's folder, the signature of a run of this machine,
    or one at the hub (`facebook/musicgen-melody`, with or without `//pretrained/`).

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
