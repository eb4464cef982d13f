"""Rows of the paper's Table 1, for either scale."""

from dora.explore import Launcher

from ._explorer import POLICIES


def table1_rows(launcher: Launcher, baseline: str) -> None:
    """Schedule the baseline (evaluated as it is) and the fine-tunings that the table compares.

    Args:
        launcher: bound to a solver and a data set.
        baseline: the weights that fine-tuning starts from.
    """
    # The baseline's cross-entropy on the test split. A label, because `execute_only` is no part of a signature.
    launcher(POLICIES["self"], label="baseline", execute_only="evaluate", continue_from=baseline)
    launcher(POLICIES["self"], label="finetuned-self")  # the paper's reading: the target is its own reference
    launcher(POLICIES["stem"], label="finetuned-stem")  # what a user has: one instrument that carries the melody
    launcher(POLICIES["mixed"], label="finetuned-mixed")  # both, half and half
