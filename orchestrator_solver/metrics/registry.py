"""The metrics by their names in the configuration."""

from collections.abc import Callable, Sequence

from dataset_builder.errors import UserError

from .clips import ClipMetric
from .distribution.set_metric import RecogniserFad, SetMetric, TaggerFad
from .form.beats import BeatF1
from .form.key import KeyAgreement
from .form.loudness import LoudnessDifference
from .form.samples import Clipping, Silence
from .form.tempo import TempoAgreement
from .instruments import Instruments
from .kl import TaggerKL
from .paper_networks import ClapScore, PasstKL
from .presence import Presence
from .sim import Sim
from .transcription.melody import Melody

# Builders; keyword arguments are the metric's settings.
METRICS: dict[str, Callable[..., ClipMetric]] = {
    "sim": Sim,
    "sim_soft": lambda: Sim("SIM (soft)"),
    "sim_all_frames": lambda: Sim("SIM (all frames)"),
    "kl_musicnn": TaggerKL,
    "instruments": Instruments,
    "instruments_precision": lambda: Instruments("precision"),
    "instruments_recall": lambda: Instruments("recall"),
    "presence": Presence,
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
    "clap": ClapScore,
}
# Of whole sets, see `distribution.interval` for what their scores are worth.
SET_METRICS: dict[str, Callable[[], SetMetric]] = {"fad_recogniser": RecogniserFad, "fad_musicnn": TaggerFad}
DEFAULT: tuple[str, ...] = ("sim", "kl_musicnn", "presence")


def build_metrics(names: Sequence[str] = DEFAULT, **settings: dict) -> dict[str, ClipMetric]:
    """Metrics by name, in the order given.

    Args:
        names: keys of `METRICS`.
        settings: by metric, its keyword arguments: `clap={"checkpoint": path}`.

    Raises:
        UserError: an unknown name, or what a metric needs is missing.
    """
    unknown = [name for name in names if name not in METRICS]
    if unknown:
        raise UserError(f"unknown metric {', '.join(unknown)}: expected one of {', '.join(METRICS)}")
    return {name: METRICS[name](**settings.get(name, {})) for name in names}
