"""One self-contained page: the review, curves, confusion, mistakes. It opens without a network.

`python -m review.report --base main --output report.html`
"""

import argparse
from html import escape
from pathlib import Path
from string import Template

from review import command, drawing, gallery, phrases, provenance, verdict
from review.changes import Change
from review.command import run
from review.comparison import newcombe
from review.layout import pictures, section, table
from review.pipeline import flatten
from review.quoting import hypertext, spans
from review.verdict import BETTER, WORSE, Review

TEMPLATE = Path(__file__).with_name("report.html")
MOST = 24  # pictures in a section


def write(review: Review) -> str:
    """Write the page; every text from the revisions is escaped."""
    outcome = {BETTER: "better", WORSE: "worse"}.get(review.outcome, "same")
    return Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
        title=hypertext(f"Review: {phrases.verdict(review)}".replace("`", "")),
        outcome=outcome,
        names=hypertext(f"{review.after.name} against {review.before.name}"),
        verdict=spans(phrases.verdict(review)),
        cautions="".join(f"<p>{spans(text)}</p>" for text in phrases.cautions(review)),
        sections="\n".join(filter(None, _sections(review))),
    )


def _sections(review: Review) -> list[str]:
    return [
        _paired(review),
        _metrics(review),
        section("Learning curves", drawing.curves(review)),
        section("Confusion matrix", drawing.confusion(review)),
        _moved(review),
        _mistakes(review),
        _classes(review),
        *_changes(review),
    ]


def _paired(review: Review) -> str:
    if review.pairing is None:
        return ""
    low, high = newcombe(review.pairing, review.confidence)
    confidence = phrases.percent(review.confidence)
    numbers = {
        "won": len(review.pairing.fixed),
        "lost": len(review.pairing.broken),
        "exact McNemar p": phrases.p_value(review.p).removeprefix("= "),
        "difference, points": phrases.points(review.pairing.difference),
        f"its {confidence} interval": f"{phrases.points(low)} to {phrases.points(high)}",
    }
    cards = (f"<div><dt>{escape(key)}</dt><dd>{value}</dd></div>" for key, value in numbers.items())
    title = f"The same {review.pairing.images:,} test images, one by one"
    body = f'<dl class="numbers">{"".join(cards)}</dl>{drawing.interval(review, low, high)}'
    return section(title, body, wide=True)


def _metrics(review: Review) -> str:
    header = ("metric", review.before.name, review.after.name, "change")
    return section("Metrics", table(header, phrases.metrics(review), kind="stack"), wide=True)


def _classes(review: Review) -> str:
    rows = phrases.classes(review)
    if not rows:
        return ""
    text = "Counts, no test: ten tests would find something by chance."
    return section("Where it moved", table(phrases.CLASSES_HEADER, rows, caption=text))


def _moved(review: Review) -> str:
    indices = gallery.moved(review)
    if review.images is None or not indices:
        return ""
    title = f"{len(indices)} images changed sides"
    if len(indices) > MOST:
        title += f", {MOST} of them here"
    return section(title, pictures(review, indices[:MOST], before=True), wide=True)


def _mistakes(review: Review) -> str:
    actual, predicted, probability = review.after.predictions
    wrong = [int(i) for i in (-probability).argsort(kind="stable") if actual[i] != predicted[i]]
    if review.images is None or not wrong:
        return ""
    title = f"The worst {min(len(wrong), MOST)} of {len(wrong)} mistakes, {review.after.name}"
    return section(title, pictures(review, wrong[:MOST], before=False), wide=True)


def _changes(review: Review) -> list[str]:
    found = review.changes
    stages = [(name, ", ".join(why)) for name, why in found.stages.items()]
    files = [(path, "data") for path in found.data] + [(path, "code") for path in found.code]
    ran_on = provenance.platform(review.after.environment, review.after.md5)
    platform = [(key, phrases.value(value)) for key, value in flatten(ran_on).items()]
    return [
        _values("Params", found.params),
        section("Stages that ran again", table(("stage", "because of"), stages, kind="values"))
        if stages
        else section("Stages that ran again", "<p>None.</p>"),
        section("Files that changed", table(("file", "what"), files, kind="values"))
        if files
        else section("Files that changed", "<p>Neither data nor code.</p>"),
        _values("Environment and platform", [*found.environment, *found.platform]),
        section("Trained on", table(("what", "value"), platform, kind="values"))
        if platform
        else section("Trained on", f"<p>{provenance.UNKNOWN}</p>"),
    ]


def _values(title: str, found: list[Change]) -> str:
    if not found:
        return section(title, "<p>The same.</p>")
    rows = [(key, phrases.value(was), phrases.value(now)) for key, was, now in found]
    return section(title, table(("what", "before", "after"), rows, kind="values"))


def main() -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(prog="python -m review.report", description=__doc__)
    parser.add_argument("--base", required=True, help="a git revision to compare with")
    parser.add_argument("--tip", action="store_true", help="compare with the tip of the base")
    parser.add_argument("--output", type=Path, required=True, help="a file for the page")
    options = parser.parse_args()
    text = write(verdict.make(Path.cwd(), options.base, tip=options.tip))
    command.write(text, options.output)
    print(f"{options.output}: {len(text) / 1000:.0f} kB, self-contained")


if __name__ == "__main__":
    run(main)
