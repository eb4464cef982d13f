"""What a start does not import: help imports nothing that computes, and nobody loads what its command does not use."""

import subprocess
import sys
from collections.abc import Sequence

import pytest

from dataset_builder.commands import COMMANDS as BUILDER_COMMANDS
from dataset_builder.commands.bench import MEASUREMENTS as BUILDER_MEASUREMENTS
from orchestrator_solver.commands import COMMANDS
from orchestrator_solver.commands.bench import MEASUREMENTS
from orchestrator_solver.paths import PROJECT

COMPUTES = {  # a help that imports one of these takes longer than half a second
    "torch", "librosa", "numba", "scipy", "matplotlib", "music21", "pretty_midi", "openai", "wandb", "transformers",
    "audiocraft", "dora", "hydra", "submitit", "torchaudio", "tensorboard", "demucs", "jinja2",
}  # fmt: skip
SELDOM = {  # what audiocraft, flashy and librosa import and most runs never use
    "transformers", "sympy", "scipy.stats", "matplotlib", "wandb", "wandb_workspaces", "torchmetrics", "demucs",
    "pandas", "tensorboard", "sklearn", "pesq", "openai", "music21", "pretty_midi", "torch._dynamo",
    "torch.distributed.fsdp",
}  # fmt: skip
PLAYING = (
    "from orchestrator_solver.generation import model, orchestrate, recordings, reference_audio, request\n"
    "from orchestrator_solver.metrics.registry import build_metrics\n"
    "model.load_model('nano')"
)
COMPOSING = "from orchestrator_solver.train import main\nmain.get_xp(['solver=orchestrator_nano'])"
OPTIMIZING = (
    "import torch, orchestrator_solver\n"  # in the order of `dora run`
    "optimizer = torch.optim.AdamW([torch.ones(2, requires_grad=True)])\n"
    "optimizer.load_state_dict(optimizer.state_dict())"
)
LISTENING = (
    "import orchestrator_solver, numpy\n"
    "from dataset_builder.music.audio_tempo_key import key_of_audio, tempo_of_audio\n"
    "noise = numpy.random.default_rng(0).normal(size=44_100)\n"
    "tempo_of_audio(noise, 22_050), key_of_audio(noise, 22_050)"
)


def test_what_librosa_compiles_is_built_by_its_first_call_and_is_the_same() -> None:
    code = (
        "import numpy, orchestrator_solver, librosa\n"
        "from numba.np.ufunc import decorators, dufunc\n"
        "built = []\n"
        "for kind in (decorators.Vectorize, decorators.GUVectorize):\n"
        "    make = kind.__new__\n"
        "    def made(cls, func, *args, make=make, **options):\n"
        "        built.append(func.__name__)\n"
        "        return make(cls, func, *args, **options)\n"
        "    kind.__new__ = made\n"
        "wav = numpy.random.default_rng(0).normal(size=99).astype('f')\n"
        "assert librosa.util.localmax is not None and built == [], built\n"
        "wanted = (wav > numpy.pad(wav, 1, 'edge')[:-2]) & (wav >= numpy.pad(wav, 1, 'edge')[2:])\n"
        "assert (librosa.util.localmax(wav) == wanted).all() and built == ['_localmax'], built\n"
        "import numba\n"
        "assert type(numba.vectorize(['f4(f4)'])(lambda x: x)) is dufunc.DUFunc\n"
        "assert type(numba.vectorize(lambda x: x)) is dufunc.DUFunc\n"
    )
    loaded(code)


def loaded(code: str) -> set[str]:
    """The modules of a fresh interpreter that has run this code."""
    code += "\nimport sys\nprint('loaded', *sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize(
    ("program", "helps"),
    [
        ("orchestrator_solver.cli", [[], *([name] for name in COMMANDS), *(["bench", name] for name in MEASUREMENTS)]),
        (
            "dataset_builder.__main__",
            [[], *([name] for name in BUILDER_COMMANDS), *(["bench", name] for name in BUILDER_MEASUREMENTS)],
        ),
    ],
)
def test_help_imports_nothing_that_computes(program: str, helps: Sequence[Sequence[str]]) -> None:
    code = (
        f"from contextlib import suppress\nfrom {program} import main\n"
        f"for words in {helps!r}:\n    with suppress(SystemExit):\n        main([*words, '--help'])"
    )
    assert loaded(code) & COMPUTES == set()


@pytest.mark.parametrize(
    ("code", "unused"),
    [
        (PLAYING, SELDOM | {"librosa", "numba", "scipy"}),
        (COMPOSING, SELDOM | {"librosa", "numba", "scipy"}),
        (OPTIMIZING, SELDOM),
        (LISTENING, SELDOM | {"torch", "librosa.beat", "scipy.interpolate", "scipy.optimize", "scipy.spatial"}),
    ],
    ids=["playing", "composing a run", "making an optimizer", "tempo and key"],
)
def test_what_is_seldom_used_is_not_loaded(code: str, unused: set[str]) -> None:
    assert loaded(code) & unused == set()
