"""The page in a real Chromium: what is drawn on it is read, on any screen and with any pointer.

What is drawn are sixty synthetic drawings of six hands (hands.py); no person's.
"""

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import hands
import servers
import small_model
from chromium import Chromium
from mnist.arrays.dataset import Examples
from mnist.task import Task
from servers import Server

IDLE = "return !busy && !stroke"
WIDTHS = (400, 720, 1080, 1400)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("page")


@pytest.fixture(scope="module")
def digits(folder: Path) -> Iterator[Server]:
    small_model.copy(folder / "digits")
    servers.save_test_set(folder / "digits", servers.digits()[1])
    with servers.serve(folder / "digits") as server:
        yield server


@pytest.fixture(scope="module")
def browser(folder: Path) -> Iterator[Chromium]:
    with Chromium(folder) as browser:
        yield browser


def shown(browser: Chromium) -> str:
    browser.wait(IDLE)
    return str(browser.run("return answer.dataset.class || answer.textContent"))


@pytest.mark.slow
def test_sixty_drawings_of_six_hands_are_read(digits: Server, browser: Chromium) -> None:
    browser.open(digits.url, 1000)
    wrong = []
    for hand in hands.HANDS:
        for digit in hands.WAYS:
            browser.press("c")
            browser.draw(hands.draw(digit, hand), hand.pointer)
            read = shown(browser)
            if read != digit:
                wrong.append((hand.name, digit, read))
    assert len(wrong) <= 3, wrong  # 95 % of 60 are right
    strange = [line for line in browser.console() if "422" not in line]
    assert not strange  # a dot, drawn first, is no digit, and the server says so


@pytest.mark.slow
def test_it_is_drawn_on_cleared_and_undone_by_keys_and_said_to_a_screen_reader(
    digits: Server, browser: Chromium
) -> None:
    browser.open(digits.url, 1000)
    seven, one = hands.draw("7", hands.HANDS[1]), hands.draw("1", hands.HANDS[0])
    browser.draw(seven)
    assert shown(browser) == "7"
    said = "return document.getElementById('said').textContent"
    assert browser.run(said).startswith("7 (")
    assert browser.run("return document.getElementById('said').getAttribute('aria-live')")
    assert browser.run("return seen.naturalWidth") == 28
    assert browser.run("return nearest.children.length") == 6
    browser.press("u")  # without its bar it is a 7 still
    assert shown(browser) == "7"
    assert browser.run("return strokes.length") == 1
    browser.press("c")
    browser.wait("return answer.textContent === '' && seen.hidden && undo.disabled !== false")
    assert browser.run(said) == ""
    browser.draw(one)
    assert shown(browser) == "1"
    browser.press("z", held="\ue009")
    browser.wait("return !strokes.length && answer.textContent === ''")
    browser.draw([*one, [(0.1, 0.1), (0.1, 0.9)]])
    assert "expected one digit, found 2 shapes" in shown(browser)


@pytest.mark.slow
@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", WIDTHS)
def test_it_fits_any_screen_in_light_and_dark(
    digits: Server, browser: Chromium, width: int, *, dark: bool
) -> None:
    browser.open(digits.url, width, dark=dark)
    browser.draw(hands.draw("3", hands.HANDS[0]))
    assert shown(browser) == "3"
    assert browser.run("return document.documentElement.scrollWidth") == width
    ink, paper = browser.run(
        "const style = getComputedStyle(canvas);"
        "return ['--ink', '--paper'].map(name => style.getPropertyValue(name))"
    )
    assert (lightness(ink) > lightness(paper)) == dark
    small = browser.run(
        "return [...document.querySelectorAll('button, .file')]"
        ".filter(one => one.getBoundingClientRect().height < 44).length"
    )
    assert small == 0  # a finger hits them


def lightness(colour: str) -> int:
    return sum(bytes.fromhex(colour.strip("# ")))


@pytest.mark.slow
def test_with_classes_of_ones_own_a_file_is_dropped_instead(
    folder: Path, browser: Chromium
) -> None:
    task = Task((16, 20, 3), ("tulip <b>", "rose"), "crop")
    pixels = np.zeros((60, 16, 20, 3), np.uint8)
    pixels[::2, ..., 0], pixels[1::2, ..., 2] = 200, 200
    pictures = Examples(pixels, (np.arange(60) % 2).astype(np.uint16), task)
    servers.make(folder / "flowers", task, pictures, steps=100)
    file = io.BytesIO()
    Image.fromarray(np.tile(pixels[0], (5, 5, 1))).save(file, "webp")
    path = folder / "tulip.webp"
    path.write_bytes(file.getvalue())
    with servers.serve(folder / "flowers") as server:
        browser.open(server.url, 1000)
        assert browser.run(
            "return drawing.hidden && !dropping.hidden && nearest.children.length === 0"
        )
        browser.choose("#file", path)
        browser.wait("return answer.dataset.class")
        assert shown(browser) == "tulip <b>"
        assert browser.run("return [seen.naturalWidth, seen.naturalHeight]") == [20, 16]
        path.write_text("no picture")
        browser.choose("#file", path)
        browser.wait("return answer.className === 'refused'")
        assert "expected an image, PNG or JPEG" in shown(browser)
