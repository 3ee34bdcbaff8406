"""What else changed between two revisions: params, stages, data, code, environment, platform."""

from typing import Any, Literal, NamedTuple

from review import provenance
from review.pipeline import PARAMS, flatten
from review.record import Record

Change = tuple[str, Any, Any]  # what, before, after; None where it is absent
ENVIRONMENT = ("python", "packages.")  # of environment.json; the rest of it is the platform


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
        params=_values(flatten(before.params), flatten(after.params)),
        stages=_stages(before, after),
        data=sorted(path for path in _paths(before, after, "outs") if path.startswith("data/")),
        code=sorted(path for path in _paths(before, after, "deps") if path.endswith(".py")),
        environment=[change for change in ran_on if change[0].startswith(ENVIRONMENT)]
        + _values(before.packages, after.packages),
        platform=[change for change in ran_on if not change[0].startswith(ENVIRONMENT)],
    )


def _ran_on(before: Record, after: Record) -> list[Change]:
    """Compare what the two models were made on, as far as that is known of both."""
    was, now = (provenance.platform(side.environment, side.md5) for side in (before, after))
    if was and now:
        return _values(flatten(was), flatten(now))
    then, here = ("known" if side else provenance.UNKNOWN for side in (was, now))
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
            was, now = (flatten(entry.params.get(path, {})) for entry in (other, stage))
            why += [key if path == PARAMS else f"{path}: {key}" for key, _, _ in _values(was, now)]
        why += [path for path, _, _ in _values(other.deps, stage.deps)]
        if why:
            found[name] = why
    return found


def _paths(before: Record, after: Record, kind: Literal["deps", "outs"]) -> set[str]:
    """Return the paths of all stages' deps or outs that differ."""
    was, now = (
        {path: md5 for stage in side.stages.values() for path, md5 in getattr(stage, kind).items()}
        for side in (before, after)
    )
    return {path for path, _, _ in _values(was, now)}
