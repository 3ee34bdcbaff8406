"""What a review says, in words and rows; markdown and the page lay it out.

Why rows are not compared is said in `verdict.compared`, which commit is the base in
`revision.ancestor`, of what a spread is in `verdict.seeds`.
"""

import numpy as np

from review.markup import plain
from review.record.sources import LOCKS
from review.verdict.compared import FIRST, UNPAIRED, Compared
from review.verdict.seeds import Other
from review.verdict.verdict import NONE, Review
from review.words.formats import number, p_value, percent

TO_SIX = ("no", "one", "two", "three", "four", "five", "six")
UP_TO_TWELVE = (*TO_SIX, "seven", "eight", "nine", "ten", "eleven", "twelve")

SEEN = "; by its name the model has seen these rows, so they decide nothing"


def verdicts(review: Review) -> list[str]:
    """Say in a sentence a table what the change did."""
    if not review.tables:
        return [f"{_capital(NONE)}: {_no_predictions(review)}."]
    if len(review.tables) == 1:
        return [f"{verdict(review.tables[0], review)}."]
    return [
        f"{title(table, review)}: {verdict(table, review)}{'' if review.decides(table) else SEEN}."
        for table in review.tables
    ]


def _no_predictions(review: Review) -> str:
    absent = [table.path for table in review.after.sources.predictions]
    if absent:
        are, them = ("is", "it") if len(absent) == 1 else ("are", "them")
        return f"{plain(', '.join(absent))} {are} not here, DVC keeps {them} (`dvc pull`)"
    return "dvc.yaml has no plot with the template confusion"


def title(table: Compared, review: Review) -> str:
    """Return what a table is called among several."""
    paths = [other.source.path for other in review.tables]
    more = f" ({table.source.predicted})" if paths.count(table.source.path) > 1 else ""
    return plain(table.source.path + more)


def rows(table: Compared, review: Review) -> str:
    """Say what the rows of a table are; among several its name says of what."""
    return f"test {table.noun}" if len(review.tables) == 1 else table.noun


def verdict(table: Compared, review: Review) -> str:
    """Say what the change did to the predictions of a table, without a full stop."""
    count, right, what = table.after.rows, table.after.right, rows(table, review)
    if table.before is None:
        read = f"{right:,} of {count:,} {what} are read right"
        return f"{_capital(FIRST)}: {table.obstacle}; {read}"
    if table.pairing is None:
        one = table.noun.removesuffix("s")
        return f"{_capital(UNPAIRED)} {one} by {one}: {table.obstacle}"
    fixed, broken = len(table.pairing.fixed), len(table.pairing.broken)
    if not fixed + broken:
        return f"No difference: both models read the same {right:,} of {count:,} {what} right"
    return (
        f"{_capital(table.outcome)}: of {count:,} {what} {fixed} won, "
        f"{broken} lost (exact McNemar p {p_value(table.p)})"
    )


def cautions(review: Review) -> list[str]:
    """Say what the verdict does not."""
    found = [review.note] if review.note else []
    compared = [table for table in review.tables if table.before is not None]
    if compared:
        found.append(_compares(review, compared[0].noun))
    found += filter(None, (pairs(table, review) for table in filter(review.decides, compared)))
    if review.doubts:
        doubts = "; ".join(map(plain, review.doubts))
        name = plain(review.before.name)
        found.append(f"Doubtful: the dvc.lock of {name} is not that of its own files ({doubts}).")
    return found


def _compares(review: Review, noun: str) -> str:
    if models := review.same_models:
        return (
            f"Both sides have the same model, {plain(', '.join(models))}: a difference does not "
            "come from training or its seeds."
        )
    return (
        f"This compares two trained models on these {noun}, not two recipes: "
        f"another seed gives another model. {seeds(review)}"
    )


def pairs(table: Compared, review: Review) -> str:
    """Say which data behind the rows is another one, where no ids say that they are the same."""
    inputs = review.after.inputs.get(table.source.path, frozenset())
    changed = sorted(inputs.intersection(review.changes.data))
    if table.pairing is None or table.after.ids is not None or not changed:
        return ""
    paths, made = plain(", ".join(changed)), plain(table.source.path)
    return (
        f"{paths}, which {made} is made from, is not that of {plain(review.before.name)}: "
        f"that the {table.noun} are the same is known by their classes alone."
    )


def missing(review: Review) -> list[str]:
    """Say what is left out: no dvc.yaml declares it, or DVC alone holds it."""
    found = review.after.sources
    parts = [
        what
        for what, there in (
            ("predictions (a plot with the template confusion)", found.predictions),
            ("metrics", found.metrics),
            ("learning curves (plots with an x and a y)", found.curves),
            ("params", found.params),
            (f"packages (a dep called {', '.join(LOCKS[:-1])} or {LOCKS[-1]})", found.packages),
            ("what the model was made on (`records` in the `meta` of its stage)", found.records),
        )
        if not there
    ]
    said = [f"Left out, for no dvc.yaml declares it: {'; '.join(parts)}."] if parts else []
    if review.after.absent:
        names = plain(", ".join(review.after.absent))
        said.append(f"Left out, for DVC keeps it and it is not here (`dvc pull`): {names}.")
    return said


def unknown(review: Review) -> set[str]:
    """Return what cannot be called the same: nobody recorded it."""
    found = review.after.sources
    platform = set() if found.records else {"platform"}
    return platform if found.records or found.packages else platform | {"environment"}


def seeds(review: Review) -> str:
    """Say whether seeds alone explain the change."""
    noise, basis, other = review.seeds
    if other is not None:
        return _other(other, review)
    if noise is None:
        how = plain(review.options.spread_with).strip("`")
        return f"How far seeds alone move it is not known: {basis}; `{how}` measures it."
    text = (
        f"By seed alone, two trainings of one recipe differ by up to {100 * noise:.2f} points "
        f"({percent(review.confidence)}, {basis})"
    )
    within = [review.within_seeds(table) for table in review.tables]
    if None in within:
        return f"{text}."
    if len(within) == 1:
        return f"{text}: this change lies {'within' if within[0] else 'beyond'} that."
    lies = (
        f"{title(table, review)} lies {'within' if inside else 'beyond'}"
        for table, inside in zip(review.tables, within, strict=True)
    )
    return f"{text}: {', '.join(lies)}."


def _other(found: Other, review: Review) -> str:
    text = (
        f"By seed alone, {plain(found.metric)} of two trainings of one recipe differs by up to "
        f"{number(found.noise)} ({percent(review.confidence)}, {review.seeds.basis})"
    )
    if found.change is not None:
        lies = "within" if abs(found.change) <= found.noise else "beyond"
        text += f": its change, {number(found.change, '+')}, lies {lies} that"
    return f"{text}. How far seeds move the accuracy is not known."


def no_test(table: Compared) -> str:
    """Say why the classes have no test each."""
    many = len(np.unique(table.after.actual))
    text = UP_TO_TWELVE[many] if many < len(UP_TO_TWELVE) else f"{many:,}"
    return f"no test: {text} test{'' if many == 1 else 's'} would find something by chance"


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]
