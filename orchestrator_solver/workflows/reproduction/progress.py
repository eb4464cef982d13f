"""Which steps of a reproduction are done: their command ended well, their files are there, and all before them are."""

from collections.abc import Sequence
from pathlib import Path

from dataset_builder.errors import UserError
from dataset_builder.runtime import atomic
from dataset_builder.runtime.untrusted import parse_json, read_regular

from .step import Step

RECORD = "reproduction.json"  # in the folder of all that is made
_LARGEST = 1 << 20  # bytes


class Progress:
    """What was done in a folder.

    Args:
        out: the folder.
        steps: all, in their order.

    Raises:
        UserError: if the record there is none.
    """

    def __init__(self, out: Path, steps: Sequence[Step]) -> None:
        self.path, self.steps = out / RECORD, list(steps)
        self._ended = _read(self.path)

    def to_do(self) -> list[Step]:
        """The steps from the first that is not done: whatever follows it was made of something else."""
        for place, step in enumerate(self.steps):
            ended = self._ended.get(step.name) == step.line and all(path.exists() for path in step.files)
            if not (step.is_there() or (ended and step.whole())):
                return self.steps[place:]
        return []

    def begin(self, step: Step) -> None:
        """A step is run: it and those after it are not done any more."""
        self._write(self.steps[: self.steps.index(step)])

    def end(self, step: Step) -> None:
        """A step ended well, as all before it: what these were made of may be removed now.

        Raises:
            UserError: if it did not leave what it is to make.
        """
        gone = [str(path) for path in step.files if not path.exists()]
        if gone or not step.whole():
            what = f"without {', '.join(gone)}" if gone else "before its end"
            raise UserError(f"the step {step.name} ended {what}: run it again to go on ({step.line})")
        self._write(self.steps[: self.steps.index(step) + 1])

    def _write(self, done: Sequence[Step]) -> None:
        self._ended = {step.name: step.line for step in done}
        atomic.write_json(self.path, self._ended)


def _read(path: Path) -> dict[str, str]:
    """The commands that ended well, by their steps' names."""
    try:
        found = parse_json(read_regular(path, _LARGEST))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise UserError(f"{path} is no record of a reproduction ({error}): remove it, all steps look anew") from error
    if not isinstance(found, dict):
        raise UserError(f"{path} is no record of a reproduction: remove it, all steps look anew")
    return {str(name): str(line) for name, line in found.items()}
