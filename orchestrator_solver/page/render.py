"""Writes the listening page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from . import embedding
from .content import PageExcerpt, PageTable, Take, score_text
from .shell import render_template, write_html

PITCH_CLASSES = ("C", "C♯", "D", "D♯", "E", "F", "F♯", "G", "G♯", "A", "A♯", "B")
TITLE = "Music Orchestrator: listen"


@dataclass(frozen=True)
class _Player:
    """A take as the template shows it."""

    role: str
    label: str
    audio: str
    chroma: str
    spectrum: str
    seconds: float
    scores: tuple[tuple[str, str], ...]


def write_page(
    path: Path, excerpts: Sequence[PageExcerpt], tables: Sequence[PageTable], facts: Mapping[str, object],
    title: str = TITLE, note: str = "",
) -> None:  # fmt: skip
    """Write a listening page of excerpts, whole or not at all.

    Args:
        path: of the HTML file.
        excerpts: in order.
        tables: shown under the excerpts, see `content.tables_of`.
        facts: models and settings, by name.
        title: of the page.
        note: under the tables.

    Raises:
        UserError: if the file cannot be written.
    """
    write_html(path, render(excerpts, tables, facts, title, note))


def render(
    excerpts: Sequence[PageExcerpt], tables: Sequence[PageTable], facts: Mapping[str, object], title: str = TITLE,
    note: str = "",
) -> str:  # fmt: skip
    """The page's HTML."""
    return render_template(
        "listening.html", "listening.js", title=title, tables=tables, facts=facts, note=note,
        excerpts=[(excerpt, [_player(take) for take in excerpt.takes]) for excerpt in excerpts],
        pitch_classes=PITCH_CLASSES[::-1],
    )  # fmt: skip


def _player(take: Take) -> _Player:
    rate = take.sample_rate
    return _Player(
        take.role, take.label, embedding.data_url("audio/mpeg", embedding.mp3(take.wav, rate)),
        embedding.data_url("image/png", embedding.chroma_picture(take.wav, rate)),
        embedding.data_url("image/png", embedding.spectrum_picture(take.wav, rate)),
        len(take.wav) / rate, tuple((name, score_text(value)) for name, value in take.scores.items()),
    )  # fmt: skip
