"""`review spread`: measure how far the seed alone moves a metric, with DVC experiments."""

import argparse
import contextlib
import json
from pathlib import Path

from dvcproject.quoting import printable
from dvcproject.revision import workspace
from dvcproject.root import find
from review import spread
from review.errors import UserError
from review.output import write
from review.record import recipe
from review.record.record import SPREAD
from review.verdict.seeds import digest

MOST_SEEDS = 1000
DESCRIPTION = """\
Trains the recipe of the workspace with the seeds 1, 2, 3, ..., one DVC experiment per seed,
which `dvc exp show` lists afterwards, and writes the mean and the spread of a metric."""
STATUSES = """\
exit status:
  0    the spread was written
  2    the arguments are invalid, or an experiment has no such metric
  130  Ctrl-C: what was queued is taken back, nothing is written"""


def add_options(command: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    command.description, command.epilog = DESCRIPTION, STATUSES
    command.add_argument(
        "--param", required=True, metavar="KEY", help="the seed: KEY, or FILE:KEY (required)"
    )
    command.add_argument(
        "--metric", required=True, metavar="KEY", help="the metric: KEY, or FILE:KEY (required)"
    )
    command.add_argument(
        "--seeds",
        type=int,
        default=5,
        metavar="N",
        help=f"how many seeds, 2 to {MOST_SEEDS} (default: %(default)s)",
    )
    command.add_argument(
        "--jobs",
        type=int,
        default=1,
        metavar="N",
        help="how many experiments run at once (default: %(default)s)",
    )
    command.add_argument(
        "--output",
        type=Path,
        metavar="FILE",
        help=f"write the result there (default: {SPREAD} of the project)",
    )
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Train the recipe with several seeds, write the spread of the metric."""
    seeds, param, metric = options.seeds, options.param, options.metric
    if not 2 <= seeds <= MOST_SEEDS:
        raise UserError(f"spread: --seeds: expected 2 to {MOST_SEEDS}, found {seeds}")
    if options.jobs < 1:
        raise UserError(f"spread: --jobs: expected 1 or more, found {options.jobs}")
    root = find(Path.cwd())
    params, name = recipe.read(workspace(root)), param.replace(":", ": ")
    if name not in params:
        raise UserError(f"spread: --param: expected a param that a stage declares, found {param}")
    path = options.output or (Path(SPREAD) if root == Path.cwd() else root / SPREAD)
    params_digest = digest(params, name)
    spread.require_replaceable(path, seeds, params_digest, name, metric)
    with contextlib.chdir(root):  # where DVC looks for its dvc.yaml
        values = spread.run_experiments(
            range(1, seeds + 1), f"spread-{params_digest[:8]}", param, metric, options.jobs
        )
    summary = spread.summarize(values, params, name, metric)
    path.parent.mkdir(parents=True, exist_ok=True)
    write(json.dumps(summary, indent=2) + "\n", path)
    text = f"{metric} {summary['mean']:.4f} ± {summary['sd']:.4f}"
    print(printable(f"{text} (sd of {seeds} seeds); see {path} and `dvc exp show`"))
