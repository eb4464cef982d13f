"""The commands of `orchestrator`: a module each, imported only when its command is called, so that help comes at once.

A module offers `add_parser(subparsers)` and `run(args) -> exit code`; it imports what is heavy inside `run`.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Command:
    """Where a command is, and its line in `orchestrator --help`."""

    module: str
    help: str


def _command(name: str, help_line: str) -> Command:
    return Command(f"{__name__}.{name}", help_line)


COMMANDS: dict[str, Command] = {
    "orchestrate": _command("orchestrate", "play a reference on other instruments"),
    "demo": _command("demo", "corpus, fine-tuning, Table 1 and a listening page, in one go"),
    "evaluate": _command("evaluate", "Table 1: score models on held-out works"),
    "page": _command("page", "a listening page of held-out excerpts"),
    "sweep": _command("sweep", "run a grid's rows on this machine, one after the other"),
    "prepare": _command("prepare", "compute codes and chroma of a data set once"),
    "dashboard": _command("dashboard", "write a wandb workspace for the runs"),
    "bench": _command("bench", "measure codec, melody, optimizer, training from the store, or its start"),
    "memory": _command("memory", "what fits on a GPU: memory of a training step"),
    "models": _command("models", "train the shipped nano models from nothing"),
    "doctor": _command("doctor", "check that a run would find all it needs"),
    "export": _command("export", "write a run's best weights as safetensors"),
}
