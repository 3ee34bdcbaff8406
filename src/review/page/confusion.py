"""How often each class was taken for which: a table, or the commonest mistakes."""

import numpy as np

from review.markup import as_text, hypertext
from review.page.layout import table
from review.record.predictions import Predictions

MOST_CLASSES = 30  # of a whole matrix
MOST = 25  # of the commonest mistakes
NAME = 24  # characters of a class at the head of a column


def confusion(found: Predictions, name: str) -> str:
    """Write what a model read; mistakes coloured. With many classes, what it mistook most."""
    many = len(found.classes)
    pairs = found.actual * many + found.predicted
    if many > MOST_CLASSES:
        codes, counts = np.unique(pairs, return_counts=True)
        return _commonest(found, codes, counts)
    matrix = np.bincount(pairs, minlength=many * many).reshape(many, many)
    top = max(int(np.where(np.eye(many, dtype=bool), 0, matrix).max()), 1)
    names = [hypertext(as_text(text, NAME)) for text in found.classes]
    head = "".join(f'<th scope="col">{text}</th>' for text in names)
    rows = []
    for label, text in enumerate(names):
        cells = [_cell(int(matrix[label, read]), label == read, top) for read in range(many)]
        rows.append(f'<tr><th scope="row">{text}</th>{"".join(cells)}</tr>')
    long = max(map(len, found.classes)) > 3
    return (
        f'<div class="scroll"><table class="confusion{" named" if long else ""}">'
        f"<caption>Rows: the class; columns: what {hypertext(name)} read</caption>"
        f'<thead><tr><th scope="col">as</th>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _cell(count: int, right: bool, top: int) -> str:
    if right:
        return f'<td class="right">{count}</td>'
    if not count:
        return '<td class="none">0</td>'
    return f'<td style="background: rgb(251 146 60 / {0.25 + 0.6 * count / top:.2f})">{count}</td>'


def _commonest(
    found: Predictions, codes: np.ndarray[tuple[int], np.dtype[np.int64]], counts: object
) -> str:
    many, times = len(found.classes), np.asarray(counts)
    rows = np.bincount(found.actual, minlength=many)
    wrong = codes // many != codes % many
    order = np.argsort(-times[wrong], kind="stable")[:MOST]
    mistakes = zip(codes[wrong][order], times[wrong][order], strict=True)
    lines = [
        (
            found.classes[code // many],
            found.classes[code % many],
            f"{n:,}",
            f"{n / rows[code // many]:.1%}",
        )
        for code, n in mistakes
    ]
    total = int((codes // many != codes % many).sum())
    title = f"{many:,} classes; the {len(lines)} commonest of {total:,} kinds of mistakes"
    return table(("class", "read as", "times", "of its rows"), lines, kind="values", caption=title)
