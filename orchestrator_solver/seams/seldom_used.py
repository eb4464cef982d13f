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
imports_late("librosa.feature.rhythm", "scipy", why="an annotation there names scipy.stats, which is loaded for it")
