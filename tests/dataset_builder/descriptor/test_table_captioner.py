"""A table of captions that is broken is told in one line."""

from pathlib import Path

import pytest

from dataset_builder.descriptor.captions.table_captioner import TableCaptioner
from dataset_builder.errors import UserError


@pytest.mark.parametrize(
    "text",
    ["no json", "[]", '{"item": "a"}', "[" * 100_000, '{"item": "a", "caption": null}', '{"item": 1, "caption": "x"}',
     '{"item": "a", "caption": "\\ud800"}', '{"item": "a", "caption": "' + "x" * 20_001 + '"}', "9" * 5000],
    ids=lambda text: text[:40],
)  # fmt: skip
def test_a_broken_table_is_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "table.jsonl").write_text(text)
    with pytest.raises(UserError, match="expected lines such as") as caught:
        TableCaptioner(tmp_path / "table.jsonl")
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 500


def test_a_line_ends_where_json_lines_end(tmp_path: Path) -> None:
    """A line separator of Unicode may stand within a text."""
    (tmp_path / "table.jsonl").write_text('{"item": "a", "caption": "calm\u2028and slow"}\n', encoding="utf-8")
    (caption,) = TableCaptioner(tmp_path / "table.jsonl").of_item("a")
    assert caption.text == "calm\u2028and slow"
