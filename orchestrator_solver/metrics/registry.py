"""The metrics by their names in the configuration."""

from collections.abc import Callable, Mapping, Sequence

from dataset_builder.errors import UserError

from .clips import ClipMetric, SetMetric
from .distribution.set_metric import RecogniserFad, TaggerFad
from .form.beats import BeatF1
from .form.key import KeyAgreement
from .form.loudness import LoudnessDifference
from .form.samples import Clipping, Silence
from .form.tempo import TempoAgreement
from .instruments import Instruments
from .kl import TaggerKL
from .paper.clap import ClapScore
from .paper.fad import clap_fad, passt_fad
from .paper.passt import INDEPENDENT, PasstKL
from .sim import AUDIOCRAFTS, Sim
from .transcription.melody import Melody, MelodyAboveChance

# Builders; keyword arguments are the metric's settings.
METRICS: dict[str, Callable[..., ClipMetric]] = {
    "sim": Sim,
    "sim_soft": lambda: Sim("SIM (soft)"),
    "sim_audiocraft": lambda: Sim(AUDIOCRAFTS),
    "kl_musicnn": TaggerKL,
    "instruments": Instruments,
    "instruments_grouped": lambda: Instruments(grouped=True),
    "instruments_precision": lambda: Instruments("precision"),
    "instruments_recall": lambda: Instruments("recall"),
    "melody": MelodyAboveChance,
    "melody_recall": Melody,
    "melody_precision": lambda: Melody("precision"),
    "melody_f1": lambda: Melody("F1"),
    "tempo_agreement": TempoAgreement,
    "tempo_agreement_exact": lambda: TempoAgreement("same"),
    "key_agreement": KeyAgreement,
    "beat_f1": BeatF1,
    "loudness": LoudnessDifference,
    "silence": Silence,
    "clipping": Clipping,
    "kl_passt": PasstKL,
    "kl_passt_independent": lambda **settings: PasstKL(INDEPENDENT, **settings),
    "clap": ClapScore,
}
# Of whole sets, see `distribution.interval` for what their scores are worth.
SET_METRICS: dict[str, Callable[..., SetMetric]] = {
    "fad_recogniser": RecogniserFad,
    "fad_musicnn": TaggerFad,
    "fad_passt": passt_fad,
    "fad_clap": clap_fad,
}
SETS: dict[str, tuple[str, ...]] = {
    "offline": ("sim", "melody", "instruments", "kl_musicnn"),
    "paper": ("sim_audiocraft", "sim", "kl_passt", "kl_passt_independent", "clap"),
}  # fmt: skip
DEFAULT: tuple[str, ...] = SETS["offline"]


def names_of(text: str) -> tuple[str, ...]:
    """Names of metrics, separated by commas; those of `SETS` stand for several.

    Raises:
        UserError: an unknown name.
    """
    words = [word.strip() for word in text.split(",")]
    _require_known([word for word in words if word not in SETS])
    return tuple(dict.fromkeys(name for word in words for name in SETS.get(word, (word,))))


def _require_known(names: Sequence[str]) -> None:
    known = {**METRICS, **SET_METRICS}
    if unknown := [name for name in names if name not in known]:
        raise UserError(f"unknown metric {', '.join(unknown)}: expected one of {', '.join([*SETS, *known])}")


def provenance_of(metrics: Mapping[str, ClipMetric | SetMetric]) -> dict[str, dict[str, str]]:
    """What files metrics were computed with, by their names; those that use none are left out."""
    return {name: metric.provenance() for name, metric in metrics.items() if hasattr(metric, "provenance")}


def build_set_metrics(names: Sequence[str], **settings: dict) -> dict[str, SetMetric]:
    """Those of the names that are metrics of whole sets; arguments and errors as of `build_metrics`."""
    return {name: SET_METRICS[name](**settings.get(name, {})) for name in names if name in SET_METRICS}


def build_metrics(names: Sequence[str] = DEFAULT, **settings: dict) -> dict[str, ClipMetric]:
    """Metrics of clips by name, in the order given; those of `SET_METRICS` are left out.

    Args:
        names: keys of `METRICS` and `SET_METRICS`.
        settings: by metric, its keyword arguments: `clap={"checkpoint": path, "any_hash": True}`.

    Raises:
        UserError: an unknown name, or what a metric needs is missing.
    """
    _require_known(names)
    return {name: METRICS[name](**settings.get(name, {})) for name in names if name in METRICS}
