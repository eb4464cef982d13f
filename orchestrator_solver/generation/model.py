"""Playing a reference on other instruments: the model as a musician or a product uses it."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np
import soxr
import torch
from audiocraft.models.encodec import CompressionModel
from audiocraft.models.lm import LMModel
from audiocraft.modules.conditioners import ConditioningAttributes, WavCondition

from ..features.pitch_classes import ONE_STEM
from ..models import loading
from ..weights import hub
from ..weights.package import PREFIX, Package, folder_of, load
from ..weights.published import published

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
        facts: what the package says of its training.
    """

    name: str
    sha256: str
    lm: LMModel
    codec: CompressionModel
    max_seconds: float
    facts: dict = field(default_factory=dict)

    @property
    def sample_rate(self) -> int:
        """Hz of what is generated."""
        return self.codec.sample_rate

    @property
    def grid(self) -> float:
        """Seconds between the times that begin a frame of the codec and one of the reference's chroma alike."""
        frames = (self.codec.frame_rate, self.lm.condition_provider.conditioners["self_wav"].frame_rate)
        codec, chroma = (1 / Fraction(rate).limit_denominator(1_000_000) for rate in frames)
        return math.lcm(codec.numerator, chroma.numerator) / math.gcd(codec.denominator, chroma.denominator)

    @property
    def trained_instruments(self) -> tuple[str, ...]:
        """Instruments that the training data named; empty if the package does not say."""
        return tuple(self.facts.get("instruments", ()))

    @torch.no_grad()
    def generate(
        self,
        prompts: Sequence[str | None],
        references: Sequence[np.ndarray | torch.Tensor],
        reference_sample_rate: int,
        duration: float | None = None,
        seed: int = 0,
        guidance: float = 3.0,
        temperature: float = 1.0,
        top_k: int = 250,
        progress: Progress | None = None,
        one_stem: bool | Sequence[bool] = False,
    ) -> torch.Tensor:
        """Play each reference as its prompt says.

        Args:
            prompts: what to play, see `dataset_builder.items.prompt.compose`.
            references: mono audio `[T]` or `[1, T]` each.
            reference_sample_rate: of all references, in Hz.
            duration: seconds of output; as long as the longest reference by default.
            seed: of the sampling.
            guidance: how strongly prompt and reference are followed (classifier-free guidance); 1 is none.
            temperature: of the sampling; 0 takes the likeliest code.
            top_k: sample among so many codes.
            progress: called with the share that is done, 0..1.
            one_stem: the references, or which of them, are single instruments; of others, a model whose condition
                is made so (MusicGen Melody's) takes the stems that carry the melody.

        Returns:
            Audio `[B, 1, T]` at `sample_rate`.
        """
        wavs = [self._mono(reference, reference_sample_rate) for reference in references]
        stems = [one_stem] * len(wavs) if isinstance(one_stem, bool) else list(one_stem)
        seconds = duration or max(wav.shape[-1] for wav in wavs) / self.sample_rate
        device = self.device
        gpus = [device] if device.type == "cuda" else []
        with torch.random.fork_rng(gpus), torch.autocast(device.type, torch.float16, enabled=bool(gpus)):
            torch.manual_seed(seed)
            sampling = {
                "use_sampling": temperature > 0,
                "temp": temperature,
                "top_k": min(top_k, self.codec.cardinality),
                "cfg_coef": guidance,
            }
            codes = self._codes(prompts, wavs, seconds, sampling, progress or (lambda share: None), stems)
        return self.codec.decode(codes, None)[..., : round(seconds * self.sample_rate)].cpu()

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return next(iter(self.codec.parameters())).device

    def _mono(self, reference: np.ndarray | torch.Tensor, sample_rate: int) -> torch.Tensor:
        """A reference `[1, T]` at the model's rate."""
        wav = np.asarray(reference, dtype=np.float32).reshape(-1)
        if sample_rate != self.sample_rate:
            wav = soxr.resample(wav, sample_rate, self.sample_rate)
        return torch.from_numpy(wav)[None]

    def _codes(
        self, prompts: Sequence[str | None], wavs: Sequence[torch.Tensor], seconds: float, sampling: dict,
        progress: Progress, stems: Sequence[bool],
    ) -> torch.Tensor:  # fmt: skip
        """Codes `[B, K, S]` of `seconds`, in pieces of `max_seconds` that each go on from half of the one before."""
        rate = self.codec.frame_rate
        total = math.ceil(seconds * rate)
        piece = min(total, int(self.max_seconds * rate))
        overlap = piece // 2
        done: torch.Tensor | None = None
        start = 0
        while done is None or done.shape[-1] < total:
            length = min(piece, total - start)
            context = None if done is None else done[..., start:]
            conditions = [
                self._condition(prompt, wav, start / rate, length / rate, one_stem)
                for prompt, wav, one_stem in zip(prompts, wavs, stems, strict=True)
            ]
            known = 0 if done is None else done.shape[-1]
            codes = self.lm.generate(
                context,
                conditions,
                max_gen_len=length,
                callback=_part_of(progress, known / total, min(total, start + length) / total),
                **sampling,
            )
            done = codes if done is None else torch.cat([done[..., :start], codes], dim=-1)
            start = done.shape[-1] - overlap
        return done

    def _condition(
        self, prompt: str | None, wav: torch.Tensor, start: float, seconds: float, one_stem: bool = False
    ) -> ConditioningAttributes:
        """The prompt and the part of the reference `start .. start + seconds`, padded with silence."""
        begin, samples = round(start * self.sample_rate), round(seconds * self.sample_rate)
        part = wav[:, begin : begin + samples]
        there = torch.tensor([max(1, part.shape[-1])])  # none at all would be a dropped reference, not a silent one
        part = torch.nn.functional.pad(part, (0, samples - part.shape[-1]))
        path = ONE_STEM if one_stem else None
        condition = WavCondition(part[None], there, [self.sample_rate], [path], [start])
        return ConditioningAttributes(text={"description": prompt}, wav={"self_wav": condition})


def _part_of(progress: Progress, first: float, last: float) -> Callable[[int, int], None]:
    """A callback for steps of a part of the work, which goes from share `first` to share `last`."""
    return lambda step, steps: progress(first + (last - first) * step / steps)


def _package(name: str) -> Package:
    if folder_of(name) or not name.startswith(PREFIX):
        return load(name, "lm")
    if not Path(name.removeprefix(PREFIX)).exists():
        hub.require(name.removeprefix(PREFIX))
    return published(name)


def load_model(name: str, device: str = "cpu") -> OrchestratorModel:
    """The model of this name.

    It is `nano`, `nano-baseline`, a folder that a run exported, or `//pretrained/NAME`, where NAME may also be a
    repository at the hub (`facebook/musicgen-melody`) or a folder of audiocraft's format.

    Raises:
        UserError: if there is none, or it is torn.
    """
    package = _package(name)
    language_model = loading.build_lm_from_package(package, device)
    codec = loading.load_codec(package.cfg.compression_model_checkpoint, device)
    return OrchestratorModel(
        name, package.sha256, language_model, codec, float(package.cfg.dataset.segment_duration), package.facts
    )
