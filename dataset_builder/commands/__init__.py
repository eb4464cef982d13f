"""The commands of `python -m dataset_builder`: a module each, imported only when its command is called.

A module offers `add_parser(subparsers)` and `run(args) -> exit code`; it imports what is heavy inside `run`.
"""

COMMANDS: dict[str, str] = {  # name, and its line in the program's help
    "audit": "list every defect of a source",
    "bench": "measure the builder",
    "build": "make a data set, or finish one",
    "check": "prove a data set whole, or repair it",
    "describe": "have a language model describe the items of a data set",
    "materialise": "write every item as a file, for stock audiocraft",
    "merge": "make a data set of its shards",
    "plan": "count the items before building, beside the paper's",
    "relocate": "say where the source's audio is now",
    "report": "what a data set holds and what was left out",
    "show": "print an item as the model is given it",
}
