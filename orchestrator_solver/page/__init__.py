"""The listening page: one HTML file with sound, pictures, prompts and scores, that opens anywhere and asks nobody."""

from .content import PageExcerpt, PageTable, Take
from .render import write_page

__all__ = ["PageExcerpt", "PageTable", "Take", "write_page"]
