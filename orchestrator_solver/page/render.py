"""Writes the page: a template, everything inline, nothing that a title or prompt could break out of."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from dataset_builder.errors import UserError
from dataset_builder.runtime import atomic

from . import embedding
from .content import PageExcerpt, PageTable, Take, score_text

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
    text = render(excerpts, tables, facts, title, note)
    try:
        atomic.write_text(path, text)
    except OSError as error:
        raise UserError(f"cannot write the page {path} ({error.strerror})") from error


def render(
    excerpts: Sequence[PageExcerpt], tables: Sequence[PageTable], facts: Mapping[str, object], title: str = TITLE,
    note: str = "",
) -> str:  # fmt: skip
    """The page's HTML."""
    environment = Environment(
        loader=PackageLoader("orchestrator_solver", "page/templates"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    style, script = (_inline(environment, name) for name in ("listening.css", "listening.js"))
    return environment.get_template("listening.html").render(
        title=title, style=style, script=script, policy=_policy(style, script), tables=tables, facts=facts, note=note,
        excerpts=[(excerpt, [_player(take) for take in excerpt.takes]) for excerpt in excerpts],
        pitch_classes=PITCH_CLASSES[::-1],
    )  # fmt: skip


def _inline(environment: Environment, name: str) -> Markup:
    """Our own style or script, as it stands: it holds nothing of what is shown."""
    assert environment.loader is not None
    return Markup(environment.loader.get_source(environment, name)[0].strip())


def _policy(style: str, script: str) -> str:
    """A content security policy: this page's own style and script, embedded media, and no request to anywhere."""
    return (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; img-src data:; "
        "media-src data:; base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _player(take: Take) -> _Player:
    rate = take.sample_rate
    return _Player(
        take.role, take.label, embedding.data_url("audio/mpeg", embedding.mp3(take.wav, rate)),
        embedding.data_url("image/png", embedding.chroma_picture(take.wav, rate)),
        embedding.data_url("image/png", embedding.spectrum_picture(take.wav, rate)),
        len(take.wav) / rate, tuple((name, score_text(value)) for name, value in take.scores.items()),
    )  # fmt: skip
