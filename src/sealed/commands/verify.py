"""`sealed verify`: compare every output with what dvc.lock and the .dvc files record."""

import argparse
import os
import re
import sys
from pathlib import Path

from dvcproject import cache as dvc_cache
from dvcproject.cache import stored
from dvcproject.errors import ProjectError
from dvcproject.lock import LOCK, Output, outputs
from dvcproject.quoting import printable
from dvcproject.root import find
from sealed.verification import mistakes

DESCRIPTION = """\
Reads every output of the project again, in the workspace and in DVC's cache, and compares it
with dvc.lock and the .dvc files."""
STATUSES = """\
exit status:
  0  all outputs are equal
  1  at least one output differs
  2  there is nothing to compare, or dvc.lock or a .dvc file cannot be read"""


def add_options(command: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    command.description, command.epilog = DESCRIPTION, STATUSES
    command.add_argument(
        "--allow-missing",
        action="store_true",
        help="accept outputs that are not in the workspace (default: report them)",
    )
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Verify the project around the working directory. Raises ProjectError, OSError."""
    root = find(Path.cwd())
    checked, cache = outputs(root), dvc_cache.folder(root)
    if not options.allow_missing:
        _require_any(checked, root, cache)
    lines = list(mistakes(checked, root, cache, allow_missing=options.allow_missing))
    for line in lines:
        print(f"verify: {printable(line)}", file=sys.stderr)
    if lines and root != Path.cwd():
        print(f"verify: these paths start in {root}: run the commands there", file=sys.stderr)
    if not lines:
        print(_summary(checked, root))
    return 1 if lines else 0


def _require_any(checked: list[Output], root: Path, cache: Path) -> None:
    """Raise ProjectError where the workspace and the cache have none of the cached outputs."""
    cached = [output for output in checked if output.cached and not output.tracked]
    places = [place for o in cached for place in (root / o.path, stored(o.content, cache))]
    if cached and not any(map(os.path.lexists, places)):
        raise ProjectError(
            f"{cached[0].path}: expected this and the other outputs that {LOCK} names, found none "
            f"of the {len(cached)} that DVC keeps: nothing has been run here yet; run "
            f"`{_command('repro', root)}`, or `{_command('pull', root)}` if a DVC remote has them"
        )


def _command(name: str, root: Path) -> str:
    """Return what runs a command of DVC: `make`, where the project's Makefile has it."""
    makefile = root / "Makefile"
    if makefile.is_file():
        text = makefile.read_text(encoding="utf-8", errors="replace")
        if re.search(rf"^{name}:", text, re.MULTILINE):
            return f"make {name}"
    return f"dvc {name}"


def _summary(checked: list[Output], root: Path) -> str:
    """Report how much was read, and how many outputs are not in the workspace."""
    made = [output for output in checked if not output.tracked]
    here = _present(made, root)
    text = f"verify: {len(here)} outputs, {_megabytes(here)}, are what {LOCK} says"
    if len(here) < len(made):
        text += f"; {len(made) - len(here)} of its outputs not here"
    if tracked := [output for output in checked if output.tracked]:
        here = _present(tracked, root)
        text += f"; {len(here)}, {_megabytes(here)}, what .dvc files say"
        if len(here) < len(tracked):
            text += f"; {len(tracked) - len(here)} of theirs not here"
    return text


def _present(checked: list[Output], root: Path) -> list[Output]:
    return [output for output in checked if os.path.lexists(root / output.path)]


def _megabytes(checked: list[Output]) -> str:
    return f"{sum(output.content.size or 0 for output in checked) / 1e6:.1f} MB"
