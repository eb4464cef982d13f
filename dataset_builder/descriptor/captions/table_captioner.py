"""Captions that somebody wrote down: a JSONL table of items and texts."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ...errors import UserError
from .captioner import Caption, CaptionError


class TableCaptioner:
    """Captions that were made elsewhere, by item.

    Raises:
        UserError: if the table is missing or broken.
    """

    name = "table"
    seconds, sample_rate = 10.0, 16_000

    def __init__(self, path: Path):
        self.path = path
        try:
            lines = [json.loads(line) for line in path.read_text().splitlines() if line.strip()]
            self.texts = {str(line["item"]): str(line["caption"]) for line in lines}
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UserError(
                f'{path} is no table of captions ({error!r}): expected lines such as {{"item": ID, "caption": TEXT}}'
            ) from error

    def of_item(self, item_id: str) -> list[Caption]:
        """The item's caption.

        Raises:
            CaptionError: if the table has none.
        """
        if item_id not in self.texts:
            raise CaptionError(f"{self.path.name} has no line of it")
        return [Caption(self.texts[item_id], {})]

    def caption(self, wav: np.ndarray, sample_rate: int) -> Caption:
        """Refuses audio, of which a table knows nothing.

        Raises:
            UserError: always.
        """
        raise UserError("a table of captions knows items of a data set, not audio: choose another captioner")

    def captions(self, wavs: Sequence[np.ndarray], sample_rate: int) -> list[Caption]:
        """Refuses audio, of which a table knows nothing.

        Raises:
            UserError: if there is any.
        """
        return [self.caption(wav, sample_rate) for wav in wavs]
