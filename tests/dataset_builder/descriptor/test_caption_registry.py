"""Captioners by name, and what each says that it lacks."""

from pathlib import Path

import pytest

from dataset_builder.descriptor.captions.registry import CaptionSettings, build_captioner
from dataset_builder.errors import UserError


@pytest.mark.parametrize(
    ("settings", "error"),
    [(CaptionSettings("claude"), "unknown captioner"), (CaptionSettings("chat"), "--caption-url"),
     (CaptionSettings("mu-llama"), "--caption-command"), (CaptionSettings("table"), "--caption-table"),
     (CaptionSettings("table", table=Path("/nowhere")), "no table of captions")],
)  # fmt: skip
def test_what_a_captioner_lacks_is_said(settings: CaptionSettings, error: str) -> None:
    with pytest.raises(UserError, match=error):
        build_captioner(settings)
    assert build_captioner(CaptionSettings("none")) is None
