"""Imports that every start would pay for and that few commands use: they wait, see `late_imports`."""

from .registry import imports_late

imports_late("audiocraft.modules.conditioners", "transformers", why="T5's and CLAP's conditioners alone use it")
imports_late("audiocraft.models.encodec", "transformers", why="only Hugging Face's copies of Encodec use it")
imports_late("audiocraft.models.loaders", "huggingface_hub", why="only published models are downloaded")
imports_late(
    "audiocraft.modules.chroma", "librosa", why="of it the filters alone were used, see this module's own entry"
)
for importer in ("builders", "musicgen", "diffusion"):
    imports_late(
        f"audiocraft.solvers.{importer}", "audiocraft.metrics",
        why="it brings torchmetrics and matplotlib, and is used only by an evaluation that asks for its metrics",
    )  # fmt: skip
imports_late("audiocraft.solvers.base", "audiocraft.optim.fsdp", why="FSDP brings sympy, and few runs are sharded")
imports_late("flashy.loggers.wandb", "wandb", why="runs log to wandb only if they are told to")
imports_late("flashy.loggers.tensorboard", "torch.utils.tensorboard", why="runs log to it only if they are told to")
imports_late("scipy.signal._peak_finding", "scipy.stats", why="it takes a second, and only finding peaks uses it")
imports_late("scipy.signal._signaltools", "scipy.spatial", why="only measuring which poles are equal uses it")
imports_late("scipy.signal._spline_filters", "scipy.interpolate", why="only splines use it")
imports_late("scipy.signal._ltisys", "scipy.interpolate", why="only simulating systems uses it")
imports_late("scipy.signal._filter_design", "scipy.optimize", why="only designs of few kinds of filters use it")
imports_late("librosa.core.spectrum", "scipy.interpolate", why="only the fast Mellin transform uses it")
imports_late("librosa.core.harmonic", "scipy.interpolate", why="only energies of harmonics use it")
imports_late("librosa.sequence", "scipy.spatial.distance", why="only time warping uses it")
imports_late("symusic.soundfont", "pySmartDL", why="no sound font is downloaded here")
imports_late("librosa.feature.rhythm", "scipy", why="an annotation there names scipy.stats, which is loaded for it")
