"""Imports that a start would pay for and that most commands never use: they wait (see `late_imports`)."""

from .registry import imports_late

imports_late("audiocraft.modules.conditioners", "spacy", "transformers", "num2words", why="T5 and CLAP")
imports_late("audiocraft.models.encodec", "transformers", why="Encodec")
imports_late("audiocraft.modules.chroma", "librosa", why="filters")
imports_late("audiocraft.solvers.builders", "audiocraft.metrics", why="")
imports_late("audiocraft.solvers.musicgen", "audiocraft.metrics", why="")
imports_late("audiocraft.solvers.diffusion", "audiocraft.metrics", why="")
imports_late("audiocraft.solvers.base", "audiocraft.optim.fsdp", why="")
imports_late("flashy.loggers.wandb", "wandb", why="")
imports_late("flashy.loggers.tensorboard", "torch.utils.tensorboard", why="")
imports_late("audiocraft.models.loaders", "huggingface_hub", why="")
imports_late("audiocraft.data.audio", "av", why="")
imports_late("scipy.signal._peak_finding", "scipy.stats", why="")
imports_late("librosa.feature.rhythm", "scipy", why="")
