"""Captions that somebody wrote down: a JSONL table of items and texts."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ...errors import UserError
from ...llm.answer_cache import unusable
from ...runtime.untrusted import parse_json, read_regular, shown
from .captioner import Caption, CaptionError

_LARGEST = 1 << 28  # bytes: eight kilobytes for each item of Slakh2100


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
            lines = read_regular(path, _LARGEST).splitlines()
            self.texts = dict(_caption_of(line) for line in lines if line.strip())
        except (OSError, ValueError, KeyError, TypeError) as error:
            reason = f"{type(error).__name__}: {error}"
            raise UserError(
                f'{path} is no table of captions ({reason}): expected lines such as {{"item": ID, "caption": TEXT}}'
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


def _caption_of(line: bytes) -> tuple[str, str]:
    """An item's id and its caption.

    Raises:
        ValueError, KeyError, TypeError: if a line says none.
    """
    values = parse_json(line)
    item, caption = values["item"], values["caption"]
    if type(item) is not str or type(caption) is not str:
        raise ValueError(f"item is {shown(item)}, caption {shown(caption)}: expected text")
    if (reason := unusable(caption)) is not None:
        raise ValueError(f"the caption of {shown(item)} cannot be used: {reason.replace('the answer', 'it')}")
    return item, caption
