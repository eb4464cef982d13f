"""The recipe of the shipped nano models, from nothing: data, codec, store, baseline, fine-tuning and control."""

from dataclasses import dataclass
from pathlib import Path

from dataset_builder.errors import UserError
from dataset_builder.nano.corpus import NanoSettings
from dataset_builder.pipeline.build import build
from dataset_builder.pipeline.settings import BuildSettings

from ..configuration.overrides import composed
from ..precompute.fill_store import fill_for
from ..weights import description
from .export import export
from .recogniser_training import make_recogniser
from .sweep.rows import single_row
from .sweep.running import run_rows


@dataclass(frozen=True)
class Training:
    """A model of the recipe: the solver that trains it, what it is called, and what is not as the solver has it."""

    solver: str
    name: str
    overrides: tuple[str, ...] = ()


CODEC = Training("nano_codec", "nano-codec")
BASELINE = Training("nano_baseline", "nano-baseline")
FINETUNED = Training("orchestrator_nano", "nano", ("optim.epochs=31", "classifier_free_guidance.inference_coef=9"))
CONTROL = Training("nano_control", "nano-control")


def train(data: Path, training: Training, overrides: tuple[str, ...] = (), out: Path | None = None) -> Path:
    """Run a training to its end, or go on with it, and export it; returns the package's folder.

    Args:
        data: the data set's folder.
        training: which one.
        overrides: of its configuration.
        out: where to export it; among the shipped models by default.

    Raises:
        UserError: if it stopped; run again to go on.
    """
    folder = out or description.FOLDER / training.name
    given = [f"solver={training.solver}", f"dset_root={data.resolve()}", *training.overrides, *overrides]
    row = single_row(training.name, given)
    failures = run_rows([row])
    if failures:
        raise UserError(f"training {training.name} stopped: {failures[0]}; run the command again to go on")
    export(row.sig, folder, data)
    return folder


def prepare_nano(data: Path, workers: int, overrides: tuple[str, ...] = ()) -> None:
    """Fill the store of a data set for the nano models, or for what overrides make of them."""
    given = [f"solver={FINETUNED.solver}", f"dset_root={data.absolute()}", *overrides]
    fill_for(composed(given), workers=workers)


def make_models(data: Path, workers: int) -> list[Path]:
    """Train and export every model, going on where an earlier call was stopped; returns their folders."""
    nano = NanoSettings(variants=2)
    build(BuildSettings("nano", data, submixes=1, caption_windows=1, workers=workers, nano=nano))
    threads = (f"num_threads={workers}",)
    folders = [train(data, CODEC, threads)]
    make_recogniser(data, workers=workers)
    prepare_nano(data, workers)
    folders += [train(data, training, threads) for training in (BASELINE, FINETUNED)]
    return [*folders, train(data, CONTROL, threads, data / CONTROL.name)]  # a row of the table, not shipped
