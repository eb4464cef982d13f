"""`orchestrator orchestrate`: play a reference, or a folder of them, on the instruments you name."""

from .command import run
from .options import add_parser

__all__ = ["add_parser", "run"]
