"""Make the transcriber's weights anew from basic-pitch 0.4.0, as it is on PyPI.

    pip download --no-deps basic-pitch==0.4.0
    python -m orchestrator_solver.metrics.transcription.convert basic_pitch-0.4.0-py2.py3-none-any.whl

Writes `weights/basic_pitch.safetensors` in this module's folder: what the package's ONNX file computes with, bit by
bit, under the names of `network.py`. Neither ONNX nor code of that package is run.
"""

import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import safetensors.numpy

from dataset_builder.runtime.protobuf import fields
from dataset_builder.runtime.wheels import KnownPackage, run_converter

from .transcriber import WEIGHTS

MODEL = "basic_pitch/saved_models/icassp_2022/nmp.onnx"
PACKAGE = KnownPackage("basic-pitch", "0.4.0", {
    MODEL: "2c3c1d144bfa61ad236e92e169c13535c880469a12a047d4e73451f2c059a0ec",
})  # fmt: skip
_GRAPH, _INITIALIZER = 7, 5  # of ModelProto and GraphProto (onnx/onnx.proto)
_DIMENSION, _TYPE, _NAME, _CONTENT = 1, 2, 8, 9  # of TensorProto
_FLOAT32 = 1
# The names that the exporter made, which go on with what it joined; kernels are known by their number.
_CQT, _NORM = "model_1/cq_t2010v2_1/", "model_1/batch_normalization/FusedBatchNormV3"
SOURCES = {
    "real": "const_fold_opt__655", "imaginary": "const_fold_opt__664", "lowpass": "const_fold_opt__734",
    "scale": f"{_CQT}Sqrt;",
    "contours.0.weight": "const_fold_opt__727", "contours.0.bias": "model_1/re_lu_1/",
    "contours.2.weight": "const_fold_opt__710", "contours.2.bias": "model_1/contours-reduced/",
    "notes.0.weight": "const_fold_opt__738", "notes.0.bias": "model_1/conv2d_2/",
    "notes.2.weight": "const_fold_opt__702", "notes.2.bias": "model_1/conv2d_3/",
    "attacks.0.weight": "const_fold_opt__707", "attacks.0.bias": "model_1/re_lu_3/",
    "onsets.0.weight": "const_fold_opt__680", "onsets.0.bias": "model_1/conv2d_5/BiasAdd/",
}  # fmt: skip
_SHAPES = {"real": (36, 1, 256), "imaginary": (36, 1, 256), "lowpass": (1, 1, 256), "scale": (309, 1)}


def main(argv: Sequence[str] | None = None) -> int:
    """Write the weights; returns the exit code: 2 where the package is not the one that is known."""
    return run_converter(
        "python -m orchestrator_solver.metrics.transcription.convert", __doc__, converted, WEIGHTS, argv
    )


def converted(package: Path) -> bytes:
    """The package's weights as a safetensors file.

    Raises:
        UserError: the package is missing, or not basic-pitch 0.4.0 byte for byte.
    """
    constants = _constants(PACKAGE.read(package, MODEL))
    weights = {name: _only(constants, source) for name, source in SOURCES.items()}
    weights |= {name: weights[name].reshape(shape) for name, shape in _SHAPES.items()}
    weights["norm"] = np.concatenate([constants[f"{_NORM};{_NORM}"], constants[f"{_NORM};{_NORM}1"]])
    return safetensors.numpy.save(weights, {"source": f"{PACKAGE.name} {PACKAGE.version}, Apache-2.0 licence"})


def _constants(model: bytes) -> dict[str, np.ndarray]:
    """The float32 tensors of an ONNX model, by name."""
    (graph,) = (value for number, value in fields(model) if number == _GRAPH)
    found = {}
    for number, tensor in fields(graph):
        entries = list(fields(tensor)) if number == _INITIALIZER else []
        values = dict(entries)
        if values.get(_TYPE) == _FLOAT32:
            shape = [value for number, value in entries if number == _DIMENSION]
            numbers = np.frombuffer(values[_CONTENT], "<f4", math.prod(shape))
            found[values[_NAME].decode()] = numbers.reshape(shape)
    return found


def _only(constants: Mapping[str, np.ndarray], source: str) -> np.ndarray:
    (name,) = (name for name in constants if name.startswith(source))
    return constants[name]


if __name__ == "__main__":
    sys.exit(main())
