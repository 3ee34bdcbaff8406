"""What a revision says of its model: predictions, metrics, curves, params, packages, platform."""

from typing import Any, NamedTuple

from dvcproject.address import PIPELINE
from dvcproject.cache import with_cache
from dvcproject.paths import holds
from dvcproject.revision import Revision
from review.errors import UserError
from review.record import (
    documents,
    kinds,
    packages,
    pipeline,
    predictions,
    readings,
    recipe,
    sources,
)
from review.record.curves import Curve, curve, each
from review.record.kinds import Kinds
from review.record.pipeline import Recorded
from review.record.predictions import Predictions
from review.record.readings import Range
from review.record.sources import Line, Predicted, Sources

SPREAD = "metrics/spread.json"
NUMBERS = {"sd": Range(0), "n": Range(2, whole=True)}  # of SPREAD


class Record(NamedTuple):
    """The small files of one revision, read; what a base may lack is empty there."""

    name: str
    sources: Sources
    predictions: dict[Predicted, Predictions]
    metrics: dict[str, dict[str, float | str]]  # file -> key -> value
    curves: dict[Line, Curve]
    params: dict[str, Any]  # on one level; of another file than params.yaml with its path
    recipe: dict[str, Any]  # those of them that a stage declares
    stages: dict[str, Recorded]  # of dvc.lock
    packages: dict[str, str]  # name -> version
    records: dict[str, dict[str, Any]]  # file -> what a model was made on
    spread: dict[str, Any] | None  # how far seeds alone move a metric, where on record
    kinds: Kinds  # which paths are data, which are code
    inputs: dict[str, frozenset[str]]  # a table of predictions -> what its stage reads
    absent: tuple[str, ...]  # files that DVC keeps and that are not at hand

    def md5(self, path: str) -> str | None:
        """Return the digest that dvc.lock records of an out, or a dep."""
        stages = self.stages.values()
        outs = (stage.outs[path] for stage in stages if path in stage.outs)
        deps = (stage.deps[path] for stage in stages if path in stage.deps)
        return next(outs, None) or next(deps, None)


def read(
    revision: Revision, *, whole: bool, also: Sources | None = None, spread: str = SPREAD
) -> Record:
    """Read what a revision holds; `whole`: all that it declares must be there, or in the cache.

    `also`: where to look for what it does not declare. Raises UserError for what is malformed, and,
    of a whole one, for what is missing.
    """
    declares = whole or revision.read(PIPELINE) is not None
    stages = pipeline.declared(revision) if declares else {}
    has_lock = whole or (declares and revision.read("dvc.lock") is not None)
    recorded = pipeline.recorded(revision) if has_lock else {}
    found = (sources.find(revision) if declares else Sources()).over(also or Sources())
    kept = {path for stage in stages.values() for path, cached in stage.outs.items() if cached}
    there = _Files(revision, kept if whole else None)
    return Record(
        name=revision.name,
        sources=found,
        predictions={
            table: predictions.read(revision, table)
            for table in found.predictions
            if there.has(table.path)
        },
        metrics={p: documents.metrics(revision, p) for p in found.metrics if there.has(p)},
        curves=_curves(revision, found.curves, there),
        params=_params(revision, found.params),
        recipe=recipe.read(revision) if declares else {},
        stages=recorded,
        packages=_packages(revision, found.packages, there),
        records={p: readings.mapping(revision, p) or {} for p in found.records if there.has(p)},
        spread=_spread(revision, spread),
        kinds=kinds.of(revision, stages, recorded, found),
        inputs=_inputs(stages, found),
        absent=tuple(there.absent),
    )


class _Files:
    """Which files are at hand; one that must be and is not is an error, or DVC keeps it."""

    def __init__(self, revision: Revision, kept: set[str] | None) -> None:
        """`kept`: what DVC keeps in its cache; None where any file may be missing."""
        self.revision, self.kept = revision, kept
        self.absent: dict[str, None] = {}

    def has(self, path: str, *, optional: bool = False) -> bool:
        """Tell whether a file is there. Raises UserError where it must be."""
        if self.revision.has(path):
            return True
        if self.kept is None:
            return False
        if not any(holds(out, path) for out in self.kept):
            if not optional:
                self.revision.require(path)
            return False
        self.absent[path] = None
        return False


def stored(revision: Revision, root: Any) -> Revision:
    """Return a revision with what DVC's cache has of the files that git does not hold."""
    if revision.read(PIPELINE) is None or revision.read("dvc.lock") is None:
        return revision
    found = sources.find(revision)
    paths = [table.path for table in found.predictions] + [*found.metrics]
    paths += [line.path for plot in found.curves for line in [*each(revision, plot)] or [plot]]
    if all(revision.has(path) for path in paths):
        return revision
    outs = (stage.outs for stage in pipeline.recorded(revision).values())
    return with_cache(revision, root, {path: md5 for out in outs for path, md5 in out.items()})


def _curves(revision: Revision, lines: tuple[Line, ...], there: _Files) -> dict[Line, Curve]:
    drawn = [line for plot in lines for line in [*each(revision, plot)] or [plot]]
    found = {
        line: curve(revision, line)
        for line in drawn
        if there.has(line.path, optional=not line.ys)  # dvclive makes it where it has something
    }
    return {line: columns for line, columns in found.items() if columns}


def _inputs(stages: dict[str, pipeline.Declared], found: Sources) -> dict[str, frozenset[str]]:
    """Return the deps of the stage that writes each table of predictions."""
    return {
        table.path: frozenset(stage.deps)
        for table in found.predictions
        for stage in stages.values()
        if any(holds(out, table.path) for out in stage.outs)
    }


def _params(revision: Revision, paths: tuple[str, ...]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for path in paths:
        if revision.has(path):
            found |= recipe.named(path, documents.params(revision, path))
    return found


def _packages(revision: Revision, paths: tuple[str, ...], there: _Files) -> dict[str, str]:
    found: dict[str, str] = {}
    for path in paths:
        if there.has(path):
            found |= packages.read(revision, path)
    return found


def _spread(revision: Revision, path: str) -> dict[str, Any] | None:
    found = readings.mapping(revision, path)
    if found is not None:
        readings.require(found, NUMBERS, f"{revision.name}: {path}")
        for key in ("params_digest", "param", "metric"):
            if not isinstance(found.get(key, "" if key != "params_digest" else None), str):
                raise UserError(f"{revision.name}: {path}: {key}: expected a text")
    return found
