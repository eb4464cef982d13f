"""What each step takes, about: at the small scale as it was measured, at the paper's by counts and stated rates."""

from dataset_builder.items.plan import plan_published
from dataset_builder.llm.prices import price_of
from dataset_builder.nano.works import select
from dataset_builder.pipeline.cost_forecast import WORDS, WORDS_BY_MODEL, described

from ..demo import FINETUNE, PAGE, STAGES, DemoSettings
from ..gpu_memory import checkpoint_bytes, language_model_parameters
from .settings import ReproductionSettings
from .step import Takes

_DEMO = "as the demo's on 2 cores"
_SMALL = "as measured on 2 cores"  # of all 239 works and 200 excerpts, by two processes
_BUILT, _PREPARED, _SCORED = 2.9, 1.9, 1.6  # seconds a work, a work, an excerpt in two models' takes
_WINDOWS = 3  # of an item that are captioned, the builder's default
_CAPTION = {"none": 0.0, "musicnn": 0.1, "mu-llama": 5.0}  # seconds of a window, assumed
_TRACK = 20.0  # seconds of a core to decode and examine a track of Slakh, assumed
_AUDIO = 250.0  # seconds of a track of Slakh, about
_FASTER = 100.0  # times than the music plays do EnCodec and htdemucs run on a GPU, assumed
_POSITIONS = 1800  # of an excerpt of 30 s: codes, chroma, prompt
_FLOPS = 125e12  # a second that a GPU reaches, assumed: two fifths of an A100's peak
_AT_ONCE = 16  # excerpts that are played together, in the time that one plays, assumed


def _items(settings: ReproductionSettings) -> int:
    if settings.scale == "nano":
        return 20 * len(select(settings.works))  # a track's mix, stems and submixes, about
    plan = plan_published("redux", 3)
    return sum(plan.total(split) for split in plan.items)


def build(settings: ReproductionSettings) -> Takes:
    """Of items, and captions by the workers."""
    if settings.scale == "nano":
        works = len(select(settings.works))
        return Takes(works * _BUILT / 3600, works * 0.02, rule=f"{works} works of {_BUILT} s, {_SMALL}, and 20 MB")
    tracks, windows = sum(plan_published("redux", 3).tracks.values()), _WINDOWS * _items(settings)
    caption = _CAPTION.get(settings.captioner, 0.0)
    workers = settings.captioners
    hours = (tracks * _TRACK + windows * caption) / workers / 3600
    rule = f"{tracks} tracks of {_TRACK:g} s and {windows} captions of {caption:g} s (assumed), by {workers} processes"
    return Takes(hours, 1.0, rule=rule)


def describe(settings: ReproductionSettings) -> Takes:
    """Of descriptions by a chat model, eight asked at once."""
    items, model = _items(settings), settings.described_by
    asked = described(items, _WINDOWS * WORDS.get(settings.captioner, WORDS_BY_MODEL), price_of(model))
    return Takes(
        items / 8 / 3600, 0.2, asked.dollars or 0.0, f"{asked.text()}; a second a call, eight at once, assumed"
    )


def prepare(settings: ReproductionSettings) -> Takes:
    """Of the store."""
    if settings.scale == "nano":
        works = len(select(settings.works))
        return Takes(
            works * _PREPARED / 3600, works * 0.002, rule=f"{works} works of {_PREPARED} s, {_SMALL}, and 2 MB"
        )
    hours = _items(settings) * _AUDIO / _FASTER / settings.gpus / 3600
    rule = f"{_items(settings)} items of {_AUDIO:g} s, {_FASTER:g} times faster than they play (assumed), by"
    return Takes(hours, 3.5, rule=f"{rule} {settings.gpus} GPUs; 3.5 GB of codes and chroma, T5's states on top")


def train(settings: ReproductionSettings) -> Takes:
    """Of the run, with two checkpoints."""
    cfg, disk = settings.cfg, 2 * checkpoint_bytes(settings.cfg) / 1e9
    if settings.scale == "nano":
        updates = cfg.optim.epochs * (cfg.optim.updates_per_epoch or _items(settings) // cfg.dataset.batch_size)
        rate = STAGES[FINETUNE] / DemoSettings.epochs / DemoSettings.updates
        return Takes(updates * rate / 3600, disk, rule=f"{updates} updates of {rate:.2f} s, {_DEMO}; two checkpoints")
    batch, items = cfg.dataset.batch_size, plan_published("redux", 3).total("train")
    excerpts = cfg.optim.epochs * (cfg.optim.updates_per_epoch or items // batch) * batch
    flops = 1.1 * 6 * language_model_parameters(cfg) * _POSITIONS * excerpts
    rule = (
        f"{excerpts} excerpts of {_POSITIONS} positions, 6 operations a parameter and a tenth for attention, by "
        f"{settings.gpus} GPUs of {_FLOPS / 1e12:g} TFLOP/s (assumed); two checkpoints"
    )
    return Takes(flops / _FLOPS / settings.gpus / 3600, disk, rule=rule)


def evaluate(settings: ReproductionSettings) -> Takes:
    """Of Table 1, two models from two references with and without description."""
    count = settings.excerpts
    if settings.scale == "nano":
        return Takes(count * _SCORED / 3600, count * 0.005, rule=f"{count} excerpts of {_SCORED} s, {_SMALL}, and 5 MB")
    takes = 8 * count
    hours = takes * 30 / _AT_ONCE / 3600
    rule = f"{takes} takes of 30 s, {_AT_ONCE} at once as fast as they play (assumed), and 3 MB"
    return Takes(hours, takes * 0.003, rule=rule)


def page(settings: ReproductionSettings) -> Takes:
    """Of the listening page."""
    if settings.scale == "nano":
        rate = STAGES[PAGE] / DemoSettings.shown
        return Takes(settings.shown * rate / 3600, 0.01, rule=f"{settings.shown} excerpts of {rate:.1f} s, {_DEMO}")
    return Takes(settings.shown * 4 * 30 / 3600, 0.05, rule=f"{settings.shown} excerpts, as fast as 4 takes play")


def export(settings: ReproductionSettings) -> Takes:
    """Of the model in 32 bits, with its card."""
    gigabytes = 4 * language_model_parameters(settings.cfg) / 1e9
    return Takes(0.02, gigabytes, rule="a minute; 4 bytes a parameter")
