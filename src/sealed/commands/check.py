"""`sealed check`: report what the stages read and do not declare, without running them."""

import argparse
import sys
import time
from pathlib import Path

from dvcproject.root import find
from sealed.findings import violations
from sealed.violation import Violation, as_github, as_json

DESCRIPTION = """\
Reports what the stages read and do not declare: files that the commands name, modules that
Python code imports, files and params that it reads. Runs no stage."""
STATUSES = """\
exit status:
  0  no violations; hints do not count, unless --strict is given
  1  violations
  2  the arguments are invalid, or DVC cannot read the project"""


def add_options(command: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    command.description, command.epilog = DESCRIPTION, STATUSES
    command.add_argument(
        "stages", nargs="*", metavar="STAGE", help="stages to check (default: all)"
    )
    form = command.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print JSON (default: one line each)")
    form.add_argument(
        "--github",
        action="store_true",
        help="print annotations for a pull request on GitHub (default: one line each)",
    )
    form.add_argument(
        "--patch",
        action="store_true",
        help="print a patch of dvc.yaml that repairs it (default: one line each)",
    )
    command.add_argument(
        "--no-hints", action="store_true", help="hide what may be right (default: print hints)"
    )
    command.add_argument(
        "--strict", action="store_true", help="hints count as violations (default: they do not)"
    )
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Check the project around the working directory. Raises StageError."""
    root, start = find(Path.cwd()), time.perf_counter()
    if options.patch:
        patches = list(violations.repairs(root, tuple(options.stages)))
        print("".join(patches), end="")
        return 1 if patches else 0
    count, every = violations.check(root, tuple(options.stages), repairs=options.json)
    shown = [each for each in every if not (each.hint and options.no_hints)]
    if options.json:
        print(as_json(shown))
    else:
        for group in _grouped(shown):
            print(as_github(group) if options.github else group)
    wrong = [group for group in _grouped(every) if options.strict or not group.hint]
    hints = len(_grouped(every)) - len(wrong)
    _sum_up(count, len(wrong), hints, time.perf_counter() - start)
    return 1 if wrong else 0


def _grouped(every: list[Violation]) -> list[Violation]:
    """Return violations that the stages of one template share once, with how many these are."""
    groups: dict[Violation, list[str]] = {}
    for violation in every:
        key = violation._replace(stage="", repair="")
        groups.setdefault(key, []).append(violation.stage)
    return [
        key._replace(stage=stages[0] + (f" and {len(stages) - 1} more" if stages[1:] else ""))
        for key, stages in groups.items()
    ]


def _sum_up(stages: int, wrong: int, hints: int, seconds: float) -> None:
    parts = [_count(stages, "stage"), _count(wrong, "violation"), _count(hints, "hint")]
    print(f"check: {', '.join(parts)} in {seconds:.2f} s", file=sys.stderr)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
