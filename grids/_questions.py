"""Grids that ask one question at two scales: the nano models on a CPU, and the paper's 1.5B."""

from collections.abc import Iterable, Mapping, Sequence

from dora.explore import Launcher

from ._explorer import OrchestratorExplorer, Overrides, on_cpu

Rows = Mapping[str, Overrides]  # by label
Labelled = Iterable[tuple[str, Overrides]]
SCORES: Overrides = {"evaluate.metrics.clips": ["sim", "melody", "instruments", "kl_musicnn"]}


def one_each(key: str, values: Sequence[object]) -> dict[str, Overrides]:
    """A row for each value of a setting, labelled by the setting's last word."""
    return {f"{key.rpartition('.')[2]}-{value}": {key: value} for value in values}


def data_sets(root: str, names: Sequence[str]) -> dict[str, Overrides]:
    """A row for each data set `root`-`name`, which must have been built and prepared."""
    return {name: {"dset_root": f"{root}-{name}"} for name in names}


def with_seeds(rows: Rows, seeds: Sequence[int]) -> Labelled:
    """Each row with each seed, those of one label side by side: `orchestrator compare` makes one of them."""
    return [(label, {**overrides, "seed": seed}) for label, overrides in rows.items() for seed in seeds]


def nano_grid(rows: Rows | Labelled, bound: Overrides | None = None) -> OrchestratorExplorer:
    """An explorer of rows at the embedded scale; `bound` is the same in all."""

    def explore(launcher: Launcher) -> None:
        on_cpu(launcher)
        launcher.bind_(bound or {}, solver="orchestrator_nano")
        _schedule(launcher, rows)

    return OrchestratorExplorer(explore)


def full_grid(
    rows: Rows | Labelled, bound: Overrides | None = None, solver: str = "orchestrator", gpus: int = 8
) -> OrchestratorExplorer:  # fmt: skip
    """An explorer of rows around the paper's run; `bound` is the same in all."""

    def explore(launcher: Launcher) -> None:
        launcher.bind_(bound or {}, solver=solver, dset="slakh")
        launcher.slurm_(gpus=gpus, mem_per_gpu=80, cpus_per_gpu=8, time=2880)
        _schedule(launcher, rows)

    return OrchestratorExplorer(explore)


def _schedule(launcher: Launcher, rows: Rows | Labelled) -> None:
    launcher.bind_(SCORES)
    for label, overrides in rows.items() if isinstance(rows, Mapping) else rows:
        launcher({"label": label, **overrides})
