"""`orchestrator instruments`: what can be asked for: the 34 classes, and the words that mean each.

Any of the words, or its plural, may stand in --instruments; small models are asked by the class, models with a text
encoder by the word. In brackets are General MIDI's names for sounds of the class that only models with a text encoder
read. A class that the model never trained on is marked with -: do not expect to hear it.
"""

import argparse

from dataset_builder.errors import UserError


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the command to the program's parser."""
    parser = subparsers.add_parser("instruments", help="the instruments that can be named", description=__doc__)
    parser.add_argument(
        "--model", default="nano", help="which one: a shipped one or an exported folder (default: nano)"
    )


def run(args: argparse.Namespace) -> int:
    """Print them; returns the exit code."""
    from dataset_builder.music.instruments import CLASSES

    from ..weights.description import facts_of, folder_of, reads_any_words, require_model

    require_model(args.model)
    if folder_of(args.model) is None:
        raise UserError(f"the package of {args.model} is not here: name a shipped model or an exported folder")
    facts, any_words = facts_of(args.model), reads_any_words(args.model)
    trained = facts.get("instruments")
    never = set(CLASSES) - set(CLASSES if trained is None else trained)
    for name in CLASSES:
        print(_line(name, name in never))
    for word in facts.get("own_words", ()):
        print(f"  {word}  (of its own training data)")
    what = "those marked with -" if never else "none" if trained is not None else "what, it does not say"
    print(f"\n{args.model} never trained on: {what}; other words: {'read' if any_words else 'not known'}")
    return 0


def _line(name: str, never: bool) -> str:
    """A class, the words that mean it, and General MIDI's that nobody knows as such."""
    from dataset_builder.music.instrument_words import sounds_of
    from dataset_builder.music.instruments import CLASSES, aliases_of, class_of_word

    words = aliases_of(name)
    others = [word for word in sounds_of(name) if class_of_word(word) is None]
    sounds = f" [{', '.join(others)}]" if others else ""
    return f"{'-' if never else ' '} {name:{max(map(len, CLASSES))}}  {', '.join(words)}{sounds}".rstrip()
