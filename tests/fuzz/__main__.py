"""`python -m fuzz` (in `tests/`): read inputs that a stranger or a failing disk could have made, at every door.

Each is read, or refused in one line that can be printed; anything else is a finding, and so is a value that differs
where checksums say that nothing may. The known inputs of `corpus/` come first. The same number is the same input
everywhere. The exit code is 1 if there is a finding.
"""

import argparse
import sys
from pathlib import Path

from .campaign import run, table
from .door import corpus
from .registry import doors


def main() -> int:
    """Run and print the table; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=20_000, help="of all doors together (default: 20000)")
    parser.add_argument("--first", type=int, default=0, help="number of each door's first (default: 0)")
    parser.add_argument("--door", action="append", help="only this one (may be given repeatedly)")
    parser.add_argument("--input", help="only this one: a number, or a name in the corpus")
    parser.add_argument("--jobs", type=int, default=1, help="processes at once (default: 1)")
    parser.add_argument("--findings", type=Path, default=Path("outputs/fuzz"), help="default: outputs/fuzz")
    args = parser.parse_args()
    known = doors()
    if unknown := set(args.door or ()) - set(known):
        parser.error(f"unknown door {min(unknown)!r}, known: {', '.join(known)}")
    chosen = {name: door for name, door in known.items() if not args.door or name in args.door}
    numbers = [str(args.first + number) for number in range(-(-args.inputs // len(chosen)))]
    inputs = {name: [args.input] if args.input else [*corpus(name, door), *numbers] for name, door in chosen.items()}
    rows = run(inputs, args.findings, args.jobs)
    print(table(rows))
    for name, row in rows.items():
        for key in row.findings:
            print(f"finding: {args.findings}/{name} - {key}.txt")
    return int(any(row.findings for row in rows.values()))


if __name__ == "__main__":
    sys.exit(main())
