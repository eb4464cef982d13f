"""The commands of `orchestrator`: a module each, imported only when its command is called, so that help comes at once.

A module, here or in a room below, offers `add_parser(subparsers)` and `run(args) -> exit code`; it imports what is
heavy inside `run`.
"""

COMMANDS: dict[str, str] = {  # name, and its line in the program's help
    "orchestrate": "play a reference on other instruments",
    "instruments": "the instruments that can be named, and which of them a model trained on",
    "serve": "a web page and an HTTP API that play tunes",
    "demo": "corpus, fine-tuning, Table 1 and a listening page, in one go",
    "evaluate": "Table 1: score models on held-out works",
    "page": "a listening page of held-out excerpts",
    "reproduce": "the paper from nothing to Table 1: planned, run, or as jobs of Slurm",
    "sweep": "run a grid's rows on this machine",
    "compare": "runs side by side: losses, scores, tests",
    "prepare": "compute codes and chroma of a data set once",
    "dashboard": "write a wandb workspace for the runs",
    "bench": "measure codec, melody, optimizer, training from the store, or its start",
    "memory": "what fits on a GPU: memory of a training step",
    "retrain": "train the shipped nano models from nothing",
    "doctor": "check that a run would find all it needs",
    "export": "write a model for us, audiocraft, transformers or peft",
}
