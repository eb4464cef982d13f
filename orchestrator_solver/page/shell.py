"""What all pages share: one file with everything inline, nothing that a title could break out of, no request sent."""

import base64
import hashlib
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from dataset_builder.errors import UserError
from dataset_builder.runtime import atomic

STYLES = ("takes.css", "listening.css")
_TEMPLATES = Environment(
    loader=PackageLoader("orchestrator_solver", "page/templates"), autoescape=True, undefined=StrictUndefined,
    trim_blocks=True, lstrip_blocks=True,
)  # fmt: skip


def render_template(name: str, script: str | None = None, **values: Any) -> str:
    """A page's HTML.

    Args:
        name: of a template.
        script: of its script, if it has one.
        values: what it shows.
    """
    style = Markup("\n").join(_inline(style) for style in STYLES)
    code = _inline(script) if script else Markup("")
    return _TEMPLATES.get_template(name).render(style=style, script=code, policy=_policy(style, code), **values)


def write_html(path: Path, text: str) -> None:
    """Write a page, whole or not at all.

    Raises:
        UserError: if it cannot be written.
    """
    try:
        atomic.write_text(path, text)
    except OSError as error:
        raise UserError(f"cannot write the page {path} ({error.strerror})") from error


def template_source(name: str) -> str:
    """A style or script of the pages, as it stands."""
    assert _TEMPLATES.loader is not None
    return _TEMPLATES.loader.get_source(_TEMPLATES, name)[0].strip()


def _inline(name: str) -> Markup:
    """Our own style or script: it holds nothing of what is shown."""
    return Markup(template_source(name))


def _policy(style: str, script: str) -> str:
    """A content security policy: this page's own style and script, embedded media, and no request to anywhere."""
    return (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; img-src data:; "
        "media-src data:; base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
