"""The one place where a prompt is made: in data, training, evaluation, generation and on the page."""

from collections.abc import Sequence


def compose(instruments: Sequence[str], description: str | None) -> str:
    """The prompt that asks for `instruments`, with the music's description before them if there is one.

    Without description the instruments alone, as in the paper's rows "w/o description".
    """
    names = ", ".join(instruments)
    if not description:
        return names
    return f"{description.strip()} Instruments: {names}." if names else description.strip()
