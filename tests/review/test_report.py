"""The page in a real Chromium: readable, accessible, self-contained."""

import os
import re
import shutil
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

from browser import Browser
from review.page import page as pages
from review.verdict import verdict
from small_project import IMAGES, SmallProject

WIDTHS = (400, 1400)
CONTRAST = """
const luminance = (rgb) => {
  const [r, g, b] = rgb.map((v) => v / 255)
    .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const parse = (text) => text.match(/[\\d.]+/g).map(Number);
const over = (top, under) => {
  const alpha = top.length > 3 ? top[3] : 1;
  return under.map((v, i) => alpha * top[i] + (1 - alpha) * v);
};
const background = (element) => {
  if (!element) return [255, 255, 255];
  return over(parse(getComputedStyle(element).backgroundColor), background(element.parentElement));
};
const found = [];
for (const element of document.body.querySelectorAll('*')) {
  const own = [...element.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
  if (!own) continue;
  const style = getComputedStyle(element);
  const text = parse(element.closest('svg') ? style.fill : style.color);
  const [high, low] = [luminance(text), luminance(background(element))].sort((a, b) => b - a);
  found.push([(high + 0.05) / (low + 0.05), element.textContent.trim().slice(0, 40)]);
}
return found;
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> SmallProject:
    """Build a project whose workspace won 8 images and lost 40, and whose spread is on record."""
    project = SmallProject(tmp_path_factory.mktemp("project"))
    project.repro(wrong=set(range(10)))
    project.commit()
    project.params["train"]["note"] = "<script>alert(1)</script> & a | b"
    project.write("src/train.py", "train = 2\n")
    project.repro(wrong=set(range(8, 50)))
    belongs = {"param": "train.seed", "params_digest": project.digest(), "sd": 0.01, "n": 5}
    project.write_json("metrics/spread.json", belongs)
    return project


@pytest.fixture(scope="module")
def page(project: SmallProject) -> str:
    return pages.write(verdict.make(project.root, "main", IMAGES))


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    if not shutil.which("chromium") or not shutil.which("chromedriver"):
        if os.environ.get("CI") == "true":
            pytest.fail("chromium and chromium-driver are missing: CI needs both")
        pytest.skip("chromium or chromium-driver is not installed")
    with Browser(tmp_path_factory.mktemp("browser")) as opened:
        yield opened


@pytest.fixture
def opened(browser: Browser, page: str, tmp_path: Path) -> tuple[Browser, str]:
    (tmp_path / "report.html").write_text(page, encoding="utf-8")
    return browser, (tmp_path / "report.html").as_uri()


def test_the_page_says_what_the_review_says(page: str) -> None:
    for text in (
        "<h1>Worse: of 100 test images 8 won, 40 lost (exact McNemar p &lt; 0.0001).</h1>",
        '<header class="worse">',
        "0.9000 (0.8256 to 0.9448)",
        "By seed alone, two trainings of one recipe differ by up to 3.93 points",
        "this change lies beyond that",
        ">src/train.py<",
        "48 images changed sides, 24 of them here",
        "AMD EPYC",
    ):
        assert text in page, text


def test_text_from_a_revision_is_escaped(page: str) -> None:
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; a | b" in page
    assert "<script" not in page


def test_the_page_names_no_other_address(page: str) -> None:
    assert not re.findall(r"https?:|url\(|@import|//cdn", page)
    sources = re.findall(r'(?:src|href)="([^"]{0,20})', page)
    assert sources
    assert all(source.startswith("data:") for source in sources)


def test_without_data_or_a_pairing_the_page_says_what_it_can(tmp_path: Path) -> None:
    project = SmallProject(tmp_path)
    project.repro(wrong={1})
    project.commit()
    project.params["preprocess"]["seed"] = 2
    project.repro(wrong={2})
    project.without_data()
    page = pages.write(verdict.make(tmp_path, "main", IMAGES))
    assert "Not comparable image by image: the test set is not the same" in page
    assert "<img" not in page
    assert "McNemar" not in page


class Structure(HTMLParser):
    """Collects what a reader who cannot see needs."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def test_pictures_have_texts_and_tables_headers(page: str) -> None:
    tags = Structure(page).tags
    pictures = [attributes for tag, attributes in tags if tag == "img"]
    assert len(pictures) == 48
    assert all((attributes["alt"] or "").startswith("A picture of ") for attributes in pictures)
    drawings = [attributes for tag, attributes in tags if tag == "svg"]
    assert [bool(attributes["aria-label"]) for attributes in drawings] == [True, True]
    scopes = {attributes.get("scope") for tag, attributes in tags if tag == "th"}
    assert scopes == {"col", "row"}
    assert ("html", {"lang": "en"}) in tags
    headings = [tag for tag, _ in tags if tag in {"h1", "h2", "h3"}]
    assert headings == ["h1", *["h2"] * (len(headings) - 1)]


@pytest.mark.slow
@pytest.mark.parametrize("width", WIDTHS)
def test_it_renders_without_overflow_error_or_request(
    opened: tuple[Browser, str], width: int
) -> None:
    browser, address = opened
    browser.requested()
    browser.open(address, width)
    assert browser.run("return window.innerWidth") == width
    assert browser.run("return document.documentElement.scrollWidth") <= width
    outside = """
    return [...document.querySelectorAll('section *')].filter((e) => {
      const [box, frame] = [e, e.closest('svg') ?? e.closest('section')]
        .map((one) => one.getBoundingClientRect());
      return box.left < frame.left - 1 || box.right > frame.right + 1;
    }).map((e) => e.outerHTML)"""
    assert browser.run(outside) == []
    assert browser.run("return [...document.images].every((i) => i.naturalWidth === 28)")
    assert browser.console() == []
    asked = browser.requested()  # chrome: is the new tab's own page, out of the browser itself
    assert {url for url in asked if not url.startswith(("data:", "chrome:"))} == {address}


@pytest.mark.slow
@pytest.mark.parametrize("width", WIDTHS)
def test_the_contrast_of_every_text_is_that_of_wcag_aa(
    opened: tuple[Browser, str], width: int
) -> None:
    """At least 4.5 to 1: https://www.w3.org/TR/WCAG22/#contrast-minimum."""
    browser, address = opened
    browser.open(address, width)
    found = browser.run(CONTRAST)
    assert len(found) > 100
    assert [text for text in found if text[0] < 4.5] == []


@pytest.mark.slow
@pytest.mark.parametrize("width", WIDTHS)
def test_no_text_is_smaller_than_11_pixels(opened: tuple[Browser, str], width: int) -> None:
    browser, address = opened
    browser.open(address, width)
    script = """
    return [...document.querySelectorAll('main *')].filter((e) => e.childNodes.length &&
      e.firstChild.nodeType === 3).map((e) => {
        const svg = e.closest('svg');
        const scale = svg ? svg.getBoundingClientRect().width / svg.viewBox.baseVal.width : 1;
        return [scale * parseFloat(getComputedStyle(e).fontSize), e.textContent]; })"""
    assert [text for text in browser.run(script) if text[0] < 11] == []
