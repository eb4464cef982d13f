"""What all pages share: one file with everything inline, nothing that a title could break out of, no request sent."""

import base64
import hashlib
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from dataset_builder.errors import UserError
from dataset_builder.runtime import atomic

STYLE = "listening.css"


def render_template(name: str, script: str | None = None, **values: Any) -> str:
    """A page's HTML.

    Args:
        name: of a template.
        script: of its script, if it has one.
        values: what it shows.
    """
    environment = Environment(
        loader=PackageLoader("orchestrator_solver", "page/templates"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    style, code = _inline(environment, STYLE), _inline(environment, script) if script else Markup("")
    return environment.get_template(name).render(style=style, script=code, policy=_policy(style, code), **values)


def write_html(path: Path, text: str) -> None:
    """Write a page, whole or not at all.

    Raises:
        UserError: if it cannot be written.
    """
    try:
        atomic.write_text(path, text)
    except OSError as error:
        raise UserError(f"cannot write the page {path} ({error.strerror})") from error


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
