"""`python -m support.made_up_grid GRID`: histories, scores and, of its first row, an offline log of a grid that nobody
trained, in the folder of runs that the environment names; prints the rows' signatures.
"""

import sys

import wandb

from orchestrator_solver.workflows.sweep import rows as grids

from .made_up_runs import evaluated, trained


def log_offline(row: grids.Row) -> None:
    """Log a few updates as a run does that has no network."""
    run = wandb.init(project="p", id=row.sig, dir=str(row.sheep.xp.folder), mode="offline", reinit="create_new")
    for update in range(10, 60, 10):
        losses = {f"steps/ce_q{k}": 4 - 0.1 * k - 0.01 * update for k in (1, 2)}
        run.log({"steps/ce": 4 - 0.01 * update, **losses, "update": update})
    run.finish()


if __name__ == "__main__":
    rows = grids.expand(sys.argv[1])
    for place, row in enumerate(rows):
        trained(row, [4.0 - 0.1 * place, 3.0 - 0.1 * place])
        evaluated(row, 0.4 + 0.05 * place)
    log_offline(rows[0])
    print(*(row.sig for row in rows))
