"""A review -> markdown, for a pull request's comment or a terminal."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from review.markup import plain
from review.verdict.changes import Change
from review.verdict.compared import Compared
from review.verdict.statistics import newcombe
from review.verdict.verdict import Review
from review.words import formats, gallery, phrases, tables

SAME = ("params", "stages", "data", "code", "environment", "platform")
MOST = 200  # rows that are listed by their names


def write(review: Review, *, picture: Path | None) -> str:
    """Write all that a reviewer needs; `picture`: where the images that moved were drawn."""
    parts = [
        f"# Review of {plain(review.after.name)} against {plain(review.before.name)}",
        *(f"**{sentence}**" for sentence in phrases.verdicts(review)),
        *phrases.cautions(review),
        *_metrics(review),
        *(part for one in review.tables for part in _paired(one, review)),
        "## What changed",
        *_changes(review),
        *(part for one in review.tables for part in _moved(one, review, picture)),
        *phrases.missing(review),
    ]
    return "\n\n".join(parts) + "\n"


def _metrics(review: Review) -> list[str]:
    rows = tables.metrics(review)
    header = ("", review.before.name, review.after.name, "change")
    return [table(header, rows)] if rows else []


def table(header: Sequence[str], rows: Iterable[Sequence[Any]], *, rest: str = "---:") -> str:
    """Write a table; the first column reads left, the `rest` right unless it says otherwise."""
    lines = [header, ["---", *[rest] * (len(header) - 1)], *rows]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)


def _cell(value: Any) -> str:
    return re.sub(r"\\*\|", r"\\|", plain(value))


def _titled(text: str, one: Compared, review: Review) -> str:
    return f"## {text}" + (f": {phrases.title(one, review)}" if len(review.tables) > 1 else "")


def _paired(one: Compared, review: Review) -> list[str]:
    pairing = one.pairing
    if pairing is None:
        return []
    low, high = newcombe(pairing, review.confidence)
    rows = [
        ("fixed: only the second model reads them right", len(pairing.fixed)),
        ("broken: only the first model does", len(pairing.broken)),
        ("both right", pairing.both_right),
        ("both wrong", pairing.both_wrong),
        ("exact McNemar p", formats.p_value(one.p).removeprefix("= ")),
        ("difference, in points", formats.points(pairing.difference)),
        (
            f"its {formats.percent(review.confidence)} interval",
            f"{formats.points(low)} to {formats.points(high)}",
        ),
    ]
    heading = _titled(f"The same {one.noun}, one by one", one, review)
    parts = [heading, table((f"{pairing.images:,} {one.noun}", ""), rows)]
    if classes := tables.classes(one):
        parts.append(
            f"Where it moved (counts, {phrases.no_test(one)}{tables.classes_left_out(one)}):"
        )
        parts.append(table(tables.classes_header(one), classes))
    return parts


def _changes(review: Review) -> list[str]:
    found, unknown = review.changes, phrases.unknown(review)
    parts = _values("param", found.params)
    if found.stages:
        rows = [(name, ", ".join(why)) for name, why in found.stages.items()]
        parts.append(table(("stage that ran again", "because of"), rows, rest="---"))
    for what, paths in (("Data", found.data), ("Code", found.code)):
        parts += [f"{what}: {', '.join(map(plain, paths))}"] if paths else []
    parts += _values("environment", found.environment) + _values("platform", found.platform)
    same = [name for name in SAME if not getattr(found, name) and name not in unknown]
    return [*parts, f"The same: {', '.join(same)}."] if same else parts


def _values(what: str, found: list[Change]) -> list[str]:
    rows = [(key, formats.value(was), formats.value(now)) for key, was, now in found]
    return [table((what, "before", "after"), rows, rest="---")] if rows else []


def _moved(one: Compared, review: Review, picture: Path | None) -> list[str]:
    rows, images = gallery.moved(one), review.pictures(one)
    if one.pairing is None or not rows:
        return []
    parts = [_titled(f"The {len(rows)} {one.noun} that changed sides", one, review)]
    if images is not None:
        parts.append("Index: label, read before → after; those lost first.")
        parts.append(f"```\n{gallery.text(one, images)}\n```")
        parts += [f"As a picture: {plain(picture)}"] if picture else []
    elif review.options.images:
        parts.append("No pictures: the test images of this dvc.lock are not here (`dvc repro`).")
    for word, found in (("Broken", one.pairing.broken), ("Fixed", one.pairing.fixed)):
        parts.append(f"{word}: {_list(found, one)}")
    return parts


def _list(rows: np.ndarray[Any, Any], one: Compared) -> str:
    names = [plain(one.after.name(int(row))) for row in rows[:MOST]]
    more = [f"and {len(rows) - MOST:,} more"] if len(rows) > MOST else []
    return ", ".join([*names, *more]) or "none"
