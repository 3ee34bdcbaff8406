"""A folder of pictures becomes a data set: the same bytes wherever it lies, mistakes by name."""

import os
import shutil
import subprocess
import unicodedata
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import in_process
from mnist.arrays import published
from mnist.collection import __main__ as command
from mnist.collection import divide, folder
from mnist.params.preprocess import PreprocessParams
from mnist.source import card

ROOT = Path(__file__).parents[2]
CLASSES = ("Quadrat, groß", "zebra", "über all")
KINDS = ("png", "jpg", "webp", "bmp", "gif", "tiff")


def draw(path: Path, number: int) -> None:
    """Draw a picture like no other, of a size of its own."""
    generator = np.random.Generator(np.random.PCG64(number))
    height, width = generator.integers(20, 60, 2)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(generator.integers(0, 256, (height, width, 3), np.uint8)).save(path)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Draw twelve pictures of each of three classes."""
    root = tmp_path / "some pictures"
    for number in range(36):
        label = CLASSES[number // 12]
        draw(root / label / f"Bild {number} é.{KINDS[number % 6]}", number)
    return root


def make(place: Path, root: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    place.mkdir(exist_ok=True)
    return in_process.call(command.main, *options, "--", str(root), "mine", folder=place)


def test_the_same_folder_elsewhere_gives_the_same_bytes(pictures: Path, tmp_path: Path) -> None:
    other = tmp_path / "elsewhere"
    for path in sorted(pictures.rglob("*.*"), reverse=True):  # other times, another order
        name = unicodedata.normalize("NFD", str(path.relative_to(pictures)))  # as macOS has names
        (other / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, other / name)
    (other / ".DS_Store").write_text("left there")
    for place, root in (("a", pictures), ("b", other)):
        done = make(tmp_path / place, root)
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines()[0] == "Quadrat, groß: 10 to train, 2 to test"
    for name in ("mirrors/mine/train.zip", "mirrors/mine/test.zip", "datasets/mine.yaml"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


@pytest.mark.fault(78)
@pytest.mark.parametrize(("fit", "colour"), [("pad", "rgb"), ("crop", "grey"), ("stretch", "rgb")])
def test_what_was_packed_is_read_in_the_size_and_colour_that_are_asked_for(
    pictures: Path, tmp_path: Path, fit: str, colour: str
) -> None:
    assert make(tmp_path, pictures).returncode == 0
    made = card.read("mine", tmp_path / "datasets")
    assert made.classes == CLASSES
    asked = {"size": (24, 40), "colour": colour, "fit": fit, "validation_one_in": 2, "seed": 1}
    params = PreprocessParams.model_validate(asked)
    test = published.read(tmp_path / "mirrors/mine", made, "test", params)
    assert test.images.shape == (6, 24, 40, 3 if colour == "rgb" else 1)
    assert test.labels.tolist() == [0, 0, 1, 1, 2, 2]
    assert (test.task.classes, test.task.photo) == (CLASSES, fit)


def test_a_test_set_that_is_there_is_kept(pictures: Path, tmp_path: Path) -> None:
    both = tmp_path / "both"
    shutil.copytree(pictures, both / "train")
    for label in CLASSES:
        draw(both / "test" / label / "one.png", CLASSES.index(label) + 100)
    done = make(tmp_path, both)
    assert done.stdout.splitlines()[1] == "zebra: 12 to train, 1 to test"


def test_pictures_alike_stay_on_one_side_and_are_named(pictures: Path, tmp_path: Path) -> None:
    for number in range(12):  # each twice, in another format of the same pixels
        with Image.open(next(pictures.glob(f"zebra/Bild {12 + number} *"))) as image:
            image.convert("RGB").save(pictures / "zebra" / f"again {number}.png")
    found = divide.divide(folder.read(pictures), test_one_in=4, seed=1)
    sides: dict[bytes, set[str]] = {}
    for one in found:
        sides.setdefault(one.pixels, set()).add(one.split)
    assert all(len(side) == 1 for side in sides.values())
    assert sum(one.split == "test" for one in found if one.label == "zebra") == 6
    assert (
        "12 pictures are there more than once, each on one side:" in make(tmp_path, pictures).stdout
    )


def spoil_broken(root: Path) -> None:
    (root / "zebra/broken.png").write_bytes((root / "zebra/Bild 12 é.png").read_bytes()[:300])


def spoil_none(root: Path) -> None:
    (root / "zebra/notes.txt").write_text("no picture")


def spoil_empty(root: Path) -> None:
    (root / "nothing").mkdir()


def spoil_two_labels(root: Path) -> None:
    shutil.copy(root / "zebra/Bild 12 é.png", root / "über all/copy.png")


def spoil_single(root: Path) -> None:
    for label in CLASSES[1:]:
        shutil.rmtree(root / label)


def spoil_classes(root: Path) -> None:
    for label in CLASSES:
        shutil.move(root / label, root / "train" / label)
    draw(root / "test/zebra/x.png", 500)


def spoil_both_sides(root: Path) -> None:
    for label in CLASSES:
        shutil.move(root / label, root / "train" / label)
        shutil.copytree(root / "train" / label, root / "test" / label)


def spoil_file(root: Path) -> None:
    draw(root / "lost.png", 1)


def spoil_few(root: Path) -> None:
    for path in sorted((root / "zebra").iterdir())[3:]:
        path.unlink()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (spoil_broken, "zebra/broken.png: expected an image, PNG or JPEG, found "),
        (spoil_none, "zebra/notes.txt: expected an image, PNG or JPEG, found cannot identify"),
        (spoil_empty, "nothing: expected pictures of this class, found none"),
        (spoil_two_labels, "one picture in two classes: "),
        (spoil_single, "expected two classes or more, a folder each, found 1"),
        (spoil_classes, "found only in one: Quadrat, groß, über all"),
        (spoil_both_sides, "one picture in train/ and test/: "),
        (spoil_file, "lost.png: expected a folder a class, or train/ and test/, found a file"),
        (spoil_few, "zebra: expected 6 different pictures or more, so that one in 6 is for the te"),
    ],
)
def test_a_folder_that_cannot_be_a_data_set_is_refused_by_name(
    pictures: Path, tmp_path: Path, spoil: Callable[[Path], None], message: str
) -> None:
    spoil(pictures)
    done = make(tmp_path / "place", pictures)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not list((tmp_path / "place").iterdir())


def test_what_is_dropped_is_left_out(pictures: Path, tmp_path: Path) -> None:
    spoil_broken(pictures)
    (tmp_path / "drop.txt").write_text("zebra/broken.png\n")
    assert make(tmp_path, pictures, f"--drop={tmp_path / 'drop.txt'}").returncode == 0


def refused(done: "subprocess.CompletedProcess[str]", place: Path, *messages: str) -> None:
    """Check that a command was refused in at most a few lines, and that it wrote nothing."""
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    for message in messages:
        assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) <= 6
    assert not list(place.iterdir())


def spoil_pipe(root: Path) -> None:
    os.mkfifo(root / "zebra/pipe.png")


def spoil_link(root: Path) -> None:
    (root / "zebra/gone.png").symlink_to("nowhere.png")


def spoil_loop(root: Path) -> None:
    (root / "zebra/all").symlink_to("..")


def spoil_mutual_loop(root: Path) -> None:
    (root / "zebra/other").symlink_to("../über all")
    (root / "über all/other").symlink_to("../zebra")


def spoil_newline(root: Path) -> None:
    (root / "zebra").rename(root / "ze\nbra")


def spoil_bytes(root: Path) -> None:
    (root / "zebra/Bild 12 é.png").rename(root / "zebra" / os.fsdecode(b"\xe9.png"))


def spoil_form(root: Path) -> None:
    for form in ("NFC", "NFD"):
        draw(root / unicodedata.normalize(form, "café") / f"{form}.png", 600 + len(form))


@pytest.mark.fault(143)
@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (spoil_pipe, "zebra/pipe.png: expected an image, PNG or JPEG, found a pipe or a device"),
        (spoil_link, "zebra/gone.png: expected an image, PNG or JPEG, found a broken link"),
        (spoil_loop, "zebra/all: expected pictures, found a link to a folder above it; remove"),
        (spoil_mutual_loop, "zebra/other/other: expected pictures, found a link to a folder above"),
        (spoil_newline, "ze\N{REPLACEMENT CHARACTER}bra: expected a class name of 1 to 100 print"),
        (spoil_bytes, r"zebra/?.png: expected a file name in UTF-8, found b'\xe9.png'; rename it"),
        (spoil_form, "in another Unicode form; put the pictures of both into one folder"),
    ],
)
def test_what_a_folder_of_pictures_may_hold_is_refused_without_waiting(
    pictures: Path, tmp_path: Path, spoil: Callable[[Path], None], message: str
) -> None:
    spoil(pictures)
    done = make(tmp_path / "place", pictures)
    message = message.replace("?", "\N{REPLACEMENT CHARACTER}")
    refused(done, tmp_path / "place", message)


@pytest.mark.fault(143)
@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--test-one-in=1", "--test-one-in: expected a whole number, 2 or more, found '1'"),
        ("--test-one-in=-2", "--test-one-in: expected a whole number, 2 or more, found '-2'"),
        ("--seed=-1", "--seed: expected a whole number, 0 or more, found '-1'"),
        ("--seed=a", "--seed: expected a whole number, 0 or more, found 'a'"),
        ("--drop={}/zebra/Bild 12 é.png", "é.png: expected a text file with one path per line"),
        ("--drop={}/nowhere", "nowhere: No such file or directory"),
    ],
)
def test_options_that_make_no_data_set_are_refused(
    pictures: Path, tmp_path: Path, option: str, message: str
) -> None:
    done = make(tmp_path / "place", pictures, option.format(pictures))
    refused(done, tmp_path / "place", message)


@pytest.mark.fault(143)
def test_a_path_to_drop_that_is_not_there_is_refused(pictures: Path, tmp_path: Path) -> None:
    """It may be misspelt, and then the picture would stay in."""
    drop = tmp_path / "drop.txt"
    drop.write_text("zebra/Bild 12 é.png\nzebra/typo.png\n", encoding="utf-8")
    done = make(tmp_path / "place", pictures, f"--drop={drop}")
    message = f"--drop: expected paths below {pictures}, found zebra/typo.png, which is not there"
    refused(done, tmp_path / "place", message)


@pytest.mark.fault(144)
@pytest.mark.parametrize(
    ("root", "message"),
    [
        ("", "FROM: expected a path, found nothing; for example `make dataset FROM=~/pictures "),
        ("~nobody-here/x", "FROM: expected a path, found ~nobody-here/x: no such user"),
        ("~/nowhere", "/nowhere: expected a folder of pictures, found none"),
    ],
)
def test_from_that_names_no_folder_is_refused(tmp_path: Path, root: str, message: str) -> None:
    place = tmp_path / "place"
    place.mkdir()
    done = in_process.call(command.main, "--", root, "mine", folder=place)
    refused(done, place, message)


@pytest.mark.fault(144)
def test_a_tilde_is_the_home_folder_where_the_shell_left_it(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    done = make(tmp_path / "place", Path("~") / pictures.relative_to(tmp_path))
    assert done.returncode == 0, done.stderr


@pytest.mark.fault(145)
def test_a_data_set_that_the_command_did_not_make_is_replaced_only_when_asked_for(
    pictures: Path, tmp_path: Path
) -> None:
    described = tmp_path / "datasets/mine.yaml"
    described.parent.mkdir()
    shutil.copy(ROOT / "datasets/mnist.yaml", described)
    before = described.read_bytes()
    done = make(tmp_path, pictures)
    assert done.returncode == 2
    assert "datasets/mine.yaml: expected a new NAME, found a data set that" in done.stderr
    assert "DATASET_FLAGS=--replace" in done.stderr
    assert described.read_bytes() == before
    assert not (tmp_path / "mirrors").exists()
    assert make(tmp_path, pictures, "--replace").returncode == 0
    made = described.read_bytes()
    shutil.rmtree(pictures / "zebra")
    assert make(tmp_path, pictures).returncode == 0, "its own data set is made anew"
    assert described.read_bytes() != made
    described.unlink()
    done = make(tmp_path, pictures)
    assert done.returncode == 2, "the archives may be of another branch"
    assert "mirrors/mine: expected a new NAME, found a data set that" in done.stderr


@pytest.mark.fault(146)
def test_file_names_are_printed_without_what_a_terminal_would_obey(
    pictures: Path, tmp_path: Path
) -> None:
    for name in ("a\x1b[31m.png", "b\n.png"):
        shutil.copy(pictures / "zebra/Bild 12 é.png", pictures / "zebra" / name)
    said = make(tmp_path, pictures).stdout
    assert "zebra/a\N{REPLACEMENT CHARACTER}[31m.png, " in said
    assert "zebra/b\N{REPLACEMENT CHARACTER}.png" in said
    assert "\x1b" not in said
