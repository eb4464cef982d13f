"""Networks of other packages, run so that nothing is printed and nobody else's random numbers are used up."""

import contextlib
import io
import warnings
from collections.abc import Iterator

import torch


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Run what prints, warns of torch's coming versions, and draws numbers that it then does not use."""
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
        warnings.simplefilter("ignore")
        yield
