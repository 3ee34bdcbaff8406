"""`sealed check`: exit status 0 where nothing is wrong, 1 with violations, 2 where unreadable."""

import argparse
import sys
import time
from pathlib import Path

from dvcproject.root import find
from sealed.check import violations
from sealed.violation import Violation, as_github, as_json

DESCRIPTION = """What do the stages read that they do not declare? Runs nothing. Exit status: 0;
1 with violations (hints do not count); 2 where DVC cannot read the project."""


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to a program's."""
    parser = commands.add_parser(
        "check", help="what stages do not declare", description=DESCRIPTION
    )
    parser.add_argument("stages", nargs="*", metavar="STAGE", help="all, unless some are named")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="as data")
    form.add_argument("--github", action="store_true", help="as annotations of a pull request")
    form.add_argument("--patch", action="store_true", help="as a patch of dvc.yaml that repairs it")
    parser.add_argument("--no-hints", action="store_true", help="leave out what may be right")
    parser.add_argument("--strict", action="store_true", help="hints count as violations")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Check the project around the working directory. Raises StageError."""
    root, began = find(Path.cwd()), time.perf_counter()
    if options.patch:
        patches = list(violations.repairs(root, tuple(options.stages)))
        print("".join(patches), end="")
        return 1 if patches else 0
    stages, found = violations.check(root, tuple(options.stages), repairs=options.json)
    shown = [one for one in found if not (one.hint and options.no_hints)]
    if options.json:
        print(as_json(shown))
    else:
        for one in _grouped(shown):
            print(as_github(one) if options.github else one)
    wrong = [one for one in _grouped(found) if options.strict or not one.hint]
    hints = len(_grouped(found)) - len(wrong)
    _sum_up(stages, len(wrong), hints, time.perf_counter() - began)
    return 1 if wrong else 0


def _grouped(found: list[Violation]) -> list[Violation]:
    """Return violations that the stages of one template share once, with how many these are."""
    groups: dict[Violation, list[str]] = {}
    for one in found:
        groups.setdefault(one._replace(stage="", repair=""), []).append(one.stage)
    return [
        one._replace(stage=stages[0] + (f" and {len(stages) - 1} more" if stages[1:] else ""))
        for one, stages in groups.items()
    ]


def _sum_up(stages: int, wrong: int, hints: int, seconds: float) -> None:
    parts = [_count(stages, "stage"), _count(wrong, "violation"), _count(hints, "hint")]
    print(f"check: {', '.join(parts)} in {seconds:.2f} s", file=sys.stderr)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
