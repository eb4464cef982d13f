"""How codes are drawn from a language model, and the options of the command line that say so."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class SamplingSettings:
    """How codes are drawn.

    Attributes:
        seed: of the random numbers.
        guidance: how strongly prompt and reference are followed (classifier-free guidance), 1 is none; None, as the
            model was found to play best (`OrchestratorModel.guidance`).
        temperature: how free to play; 0 takes the likeliest code.
        top_k: draw among so many of the likeliest codes.
    """

    seed: int = 0
    guidance: float | None = None
    temperature: float = 1.0
    top_k: int = 250


def add_sampling_options(parser: argparse.ArgumentParser) -> None:
    """Add guidance and temperature to a command's parser; a command that plays several times chooses seeds itself."""
    default, share = SamplingSettings(), number_between(float, 0, 100)
    parser.add_argument(
        "--guidance", type=share,
        help="how strictly to follow prompt and reference, 1 is least (default: the model's own)",
    )  # fmt: skip
    parser.add_argument(
        "--temperature", type=share, default=default.temperature,
        help=f"how free to play, 0 is least (default: {default.temperature:g})",
    )  # fmt: skip


def sampling_of(args: argparse.Namespace, seed: int = 0) -> SamplingSettings:
    """The settings that the options make."""
    return SamplingSettings(seed, args.guidance, args.temperature)


def number_between(kind: Callable[[str], float], least: float, most: float, unit: str = "") -> Callable[[str], float]:
    """An argument's type: a number of this kind, within these bounds."""

    def number(text: str) -> float:
        value = kind(text)
        if not least <= value <= most:  # neither is nan
            raise argparse.ArgumentTypeError(f"{text} is not between {least} and {most}{unit}")
        return value

    number.__name__ = kind.__name__  # as argparse says what was expected
    return number
