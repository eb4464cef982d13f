"""A table of captions that is broken is told in one line."""

from pathlib import Path

import pytest

from dataset_builder.descriptor.captions.table_captioner import TableCaptioner
from dataset_builder.errors import UserError


@pytest.mark.parametrize("text", ["no json", "[]", '{"item": "a"}'])
def test_a_broken_table_is_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "table.jsonl").write_text(text)
    with pytest.raises(UserError, match="expected lines such as"):
        TableCaptioner(tmp_path / "table.jsonl")
