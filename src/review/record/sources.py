"""Where a reviewer's numbers lie: found in what dvc.yaml declares, no configuration.

Predictions are the table of a plot with the template `confusion`, curves those of the other plots
that name an x and a y, metrics and params what DVC calls so; a lock of packages is a dep.
"""

import posixpath
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from dvcproject.paths import holds, join
from dvcproject.revision import Revision
from review.record import pipeline
from review.record.documents import PARAMS
from review.record.pipeline import Declared, Top

LOCKS = ("requirements.lock", "uv.lock", "poetry.lock", "requirements.txt", "environment.yml")
TABLES = (".csv", ".tsv", ".json", ".yaml", ".yml")
LINES = {None, "linear", "simple", "smooth"}


class Predicted(NamedTuple):
    """A table of predictions."""

    path: str
    actual: str  # the column of truth
    predicted: str

    @property
    def is_of_training(self) -> bool:
        """Tell whether its name says that the model has seen its rows."""
        return not {"train", "training"}.isdisjoint(re.split("[^a-z]+", self.path.lower()))


class Line(NamedTuple):
    """Columns of a table over another column."""

    title: str
    path: str
    x: str  # empty: the number of the row
    ys: tuple[str, ...]  # none: the last column, of each table if the path is a folder


class Sources(NamedTuple):
    """The files to read, by their paths; those of the stage that predicts come first."""

    predictions: tuple[Predicted, ...] = ()
    curves: tuple[Line, ...] = ()
    metrics: tuple[str, ...] = ()
    params: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    records: tuple[str, ...] = ()  # of what a model was made on
    beside: tuple[tuple[str, str], ...] = ()  # a metrics file, a table that its stage writes too

    def over(self, other: "Sources") -> "Sources":
        """Return these, and what another revision declares where these have nothing."""
        pairs = zip(self, other, strict=True)
        return Sources(*(mine or theirs for mine, theirs in pairs))  # type: ignore[arg-type]


def find(revision: Revision) -> Sources:
    """Return what a revision's dvc.yaml declares. Raises UserError with the place."""
    stages, tops = pipeline.declared(revision), pipeline.tops(revision)
    plots = [*_plots(stages, tops)]
    predictions = tuple(dict.fromkeys(found for plot in plots for found in _predicted(*plot)))
    first = [stage for stage in stages.values() if _writes_one(stage, predictions)]
    ordered = [*first, *(stage for stage in stages.values() if stage not in first)]
    metrics = [path for stage in ordered for path in stage.metrics]
    metrics += [join(top.folder, path) for top in tops for path in top.metrics]
    params = [PARAMS] if revision.has(PARAMS) else []
    params += [path for stage in stages.values() for path in stage.params]
    params += [join(top.folder, path) for top in tops for path in top.params]
    deps = dict.fromkeys(path for stage in stages.values() for path in stage.deps)
    return Sources(
        predictions=predictions,
        curves=tuple(dict.fromkeys(line for plot in plots for line in _lines(*plot))),
        metrics=tuple(dict.fromkeys(metrics)),
        params=tuple(dict.fromkeys(params)),
        packages=tuple(path for path in deps if posixpath.basename(path) in LOCKS),
        records=tuple(dict.fromkeys(path for stage in ordered for path in stage.records)),
        beside=tuple(_beside(first, predictions)),
    )


def _writes(stage: Declared, path: str) -> bool:
    return any(holds(out, path) for out in stage.outs)


def _writes_one(stage: Declared, predictions: tuple[Predicted, ...]) -> bool:
    return any(_writes(stage, table.path) for table in predictions)


def _beside(first: list[Declared], predictions: tuple[Predicted, ...]) -> Iterator[tuple[str, str]]:
    """Yield each metrics file with the one table that its stage writes; with two, none is meant."""
    for stage in first:
        tables = [table.path for table in predictions if _writes(stage, table.path)]
        yield from ((path, tables[0]) for path in stage.metrics if len(tables) == 1)


Plot = tuple[str, str, dict[str, Any]]  # folder, name or path, how it is drawn


def _plots(stages: dict[str, Declared], tops: list[Top]) -> Iterator[Plot]:
    for stage in stages.values():
        yield from (("", path, options) for path, options in stage.plots.items())
    for top in tops:
        entries = top.plots if isinstance(top.plots, list) else [top.plots]
        for entry in entries:
            found = entry if isinstance(entry, dict) else {}
            for name, options in found.items():
                yield top.folder, str(name), options if isinstance(options, dict) else {}


def _columns(folder: str, name: str, drawn: Any) -> Iterator[tuple[str, str]]:
    """Yield path and column of an axis: `column`, `[columns]`, or a mapping of paths to those."""
    by_path = drawn if isinstance(drawn, dict) else {name: drawn}
    for path, columns in by_path.items():
        for column in columns if isinstance(columns, list) else [columns]:
            if isinstance(path, str) and isinstance(column, str):
                yield join(folder, path), column


def _axes(folder: str, name: str, options: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yield path, column of x, empty where it names none, and column of y of a plot."""
    x = options.get("x")
    xs = dict(_columns(folder, name, x)) if isinstance(x, dict) else {}
    for path, y in _columns(folder, name, options.get("y")):
        column = x if isinstance(x, str) else xs.get(path, "")
        if path.lower().endswith(TABLES):
            yield path, column, y


def _predicted(folder: str, name: str, options: dict[str, Any]) -> Iterator[Predicted]:
    """Yield the tables of a plot of predictions; x is the truth, unless its name says otherwise."""
    if not str(options.get("template")).startswith("confusion"):
        return
    for path, x, y in filter(all, _axes(folder, name, options)):
        turned = "pred" in x.lower() and "pred" not in y.lower()
        yield Predicted(path, *((y, x) if turned else (x, y)))


def _lines(folder: str, name: str, options: dict[str, Any]) -> Iterator[Line]:
    template = options.get("template")
    if not isinstance(template, str | None) or template not in LINES:
        return
    found: dict[tuple[str, str], list[str]] = {}
    for path, x, y in _axes(folder, name, options):
        found.setdefault((path, x), []).append(y)
    if "y" not in options and isinstance(options.get("x"), str):
        path = join(folder, name)
        if path.lower().endswith(TABLES) or not posixpath.splitext(path)[1]:
            found[path, str(options["x"])] = []
    for (path, x), ys in found.items():
        yield Line(str(options.get("title") or name), path, x, tuple(ys))
