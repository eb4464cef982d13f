"""Imports that wait until they are used, see `late_imports`: what every start would pay for and few commands use.

Those of the networks behind the paper's scores wait for good: their packages also train, by much that is not installed.
"""

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
imports_late(
    "torchaudio", "torchaudio.models", "torchaudio.pipelines", "torchaudio.datasets", "torchaudio.compliance",
    why="models of speech and their data, of which nothing is used",
)  # fmt: skip
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

for importer, modules, used in (
    ("laion_clap", ["laion_clap.hook"], "it tokenizes by three models of the hub as it is imported"),
    ("laion_clap.clap_module.utils", ["h5py", "torchvision.ops.misc"], "they read training data, freeze a network"),
    ("laion_clap.clap_module.tokenizer", ["ftfy"], "it cleans texts for another text tower than RoBERTa"),
    ("laion_clap.clap_module.transform", ["torchvision.transforms"], "they are for images"),
    ("laion_clap.clap_module.loss", ["sklearn.metrics"], "it scores classifiers in training"),
    ("hear21passt.models.helpers.vit_helpers", ["timm.models._hub"], "it downloads weights, which we are given"),
):
    imports_late(importer, *modules, why=f"{used}; only CLAP's and PaSST's networks are used", may_be_absent=True)
