"""How codes are drawn from a language model, and the options of the command line that say so."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass, replace

from ..decoding.guidance import Guidance


@dataclass(frozen=True)
class SamplingSettings:
    """How codes are drawn.

    Attributes:
        seed: of the random numbers.
        guidance: how strongly prompt and reference are followed (classifier-free guidance), 1 is none; None, as the
            model was found to play best (`OrchestratorModel.guidance`).
        follow_melody: the same of the reference alone; None, as `guidance`.
        follow_words: the same of the prompt alone; None, as `guidance`.
        temperature: how free to play; 0 takes the likeliest code.
        top_k: draw among so many of the likeliest codes.
    """

    seed: int = 0
    guidance: float | None = None
    follow_melody: float | None = None
    follow_words: float | None = None
    temperature: float = 1.0
    top_k: int = 250

    def at(self, guidance: float) -> "SamplingSettings":
        """The same, where what is left to the model is this guidance."""
        guidance = guidance if self.guidance is None else self.guidance
        melody = guidance if self.follow_melody is None else self.follow_melody
        words = guidance if self.follow_words is None else self.follow_words
        return replace(self, guidance=guidance, follow_melody=melody, follow_words=words)

    @property
    def dials(self) -> Guidance:
        """Reference and prompt apart, of settings of which none is left to the model."""
        assert self.follow_melody is not None and self.follow_words is not None
        return Guidance(self.follow_melody, self.follow_words)


def add_sampling_options(parser: argparse.ArgumentParser) -> None:
    """Add guidance and temperature to a command's parser; a command that plays several times chooses seeds itself."""
    default, share = SamplingSettings(), number_between(float, 0, 100)
    parser.add_argument(
        "--guidance", type=share,
        help="how strictly to follow prompt and reference, 1 is least (default: the model's own)",
    )  # fmt: skip
    for name, what in (("melody", "the reference"), ("words", "the prompt")):
        parser.add_argument(
            f"--follow-{name}", type=share, metavar="GUIDANCE",
            help=f"how strictly to follow {what} alone; with both apart it plays a third slower (default: --guidance)",
        )  # fmt: skip
    parser.add_argument(
        "--temperature", type=share, default=default.temperature,
        help=f"how free to play, 0 is least (default: {default.temperature:g})",
    )  # fmt: skip


def sampling_of(args: argparse.Namespace, seed: int = 0) -> SamplingSettings:
    """The settings that the options make."""
    return SamplingSettings(seed, args.guidance, args.follow_melody, args.follow_words, args.temperature)


def number_between(kind: Callable[[str], float], least: float, most: float, unit: str = "") -> Callable[[str], float]:
    """An argument's type: a number of this kind, within these bounds."""

    def number(text: str) -> float:
        value = kind(text)
        if not least <= value <= most:  # neither is nan
            raise argparse.ArgumentTypeError(f"{text} is not between {least} and {most}{unit}")
        return value

    number.__name__ = kind.__name__  # as argparse says what was expected
    return number
