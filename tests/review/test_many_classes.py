"""With hundreds of classes a review still reads: what matters first, captions that fit."""

from pathlib import Path

import numpy as np
import pytest

from review.page import page
from review.verdict import verdict
from review.words import gallery, grid, markdown
from small_project import IMAGES, SmallProject

NAMES = [f"Rüschenblättriger Ölbaum, die Nummer {number}" for number in range(200)]


def write(project: SmallProject, names: list[str], wrong: dict[int, int]) -> None:
    """Write predictions of an image a class; `wrong`: which are taken for which."""
    rows = [
        f'{row},"{name}","{names[wrong.get(row, row)]}",0.9\n' for row, name in enumerate(names)
    ]
    project.write("metrics/predictions.csv", "index,actual,predicted,probability\n" + "".join(rows))
    right = 1 - len(wrong) / len(names)
    said = {"accuracy": round(right, 6), "errors": len(wrong), "images": len(names)}
    project.write_json("metrics/evaluation.json", said)
    labels, pixels = np.arange(len(names)), np.zeros((len(names), 28, 28, 3), np.uint8)
    np.savez(project.root / "data/prepared/test.npz", images=pixels, labels=labels)
    project.lock()


@pytest.fixture(scope="module")
def review(tmp_path_factory: pytest.TempPathFactory) -> verdict.Review:
    """Build a change that mends forty classes and breaks one."""
    project = SmallProject(tmp_path_factory.mktemp("project"), images=200)
    project.repro(wrong=set())
    write(project, NAMES, {row: row + 1 for row in range(40)})
    project.commit()
    write(project, NAMES, {150: 3})
    return verdict.make(project.root, "main", IMAGES)


def test_the_classes_that_moved_most_are_listed_and_the_others_counted(
    review: verdict.Review,
) -> None:
    text = markdown.write(review, picture=None)
    assert "by chance; the 20 of 41 classes that moved most):" in text
    table = [line for line in text.splitlines() if line.startswith("| Rüschen")]
    assert len(table) == 20
    assert table[0] == f"| {NAMES[150]} | 1 | 0 | 1 | 1.0000 | 0.0000 |"  # those broken first


def test_captions_tell_classes_apart_and_lines_stay_short(review: verdict.Review) -> None:
    [table] = review.tables
    images = review.pictures(table)
    assert images is not None
    assert gallery.caption(150, table) == (
        "#150: Rüschenblät…er 150, Rüschenblät…er 150 → Rüschenblät…mmer 3"
    )
    assert max(map(len, gallery.text(table, images).splitlines())) <= gallery.LINE
    figure = grid.draw(table, images)
    titles = [axes.get_title() for axes in figure.axes if axes.get_title()]
    assert titles[0] == "#150\nRüschenblät…er 150:\nRüschenblät…er 150\n→ Rüschenblät…mmer 3"


def test_the_page_lists_the_commonest_mistakes_and_gives_long_names_sandbox(
    review: verdict.Review,
) -> None:
    text = page.write(review)
    assert "200 classes; the 1 commonest of 1 kinds of mistakes" in text
    assert 'class="pictures named"' in text
    assert "the 20 of 41 classes that moved most." in text


def test_labels_may_number_classes_some_of_which_are_called_by_numbers(tmp_path: Path) -> None:
    """EMNIST's classes are digits and letters; its labels are numbers up to 46."""
    names = [*"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabdefghnqrt"]
    project = SmallProject(tmp_path, images=47)
    project.repro(wrong=set())
    write(project, names, {1: 2})
    project.commit()
    write(project, names, {3: 2})
    assert verdict.make(project.root, "main", IMAGES).images is not None
