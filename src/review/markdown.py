"""A review -> markdown, for a pull request's comment or a terminal."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from review import gallery, phrases
from review.changes import Change
from review.comparison import newcombe
from review.quoting import plain
from review.verdict import Review

SAME = ("params", "stages", "data", "code", "environment", "platform")


def write(review: Review, *, picture: Path | None) -> str:
    """Write all that a reviewer needs; `picture`: where the images that moved were drawn."""
    parts = [
        f"# Review of {plain(review.after.name)} against {plain(review.before.name)}",
        f"**{phrases.verdict(review)}**",
        *phrases.cautions(review),
        table(("", review.before.name, review.after.name, "change"), phrases.metrics(review)),
        *_paired(review),
        "## What changed",
        *_changes(review),
        *_moved(review, picture),
    ]
    return "\n\n".join(parts) + "\n"


def table(header: Sequence[str], rows: Iterable[Sequence[Any]], *, rest: str = "---:") -> str:
    """Write a table; the first column reads left, the `rest` right unless it says otherwise."""
    lines = [header, ["---", *[rest] * (len(header) - 1)], *rows]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)


def _cell(value: Any) -> str:
    return re.sub(r"\\*\|", r"\\|", plain(value))


def _paired(review: Review) -> list[str]:
    pairing = review.pairing
    if pairing is None:
        return []
    low, high = newcombe(pairing, review.confidence)
    rows = [
        ("fixed: only the second model reads them right", len(pairing.fixed)),
        ("broken: only the first model does", len(pairing.broken)),
        ("both right", pairing.both_right),
        ("both wrong", pairing.both_wrong),
        ("exact McNemar p", phrases.p_value(review.p).removeprefix("= ")),
        ("difference, in points", phrases.points(pairing.difference)),
        (
            f"its {phrases.percent(review.confidence)} interval",
            f"{phrases.points(low)} to {phrases.points(high)}",
        ),
    ]
    parts = ["## The same images, one by one", table((f"{pairing.images:,} images", ""), rows)]
    if classes := phrases.classes(review):
        parts.append("Where it moved (counts, no test: ten tests would find something by chance):")
        parts.append(table(phrases.CLASSES_HEADER, classes))
    return parts


def _changes(review: Review) -> list[str]:
    found = review.changes
    parts = _values("param", found.params)
    if found.stages:
        rows = [(name, ", ".join(why)) for name, why in found.stages.items()]
        parts.append(table(("stage that ran again", "because of"), rows, rest="---"))
    for what, paths in (("Data", found.data), ("Code", found.code)):
        parts += [f"{what}: {', '.join(map(plain, paths))}"] if paths else []
    parts += _values("environment", found.environment) + _values("platform", found.platform)
    same = [name for name in SAME if not getattr(found, name)]
    return [*parts, f"The same: {', '.join(same)}."] if same else parts


def _values(what: str, found: list[Change]) -> list[str]:
    rows = [(key, phrases.value(was), phrases.value(now)) for key, was, now in found]
    return [table((what, "before", "after"), rows, rest="---")] if rows else []


def _moved(review: Review, picture: Path | None) -> list[str]:
    indices = gallery.moved(review)
    if review.pairing is None or not indices:
        return []
    parts = [f"## The {len(indices)} images that changed sides"]
    if drawn := gallery.text(review):
        parts.append("Index: label, read before → after; those lost first.")
        parts.append(f"```\n{drawn}\n```")
    else:
        parts.append("No pictures: the test images of this dvc.lock are not here (`dvc repro`).")
    if picture:
        parts.append(f"As a picture: {plain(picture)}")
    for word, found in (("Broken", review.pairing.broken), ("Fixed", review.pairing.fixed)):
        parts.append(f"{word}: {_list(found)}")
    return parts


def _list(indices: np.ndarray[Any, Any]) -> str:
    return ", ".join(map(str, indices)) or "none"
