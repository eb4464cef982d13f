"""Make the tagger's weights anew from musicnn 0.1.0, as it is on PyPI.

    pip download --no-deps musicnn==0.1.0
    python -m dataset_builder.musicnn.convert musicnn-0.1.0-py3-none-any.whl   # or a folder that it is unpacked in

Writes `weights/mtt_musicnn.safetensors` in this module's folder: the variables that the network reads at inference, bit
by bit, under their names. Neither TensorFlow nor code of that package is run.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import safetensors.numpy

from ..runtime.wheels import KnownPackage, run_converter
from . import tensor_bundle
from .tagger import WEIGHTS

FOLDER = "musicnn/MTT_musicnn"
INDEX, DATA = f"{FOLDER}/.index", f"{FOLDER}/.data-00000-of-00001"
PACKAGE = KnownPackage("musicnn", "0.1.0", {
    INDEX: "da2d7bb670b2b31e9bc441bb1bd75eca31b5b061f963cc1f9630c1aff3238f57",
    DATA: "041f3935e981a65cea739842d30c188d3a7d2adf4410955c8668eb3de4a5acab",
})  # fmt: skip


def main(argv: Sequence[str] | None = None) -> int:
    """Write the weights; returns the exit code: 2 where the package is not the one that is known."""
    return run_converter("python -m dataset_builder.musicnn.convert", __doc__, converted, WEIGHTS, argv)


def converted(package: Path) -> bytes:
    """The package's weights as a safetensors file.

    Raises:
        UserError: the package is missing, or not musicnn 0.1.0 byte for byte.
    """
    variables = tensor_bundle.read(PACKAGE.read(package, INDEX), PACKAGE.read(package, DATA))
    # Beside them the checkpoint holds what its optimizer kept: LAYER/VARIABLE/Adam, and two numbers of no layer.
    used = {name: value for name, value in variables.items() if "/" in name and "/Adam" not in name}
    about = {"source": f"{PACKAGE.name} {PACKAGE.version}, ISC licence"}  # of several fields the order is random
    return safetensors.numpy.save(used, about)


if __name__ == "__main__":
    sys.exit(main())
