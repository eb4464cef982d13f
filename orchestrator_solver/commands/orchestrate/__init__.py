"""The command that plays: its options, and what is done by them."""

from .command import run
from .options import add_parser

__all__ = ["add_parser", "run"]
