"""The review and more as one self-contained page, which opens without a network."""

from collections.abc import Iterator
from html import escape
from pathlib import Path
from string import Template

from review.markup import hypertext, spans
from review.page.confusion import confusion
from review.page.curves import curves
from review.page.interval import interval
from review.page.layout import pictures, section, table
from review.record import provenance
from review.record.documents import flatten
from review.verdict.changes import Change
from review.verdict.compared import BETTER, WORSE, Compared
from review.verdict.statistics import newcombe
from review.verdict.verdict import Review
from review.words import formats, gallery, phrases, tables

TEMPLATE = Path(__file__).with_name("report.html")
MOST = 24  # pictures in a section
NARROW = 12  # classes of a matrix that half the width is enough for


def write(review: Review) -> str:
    """Write the page; every text from the revisions is escaped."""
    outcome = {BETTER: "better", WORSE: "worse"}.get(review.outcome, "same")
    first, *more = phrases.verdicts(review)
    return Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
        title=hypertext(f"Review: {first}".replace("`", "")),
        outcome=outcome,
        names=hypertext(f"{review.after.name} against {review.before.name}"),
        verdict=spans(first),
        cautions="".join(f"<p>{spans(text)}</p>" for text in [*more, *phrases.cautions(review)]),
        sections="\n".join(filter(None, _sections(review))),
    )


def _sections(review: Review) -> Iterator[str]:
    for one in review.tables:
        yield _paired(one, review)
    yield _metrics(review)
    drawings = (section(title, drawing) for title, drawing in curves(review))
    yield from drawings
    for one in review.tables:
        yield section(
            _named("Confusion matrix", one, review),
            confusion(one.after, review.after.name),
            wide=len(one.after.classes) > NARROW,
        )
        yield _moved(one, review)
        yield _mistakes(one, review)
        yield _classes(one, review)
    yield from _changes(review)
    if said := phrases.missing(review):
        yield section("Left out", "".join(f"<p>{spans(text)}</p>" for text in said), wide=True)


def _named(text: str, one: Compared, review: Review) -> str:
    return f"{text}: {one.source.path}" if len(review.tables) > 1 else text


def _paired(one: Compared, review: Review) -> str:
    if one.pairing is None:
        return ""
    low, high = newcombe(one.pairing, review.confidence)
    confidence = formats.percent(review.confidence)
    numbers = {
        "won": len(one.pairing.fixed),
        "lost": len(one.pairing.broken),
        "exact McNemar p": formats.p_value(one.p).removeprefix("= "),
        "difference, points": formats.points(one.pairing.difference),
        f"its {confidence} interval": f"{formats.points(low)} to {formats.points(high)}",
    }
    cards = (f"<div><dt>{escape(key)}</dt><dd>{value}</dd></div>" for key, value in numbers.items())
    title = _named(
        f"The same {one.pairing.images:,} {phrases.rows(one, review)}, one by one", one, review
    )
    drawn = interval(one, review.seeds.noise, low, high)
    return section(title, f'<dl class="numbers">{"".join(cards)}</dl>{drawn}', wide=True)


def _metrics(review: Review) -> str:
    rows = tables.metrics(review)
    header = ("metric", review.before.name, review.after.name, "change")
    return section("Metrics", table(header, rows, kind="stack"), wide=True) if rows else ""


def _classes(one: Compared, review: Review) -> str:
    rows = tables.classes(one)
    if not rows:
        return ""
    text = f"Counts, {phrases.no_test(one)}{tables.classes_left_out(one)}."
    body = table(tables.classes_header(one), rows, caption=text)
    return section(_named("Where it moved", one, review), body)


def _moved(one: Compared, review: Review) -> str:
    rows, images = gallery.moved(one), review.pictures(one)
    if images is None or not rows:
        return ""
    title = f"{len(rows)} {one.noun} changed sides"
    if len(rows) > MOST:
        title += f", {MOST} of them here"
    body = pictures(one, images, rows[:MOST], before=True)
    return section(_named(title, one, review), body, wide=True)


def _mistakes(one: Compared, review: Review) -> str:
    found, images = one.after, review.pictures(one)
    wrong = (found.actual != found.predicted).nonzero()[0]
    if images is None or not len(wrong):
        return ""
    if found.probability is not None:
        wrong = wrong[(-found.probability[wrong]).argsort(kind="stable")]
    kind = "worst" if found.probability is not None else "first"
    title = f"The {kind} {min(len(wrong), MOST)} of {len(wrong)} mistakes, {review.after.name}"
    body = pictures(one, images, list(map(int, wrong[:MOST])), before=False)
    return section(_named(title, one, review), body, wide=True)


def _changes(review: Review) -> list[str]:
    found = review.changes
    stages = [(name, ", ".join(why)) for name, why in found.stages.items()]
    files = [(path, "data") for path in found.data] + [(path, "code") for path in found.code]
    ran_on = provenance.of(review.after.records, review.after.md5)
    platform = [(key, formats.value(value)) for key, value in flatten(ran_on).items()]
    records = review.after.sources.records
    return [
        _values("Params", found.params),
        section("Stages that ran again", table(("stage", "because of"), stages, kind="values"))
        if stages
        else section("Stages that ran again", "<p>None.</p>"),
        section("Files that changed", table(("file", "what"), files, kind="values"))
        if files
        else section("Files that changed", "<p>Neither data nor code.</p>"),
        _values("Environment and platform", [*found.environment, *found.platform])
        if len(phrases.unknown(review)) < 2
        else "",
        section("Trained on", table(("what", "value"), platform, kind="values"))
        if platform
        else section("Trained on", f"<p>{hypertext(provenance.unknown(records))}</p>")
        if records
        else "",
    ]


def _values(title: str, found: list[Change]) -> str:
    if not found:
        return section(title, "<p>The same.</p>")
    rows = [(key, formats.value(was), formats.value(now)) for key, was, now in found]
    return section(title, table(("what", "before", "after"), rows, kind="values"))
