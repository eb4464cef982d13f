"""Steps of playing: our loop against audiocraft's `generate` and transformers, by turns, and the memory's limit.

One take with guidance, which is two rows; the reference is put before the codes, as MusicGen Melody has it. Single
steps at a position are timed, without what comes before it.
"""

import itertools
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from audiocraft.models.lm import LMModel
from omegaconf import OmegaConf
from tqdm import tqdm

from dataset_builder.bench.measurement import Report

from ...decoding.decode import Piece, decode
from ...decoding.draws import Draws
from ...decoding.guidance import Guidance
from ...decoding.network import Network
from ...decoding.passes import conditions_of
from ...features.conditions import audio_reference
from ...generation.model import load_model
from ...models.builders import build_lm

SHAPES = {"small": (1024, 16, 24), "medium": (1536, 24, 48)}  # MusicGen's: width, heads, layers
GUIDANCE = Guidance(3.0, 3.0)
CANDIDATES = 8
_RATE, _SECONDS = 32_000, 30.0
Turn = Callable[[int, int], list[float]]  # position, steps: seconds of each step


@dataclass(frozen=True)
class StepTimes:
    """Milliseconds a step at a position, medians over all steps, and the bytes that a step has to read.

    Attributes:
        position: codes before it.
        milliseconds: by side.
        ratios: of audiocraft's time to each side's, medians over turns.
    """

    position: int
    milliseconds: Mapping[str, float]
    ratios: Mapping[str, float]


@dataclass(frozen=True)
class DecodingReport(Report):
    """Steps of all sides.

    Attributes:
        shape: of the model.
        parameters: of its transformer and heads.
        threads: of torch.
        bandwidth: bytes a second that reading a large array takes, measured beside them.
        limit: milliseconds that reading the weights once takes at that bandwidth, in float32.
        times: at each position.
        equal: share of greedy codes that are those of float32, by less precise side.
    """

    shape: str
    parameters: int
    threads: int
    bandwidth: float
    limit: float
    times: tuple[StepTimes, ...]
    equal: Mapping[str, float]

    def text(self) -> str:
        """The report for a terminal."""
        lines = [
            f"{self.shape}: {self.parameters / 1e6:.0f} M parameters, {self.threads} threads; memory is read at "
            f"{self.bandwidth / 1e9:.1f} GB/s, so that float32 weights take {self.limit:.1f} ms"
        ]
        for times in self.times:
            lines += [f"at position {times.position}, milliseconds a step, and audiocraft's over it"]
            lines += [f"  {side:22s} {ms:8.2f} {times.ratios[side]:6.2f}" for side, ms in times.milliseconds.items()]
        lines += [f"greedy codes as in float32: {side} {share:.1%}" for side, share in self.equal.items()]
        return "\n".join(lines)


def bench_decoding(shape: str, positions: tuple[int, ...], steps: int, turns: int) -> DecodingReport:
    """Time steps of one model on all sides.

    Args:
        shape: of `SHAPES`, with random weights, or the name of a model.
        positions: at which steps are timed.
        steps: timed at each in a turn.
        turns: in which all sides take part.
    """
    torch.manual_seed(0)
    lm = random_lm(*SHAPES[shape]) if shape in SHAPES else load_model(shape).lm
    sides = _sides(lm, shape)
    times = [_times(sides, position, steps, turns) for position in positions]
    weights = sum(parameter.numel() for part in (lm.transformer, lm.linears) for parameter in part.parameters())
    bandwidth = _bandwidth()
    return DecodingReport(
        shape, weights, torch.get_num_threads(), bandwidth, 4e3 * weights / bandwidth, tuple(times),
        {str(precision).removeprefix("torch."): _equal(lm, precision) for precision in (torch.bfloat16, torch.int8)},
    )  # fmt: skip


def random_lm(dim: int, heads: int, layers: int) -> LMModel:
    """A language model of MusicGen Melody's layout; its text needs no encoder."""
    cfg = OmegaConf.create({
        "lm_model": "transformer_lm", "device": "cpu", "dtype": "float32", "sample_rate": _RATE,
        "codec_frame_rate": 50, "dataset": {"segment_duration": _SECONDS},
        "transformer_lm": {"n_q": 4, "card": 2048, "dim": dim, "num_heads": heads, "num_layers": layers,
                           "hidden_scale": 4, "causal": True, "norm_first": True, "bias_ff": False, "bias_attn": False,
                           "bias_proj": False, "memory_efficient": True, "activation": "gelu"},
        "codebooks_pattern": {"modeling": "delay", "delay": {"delays": [0, 1, 2, 3]}},
        "classifier_free_guidance": {"training_dropout": 0.2, "inference_coef": 3.0}, "attribute_dropout": {},
        "fuser": {"sum": [], "cross": [], "prepend": ["self_wav", "description"], "input_interpolate": [],
                  "cross_attention_pos_emb": False, "cross_attention_pos_emb_scale": 1.0},
        "conditioners": {"description": {"model": "words", "words": {"dim": 8, "n_bins": 32}},
                         "self_wav": {"model": "chroma",
                                      "chroma": {"sample_rate": _RATE, "radix2_exp": 14, "context": 0}}},
    })  # fmt: skip
    return build_lm(cfg).eval()


def _sides(lm: LMModel, shape: str) -> dict[str, Turn]:
    sides: dict[str, Turn] = {"audiocraft": lambda position, steps: _audiocraft(lm, position, steps)}
    if shape in SHAPES:
        theirs = _transformers_model(*SHAPES[shape])
        sides["transformers"] = lambda position, steps: _transformers(theirs, position, steps)
    for precision in (torch.float32, torch.bfloat16, torch.int8):
        name = f"ours, {str(precision).removeprefix('torch.')}"
        sides[name] = _ours(lm, Network(lm, precision), 1)
    sides[f"ours, {CANDIDATES} takes"] = _ours(lm, Network(lm, torch.float32), CANDIDATES)
    return sides


def _times(sides: Mapping[str, Turn], position: int, steps: int, turns: int) -> StepTimes:
    found: dict[str, list[float]] = {side: [] for side in sides}
    for _ in tqdm(range(turns), f"position {position}", unit="turn"):
        for side, turn in sides.items():
            found[side].append(1e3 * statistics.median(turn(position, steps)))
    ratios = {
        side: statistics.median(theirs / mine for theirs, mine in zip(found["audiocraft"], medians, strict=True))
        for side, medians in found.items()
    }
    return StepTimes(position, {side: statistics.median(medians) for side, medians in found.items()}, ratios)


def _known(lm: LMModel, position: int, samples: int = 1) -> torch.Tensor:
    return torch.randint(0, lm.card, (samples, lm.n_q, position), generator=torch.Generator().manual_seed(0))


def _asked(lm: LMModel) -> list:
    from audiocraft.modules.conditioners import ConditioningAttributes

    rate = lm.condition_provider.conditioners["self_wav"].chroma.sample_rate
    wav = torch.sin(2 * torch.pi * 440 / rate * torch.arange(round(_SECONDS * rate)))[None]
    reference = audio_reference(wav, wav.shape[-1], rate, one_stem=True)
    return [ConditioningAttributes(text={"description": "violin, cello"}, wav={"self_wav": reference})]


@torch.no_grad()
def _audiocraft(lm: LMModel, position: int, steps: int) -> list[float]:
    ticks: list[float] = []
    lm.generate(
        _known(lm, position), _asked(lm), max_gen_len=position + steps + 1, use_sampling=False, cfg_coef=GUIDANCE.words,
        callback=lambda step, of: ticks.append(time.perf_counter()),
    )  # fmt: skip
    return _between(ticks)[:steps]


def _ours(lm: LMModel, network: Network, samples: int) -> Turn:
    def turn(position: int, steps: int) -> list[float]:
        with torch.no_grad():
            conditions = conditions_of(lm, _asked(lm), GUIDANCE)
            piece = Piece(conditions, [0] * samples, position + steps + 1, _known(lm, position, samples))
            draws = Draws([0] * samples, 0, 1)
            ticks = [time.perf_counter() for _ in decode(lm, network, piece, GUIDANCE, draws)]
        return _between(ticks)

    return turn


def _between(ticks: list[float]) -> list[float]:
    return [later - earlier for earlier, later in itertools.pairwise(ticks)]


def _transformers_model(dim: int, heads: int, layers: int) -> torch.nn.Module:
    from transformers import MusicgenMelodyForCausalLM
    from transformers.models.musicgen_melody.configuration_musicgen_melody import MusicgenMelodyDecoderConfig

    config = MusicgenMelodyDecoderConfig(
        hidden_size=dim, num_attention_heads=heads, num_hidden_layers=layers, ffn_dim=4 * dim, num_codebooks=4,
        vocab_size=2048, pad_token_id=2048, bos_token_id=2048,
    )  # fmt: skip
    model: torch.nn.Module = MusicgenMelodyForCausalLM(config).eval()
    return model


@torch.no_grad()
def _transformers(model: torch.nn.Module, position: int, steps: int) -> list[float]:
    width = int(model.config.hidden_size)  # type: ignore[union-attr, arg-type]
    before = torch.zeros(2, 236, width)  # as many as the conditions of the others
    codes = torch.randint(0, 2048, (2 * 4, position + 1), generator=torch.Generator().manual_seed(0))
    out = model(codes, encoder_hidden_states=before, use_cache=True)
    ticks = [time.perf_counter()]
    for _ in range(steps):
        likeliest = out.logits[:, -1:].argmax(-1)
        out = model(likeliest, past_key_values=out.past_key_values, use_cache=True)
        ticks.append(time.perf_counter())
    return _between(ticks)


class _Told(Draws):
    """Takes what it is told, or else the likeliest, and keeps what was likeliest."""

    def __init__(self, told: list[torch.Tensor] | None = None) -> None:
        super().__init__([0], temperature=0, top_k=1)
        self.told, self.likeliest = told, []  # type: ignore[var-annotated]

    def pick(self, logits: torch.Tensor, numbers: torch.Tensor | None) -> torch.Tensor:
        self.likeliest.append(logits.argmax(-1))
        return self.told[len(self.likeliest) - 1] if self.told else self.likeliest[-1]


def _equal(lm: LMModel, precision: torch.dtype, frames: int = 100) -> float:
    """The share of greedy codes that are float32's, each told float32's before it."""
    exact = _Told()
    near = _Told(exact.likeliest)
    for draws, kind in ((exact, torch.float32), (near, precision)):
        with torch.no_grad():
            piece = Piece(conditions_of(lm, _asked(lm), GUIDANCE), [0], frames, _known(lm, 0))
            list(decode(lm, Network(lm, kind), piece, GUIDANCE, draws))
    same = [(found == wanted).float().mean() for found, wanted in zip(near.likeliest, exact.likeliest, strict=True)]
    return float(torch.stack(same).mean())


def _bandwidth(size: int = 1 << 30) -> float:
    """Bytes a second of reading memory with torch's threads, the best of some."""
    values = torch.ones(size // 4)
    best = float("inf")
    for _ in range(5):
        begun = time.perf_counter()
        values.sum()
        best = min(best, time.perf_counter() - begun)
    return size / best
