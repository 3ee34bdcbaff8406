"""What else changed between two revisions: params, stages, data, code, environment, platform."""

from typing import Any, NamedTuple

from review.record import provenance
from review.record.documents import flatten
from review.record.recipe import named
from review.record.record import Record

Change = tuple[str, Any, Any]  # what, before, after; None where it is absent
ENVIRONMENT = ("python", "packages.")  # of the record of a model; the rest of it is the platform


class Changes(NamedTuple):
    """All that may explain a difference."""

    params: list[Change]
    stages: dict[str, list[str]]  # a stage that ran again -> why
    data: list[str]  # files that DVC made of the data set, by path
    code: list[str]
    environment: list[Change]
    platform: list[Change]


def between(before: Record, after: Record) -> Changes:
    """Compare what two revisions record."""
    ran_on = _ran_on(before, after)
    return Changes(
        params=_values(before.params, after.params),
        stages=_stages(before, after),
        data=sorted(_paths(before, after) & (before.kinds.data | after.kinds.data)),
        code=sorted(_paths(before, after) & (before.kinds.code | after.kinds.code)),
        environment=[change for change in ran_on if change[0].startswith(ENVIRONMENT)]
        + _values(before.packages, after.packages),
        platform=[change for change in ran_on if not change[0].startswith(ENVIRONMENT)],
    )


def same_models(before: Record, after: Record) -> list[str]:
    """Return the paths of the models, where both sides have the same ones; none otherwise."""
    paths = sorted(before.kinds.models | after.kinds.models)
    pairs = [(before.md5(path), after.md5(path)) for path in paths]
    return paths if all(was is not None and was == now for was, now in pairs) else []


def _ran_on(before: Record, after: Record) -> list[Change]:
    """Compare what the two models were made on, as far as that is known of both."""
    records = dict.fromkeys([*after.sources.records, *before.sources.records])
    if not records:
        return []
    was, now = (provenance.of(side.records, side.md5) for side in (before, after))
    if was and now:
        return _values(flatten(was), flatten(now))
    unknown = provenance.unknown(records)
    then, here = ("known" if side else unknown for side in (was, now))
    return [(what, then, here) for what in ("python and packages", "processor and system")]


def _values(before: dict[str, Any], after: dict[str, Any]) -> list[Change]:
    keys = dict.fromkeys([*before, *after])
    pairs = ((key, before.get(key), after.get(key)) for key in keys)
    return [(key, was, now) for key, was, now in pairs if was != now]


def _stages(before: Record, after: Record) -> dict[str, list[str]]:
    """Return the stages whose inputs differ, each with the inputs that do."""
    found = {}
    for name, stage in after.stages.items():
        other = before.stages.get(name)
        if other is None:
            found[name] = ["new"]
            continue
        why = ["its command"] if stage.command != other.command else []
        for path in dict.fromkeys([*other.params, *stage.params]):
            was, now = (named(path, entry.params.get(path, {})) for entry in (other, stage))
            why += [key for key, _, _ in _values(was, now)]
        why += [path for path, _, _ in _values(other.deps, stage.deps)]
        if why:
            found[name] = why
    return found


def _paths(before: Record, after: Record) -> set[str]:
    """Return the paths of all stages' deps and outs that differ."""
    was, now = (
        {
            path: digest
            for stage in side.stages.values()
            for path, digest in (stage.deps | stage.outs).items()
        }
        for side in (before, after)
    )
    return {path for path, _, _ in _values(was, now)}
