"""What a path is: data, code or a model; who makes it and who reads it tells."""

import posixpath
from collections.abc import Iterable
from typing import NamedTuple

from dvcproject.paths import holds, join
from dvcproject.revision import Revision
from review.record import pipeline
from review.record.pipeline import Declared, Recorded
from review.record.sources import Sources

Stages = dict[str, Declared]


class Kinds(NamedTuple):
    """The paths of each kind, of deps and outs; results, which no stage reads, are of none."""

    data: frozenset[str] = frozenset()
    code: frozenset[str] = frozenset()
    models: frozenset[str] = frozenset()


def of(revision: Revision, stages: Stages, recorded: dict[str, Recorded], found: Sources) -> Kinds:
    """Tell data from code and models: what DVC keeps and a stage reads, and what it was given."""
    made = {path for stage in stages.values() for path in stage.outs}
    measured = {*found.metrics, *(table.path for table in found.predictions)}
    kept = {
        path
        for stage in stages.values()
        for path, cached in stage.outs.items()
        if cached and not _measures(stage, measured)
    }
    data = {path for path in kept if any(_reads(stage, path) for stage in stages.values())}
    models = _models(revision, stages, measured)
    data -= models
    code: set[str] = set()
    given = {path for stage in recorded.values() for path in stage.deps} - made
    for path in given - {*found.params, *found.packages}:
        if not any(holds(out, path) for out in made):
            (data if pipeline.is_added(revision, path) else code).add(path)
    cached = {
        path for stage in stages.values() for path, is_cached in stage.outs.items() if is_cached
    }
    return Kinds(frozenset(data), frozenset(code), frozenset(models & cached))


def _measures(stage: Declared, measured: Iterable[str]) -> bool:
    """Tell whether a stage measures: what else it makes is a model, or results."""
    return bool(stage.metrics or stage.plots) or any(
        holds(out, path) for out in stage.outs for path in measured
    )


def _reads(stage: Declared, path: str) -> bool:
    return any(holds(path, dep) or holds(dep, path) for dep in stage.deps)


def _models(revision: Revision, stages: Stages, measured: set[str]) -> set[str]:
    """Return what is called a model, and what a stage that measures reads beside its data."""
    tops = pipeline.tops(revision) if stages else []
    found = {join(top.folder, path) for top in tops for path in top.models}
    maker = {path: name for name, stage in stages.items() for path in stage.outs}
    found |= {
        path for path in maker if "model" in posixpath.basename(path) or holds("models", path)
    }
    before = {name: _before(name, stages, maker, set()) for name in stages}
    for stage in stages.values():
        if _measures(stage, measured):
            makers = {maker[dep] for dep in stage.deps if dep in maker}
            found |= {dep for dep in stage.deps if _is_last(maker.get(dep), makers, before)}
    return found


def _is_last(name: str | None, makers: set[str], before: dict[str, set[str]]) -> bool:
    """Tell whether a stage needs another of the makers, and no other needs it: it trains."""
    others = makers - {name}
    return (
        name in makers
        and bool(others & before[name])
        and all(name not in before[o] for o in others)
    )


def _before(name: str, stages: Stages, maker: dict[str, str], known: set[str]) -> set[str]:
    """Return the stages that a stage needs, and those that they need."""
    for dep in stages[name].deps:
        other = maker.get(dep)
        if other is not None and other not in known:
            known.add(other)
            _before(other, stages, maker, known)
    return known
