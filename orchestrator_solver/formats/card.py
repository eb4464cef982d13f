"""The card of a model, README.md beside its weights: what it was trained on, how well it plays, whose it is."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from omegaconf import DictConfig

from ..models.runs import BestOfRun
from ..weights.package import PREFIX
from ..weights.transformers_names import chroma_length
from .licence import NON_COMMERCIAL, UNKNOWN, Licence

LIBRARIES = {"ours": "music-orchestrator", "audiocraft": "audiocraft", "transformers": "transformers", "peft": "peft"}
_LOADED = {
    "ours": """from orchestrator_solver import Orchestrator

take = Orchestrator.from_pretrained("FOLDER").orchestrate("tune.wav", "violin, cello", seed=1)""",
    "audiocraft": """import orchestrator_solver.train  # so that silence is nothing, and not C
from audiocraft.models import MusicGen

model = MusicGen.get_pretrained("FOLDER")
audio = model.generate_with_chroma(["violin, cello. Calm."], wav[None], 32000)""",
    "transformers": """from transformers import AutoProcessor, MusicgenMelodyForConditionalGeneration

processor = AutoProcessor.from_pretrained("FOLDER", trust_remote_code=True)  # silent_chroma.py, beside the weights
model = MusicgenMelodyForConditionalGeneration.from_pretrained("FOLDER")
inputs = processor(text=["violin, cello. Calm."], audio=wav, sampling_rate=32000, return_tensors="pt")
audio = model.generate(**inputs)""",
    "peft": """from peft import PeftModel
from transformers import MusicgenMelodyForConditionalGeneration

base = MusicgenMelodyForConditionalGeneration.from_pretrained(
    BASE, num_chroma=13, chroma_length=FRAMES, ignore_mismatched_sizes=True
)  # silence, the first of 13 classes, comes with the additions
model = PeftModel.from_pretrained(base, "FOLDER")""",
}
_NOTES = {
    "transformers": "Silence is a class of its own here, the first of 13, as the model was trained: transformers' own "
    "extractor hears C there, and its 12 features do not fit. Without `trust_remote_code` the processor takes text "
    "alone. Give it what carries the melody: one instrument, or a separator's vocals and others.",
    "audiocraft": "audiocraft alone reads silent frames, and a reference that is not given, as the pitch class C, and "
    "repeats a short reference; with `orchestrator_solver.train` imported before, they are nothing, as in training.",
    "peft": "The additions are for transformers' model; `music_orchestrator.json` has what peft's settings do not. "
    "In Python: `Orchestrator.from_pretrained(FOLDER)` adds them to the same base, too.",
}
_COMMERCIAL = "Commercial use is not allowed; whether that holds for what it plays is not settled: take it as if. "


def card(source: BestOfRun, facts: Mapping[str, Any], licence: Licence, format_name: str) -> str:
    """The card's text, with its metadata for the hub.

    Args:
        source: what is exported.
        facts: of its training; `scores` are lines of our Table 1.
        licence: of what stands beside the card.
        format_name: a key of `LIBRARIES`.
    """
    base = _base(source)
    parts = [
        f"---\n{_metadata(base, licence, format_name)}\n---",
        "# A Music Orchestrator\n\nIt plays a given tune on the instruments that a prompt names.",
        f"## Training\n\n{_training(source, facts, base)}",
        f"## Scores\n\n{_scores(facts.get('scores', []))}",
        "## Intended use\n\nArranging: a tune and a list of instruments become a recording, for listening, sketching "
        "and research on how music is generated.",
        f"## Limits\n\n{_limits(source.cfg)}",
        f"## How to load it\n\n{_loading(source.cfg, base, format_name)}",
        f"## Licence\n\n{_licence(licence)}",
    ]
    return "\n\n".join(part.rstrip() for part in parts) + "\n"


def _base(source: BestOfRun) -> str:
    """What its training began with; empty if with nothing."""
    told = source.cfg.get("continue_from") or source.facts.get("baseline") or source.facts.get("published") or ""
    return str(told).removeprefix(PREFIX)


def _metadata(base: str, licence: Licence, format_name: str) -> str:
    from huggingface_hub import ModelCardData

    return ModelCardData(
        license=licence.name, license_name="unknown" if licence.name == UNKNOWN else None,
        library_name=LIBRARIES[format_name], pipeline_tag="text-to-audio",
        tags=["music", "arrangement", "music-orchestrator"],
        base_model=base if base.startswith("facebook/") else None,
    ).to_yaml()  # fmt: skip


def _training(source: BestOfRun, facts: Mapping[str, Any], base: str) -> str:
    data = facts.get("data") or "not named when it was exported (`--instruments-of DATA` names it)"
    lines = [f"Began with: {base or 'nothing'}", f"Data: {data}"]
    if "epochs" in facts:
        lines.append(f"Epochs: {facts['epochs']}")
    if "updates" in facts:
        lines.append(f"Updates: {facts['updates']}")
    if instruments := facts.get("instruments"):
        lines.append(f"Instruments: {', '.join((*instruments, *facts.get('own_words', ())))}")
    if "run" in facts:
        lines.append(f"Run: {facts['run']}")
    return "\n".join(f"- {line}" for line in lines)


def _loading(cfg: DictConfig, base: str, format_name: str) -> str:
    lines = _LOADED[format_name]
    if format_name == "peft":
        lines = lines.replace("BASE", repr(base)).replace("FRAMES", str(chroma_length(cfg)))
    note = _NOTES.get(format_name, "")
    return f"FOLDER is this folder, or its repository's name.\n\n```python\n{lines}\n```\n\n{note}"


def _scores(lines: Sequence[Mapping[str, Any]]) -> str:
    if not lines:
        return "None were given when it was exported (`--scores table1.json`)."
    names = list(dict.fromkeys(name for line in lines for name in line["scores"]))
    head = ["reference", "prompt", *names]
    rows = [[line["policy"], line["prompting"], *(_cell(line["scores"].get(name)) for name in names)] for line in lines]
    table = "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows))
    return f"By `orchestrator evaluate`, means with 95 % intervals over works:\n\n{table}"


def _cell(interval: Sequence[float | None] | None) -> str:
    if not interval or interval[0] is None:
        return "-"
    mean, low, high = (math.nan if one is None else one for one in interval)
    return f"{mean:.3f}" if math.isnan(low) else f"{mean:.3f} [{low:.3f}, {high:.3f}]"


def _limits(cfg: DictConfig) -> str:
    seconds = float(cfg.dataset.segment_duration) if "dataset" in cfg else 0
    piece = f"It plays {seconds:g} s at once, and longer pieces in parts that overlap. " if seconds else ""
    return (
        f"{piece}It follows the strongest pitch class of each moment, not chords or octaves. Instruments that it did "
        "not train on may not be heard, and it sounds like the recordings that it was trained on."
    )


def _licence(licence: Licence) -> str:
    names = {"mit": "MIT", NON_COMMERCIAL: "CC-BY-NC 4.0", UNKNOWN: "Unknown: ask whoever made it"}
    commercial = _COMMERCIAL if licence.name == NON_COMMERCIAL else ""
    return f"{names[licence.name]}: {licence.reason}. {commercial}".rstrip()
