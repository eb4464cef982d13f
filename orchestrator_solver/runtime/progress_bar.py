"""A progress bar for work that says which share of it is done."""

from types import TracebackType

from tqdm import tqdm


class Bar:
    """Call it with the share, 0..1; what is less than before is not shown."""

    def __init__(self, label: str) -> None:
        self.bar = tqdm(total=100, desc=label, bar_format="{desc}: {percentage:3.0f}%|{bar}| {elapsed}<{remaining}")

    def __enter__(self) -> "Bar":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.bar.close()

    def __call__(self, share: float) -> None:
        self.bar.update(max(0.0, round(100 * share, 1) - self.bar.n))
