"""How much memory a training step and a checkpoint take, by formulas that tests check on tensors (test_gpu_memory.py).

With D the width, H heads, K codebooks of C codes, P parameters of which R are trained, and N tokens at once (samples x
(codes' steps + 1 + conditions put before them)), a step takes, in bytes:

- weights 4 P, gradients 4 R, optimizer 8 R (AdamW), 12 R (D-Adaptation) or 16 R (Prodigy), average of the weights 4 P;
- a layer keeps for going back N (64 D + 4 H + 16) in float32, and N (38 D + 4 H + 16) + 24 D^2 under autocast to 16
  bits, where weights are cast; LoRA in float32 adds 48 D^2, its adapted weights; a checkpointed layer keeps its input,
  4 N D, and one layer at a time is computed again;
- the end keeps its norm, what its linears read (if they are trained, or cast) and the logarithms of the codes'
  probabilities, 4 K C a step; two more of these are at hand for a moment.

Not counted: frozen models beside (EnCodec, T5), what CUDA itself takes (about 0.5 GB) and lost pieces (about a tenth).
"""

from dataclasses import dataclass

from omegaconf import DictConfig

STATES = {"adamw": 2, "dadam": 3, "prodigy": 4}  # tensors of a parameter's size that an optimizer keeps
SCALES = {"small": (1024, 16, 24), "medium": (1536, 24, 48), "large": (2048, 32, 48)}  # width, heads, layers
TEXT, PITCHES = 768, 12  # what the conditions' projections read: T5-base's states, pitch classes
GIB = 2**30


@dataclass(frozen=True)
class Model:
    """The sizes of a MusicGen.

    Attributes:
        dim: width.
        heads: of the attention.
        layers: of the transformer.
        codebooks: K.
        card: codes in a codebook.
    """

    dim: int
    heads: int
    layers: int
    codebooks: int = 4
    card: int = 2048

    @property
    def conditions(self) -> int:
        """Parameters of the projections of text and chroma."""
        return (TEXT + PITCHES + 2) * self.dim

    @property
    def parameters(self) -> int:
        """All of the language model, without frozen conditioners."""
        layer = 12 * self.dim**2 + 4 * self.dim
        ends = self.codebooks * (2 * self.card + 1) * self.dim + 2 * self.dim
        return self.layers * layer + ends + self.conditions


@dataclass(frozen=True)
class Training:
    """What decides about memory besides the model.

    Attributes:
        samples: at once, i.e. `optim.micro_batch`.
        steps: codes in a sample: 50 a second.
        prefix: conditions before them: 235 frames of chroma in 30 s, and the words.
        rank: of LoRA; 0 for the whole model.
        half: autocast to 16 bits.
        checkpointing: of activations.
        optimizer: of `STATES`.
        ema: whether an average of the weights is kept.
    """

    samples: int = 1
    steps: int = 1500
    prefix: int = 275
    rank: int = 0
    half: bool = True
    checkpointing: bool = False
    optimizer: str = "dadam"
    ema: bool = False


@dataclass(frozen=True)
class Memory:
    """Bytes of each part of a training step's memory.

    Attributes:
        weights: and, if wanted, their average.
        gradients: of what is trained.
        optimizer: its states.
        activations: kept for going back.
        passing: at hand for a moment at the peak.
    """

    weights: int
    gradients: int
    optimizer: int
    activations: int
    passing: int

    @property
    def total(self) -> int:
        """All of it."""
        return self.weights + self.gradients + self.optimizer + self.activations + self.passing


def trained(model: Model, rank: int) -> int:
    """How many parameters are trained: additions to the four matrices and the conditions, or all with rank 0."""
    return model.layers * 16 * model.dim * rank + model.conditions if rank else model.parameters


def layer_bytes(model: Model, training: Training) -> int:
    """What a layer keeps for going back, without checkpointing."""
    tokens, d = _tokens(training), model.dim
    if training.half:
        return tokens * (38 * d + 4 * model.heads + 16) + 24 * d**2
    return tokens * (64 * d + 4 * model.heads + 16) + (48 * d**2 if training.rank else 0)


def activation_bytes(model: Model, training: Training) -> int:
    """What a step keeps for going back."""
    tokens, d = _tokens(training), model.dim
    codes = training.samples * training.steps * model.codebooks * model.card
    read = 0 if training.rank else tokens  # frozen linears do not keep what they read
    # Under autocast states and weights are cast for each codebook by itself.
    heads = 2 * model.codebooks * d * (read + model.card) if training.half else 4 * read * d
    end = tokens * (4 * d + 8) + heads + 4 * codes
    layer = 4 * tokens * d if training.checkpointing else layer_bytes(model, training)
    return model.layers * layer + end


def optimizer_bytes(optimizer: str, count: int) -> int:
    """What an optimizer keeps of `count` trained parameters; of one that is not listed, as much as AdamW."""
    return 4 * STATES.get(optimizer, STATES["adamw"]) * count


def memory_of(model: Model, training: Training) -> Memory:
    """The parts of a training step's memory."""
    count = trained(model, training.rank)
    added = count - model.conditions if training.rank else 0
    codes = training.samples * training.steps * model.codebooks * model.card
    return Memory(
        weights=4 * (model.parameters + added) * (2 if training.ema else 1),
        gradients=4 * count,
        optimizer=optimizer_bytes(training.optimizer, count),
        activations=activation_bytes(model, training),
        passing=8 * codes + (layer_bytes(model, training) if training.checkpointing else 0),
    )


def _tokens(training: Training) -> int:
    return training.samples * (training.steps + 1 + training.prefix)


def language_model_parameters(cfg: DictConfig) -> int:
    """Parameters of a run's language model without conditions: 12 D^2 a layer, and embeddings and outputs of codes."""
    model = cfg.get("transformer_lm")
    if model is None:
        return 0
    layer = (4 + 2 * model.hidden_scale) * model.dim**2
    return int(model.num_layers * layer + 2 * model.n_q * (model.card + 1) * model.dim)


def checkpoint_bytes(cfg: DictConfig) -> int:
    """Bytes of a run's checkpoint: weights, optimizer and EMA in float32, the best state in 16 bits or in 32."""
    count = language_model_parameters(cfg)
    ema = 4 if cfg.optim.ema.use else 0
    best = 2 if cfg.autocast else 4
    return count * (4 + ema + best) + optimizer_bytes(cfg.optim.optimizer, count)


def table(
    scales: tuple[str, ...] = ("small", "medium"), samples: int = 1, optimizer: str = "dadam", rank: int = 16
) -> str:
    """Markdown: GiB of each part, for whole and LoRA fine-tuning, precision and checkpointing."""
    lines = [
        "| model | trained | precision | checkpointing | weights | gradients | optimizer | activations | total GiB |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for scale in scales:
        for used in (0, rank):
            for half in (False, True):
                for checkpointing in (False, True):
                    training = Training(samples, rank=used, half=half, checkpointing=checkpointing, optimizer=optimizer)
                    lines.append(_row(scale, training))
    return "\n".join(lines)


def _row(scale: str, training: Training) -> str:
    model = Model(*SCALES[scale])
    found = memory_of(model, training)
    what = f"LoRA {training.rank}" if training.rank else "all"
    parts = (found.weights, found.gradients, found.optimizer, found.activations + found.passing, found.total)
    words = [f"{scale} ({model.parameters / 1e9:.2f} B)", f"{what}: {trained(model, training.rank) / 1e6:.0f} M"]
    words += ["bf16" if training.half else "fp32", "yes" if training.checkpointing else "no"]
    return "| " + " | ".join([*words, *(f"{part / GIB:.1f}" for part in parts)]) + " |"
