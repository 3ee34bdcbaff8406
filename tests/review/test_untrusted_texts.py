"""Names of files, branches and params, and what files say, are shown and never obeyed."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from dvcproject.errors import ProjectError
from review import markup
from review.page import page as pages
from review.verdict import verdict
from review.words import markdown
from small_project import IMAGES, SmallProject
from test_review import command

EVIL = "<img/src=x>`|$(touch${IFS}owned);*a*_b_@me#1[x](y)www.x"
BRANCH = EVIL.replace("[x]", "").replace("*a*", "")  # git takes these
HOSTILE = [
    "<script>alert(1)</script>",
    "[click](javascript:alert(1))",
    "![x](//x/y.png)",
    "https://elsewhere",
    "www.elsewhere",
    "@everybody",
    "closes #1",
    "*a*",
    "_a_",
    "__a",
    "~~a~~",
    "a | b",
    "&lt;",
    "$x$",
    ":tada:",
    "\\",
    "<!-- a",
]


@pytest.mark.fault(64)
@pytest.mark.parametrize("text", HOSTILE)
def test_a_text_that_markdown_would_obey_is_a_code_span(text: str) -> None:
    assert markup.plain(text) == f"`{text}`"


@pytest.mark.parametrize(
    "text", ["train.learning_rate", "data/x-1.npz", "main (1a2b3c4)", "—", "< 0.1"]
)
def test_a_harmless_text_is_as_it_was(text: str) -> None:
    assert markup.plain(text) == text


@pytest.mark.fault(64)
def test_lines_controls_and_backticks_do_not_leave_the_span() -> None:
    assert markup.plain("a\n\n# b") == "`a # b`"
    assert markup.plain("a`b`<c>") == "`a'b'<c>`"
    assert markup.plain("a\x1b[2Jb\u202ec\ud800") == "`a\ufffd[2Jb\ufffdc\ufffd`"
    assert len(markup.plain("<" * 1_000_000)) < 3000


class Tags(HTMLParser):
    """Collects the tags of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        self.found.add(tag)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> SmallProject:
    """Build a project that says EVIL wherever one can: a branch, params, environment, versions."""
    project = SmallProject(tmp_path_factory.mktemp("evil"))
    project.repro(wrong={1})
    project.commit()
    project.git("branch", BRANCH)
    project.write("src/train.py", "train = 3\n")  # its lock is stale there: a doubt
    project.commit()
    project.git("branch", "-f", BRANCH)
    project.params["train"][EVIL] = EVIL
    project.write("requirements.lock", f"numpy=={EVIL.replace(';', '')} \\\n    --hash=sha256:00\n")
    project.write_json("metrics/environment.json", {EVIL: EVIL, "python": [EVIL]})
    project.write_json("metrics/train.json", {"validation_accuracy": 0.9, "validation_images": 9})
    project.repro(wrong={1, 2})
    return project


@pytest.mark.fault(64)
def test_markdown_holds_every_text_of_others_in_code(project: SmallProject) -> None:
    text = markdown.write(verdict.make(project.root, BRANCH, IMAGES), picture=Path(f"{EVIL}.png"))
    outside = re.sub(r"`[^`\n]*`", "", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    assert text.count("touch") >= 8
    for sign in ("touch", "<img", "@me", "#1[", "*a*"):
        assert sign not in outside
    assert text.startswith("# Review of workspace against `<img/src=x>'|$(touch")
    for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        columns = {len(re.findall(r"(?<!\\)\|", row)) for row in table.splitlines()}
        assert len(columns) == 1, table


@pytest.mark.fault(64)
def test_the_page_holds_no_tag_of_others(project: SmallProject) -> None:
    page = pages.write(verdict.make(project.root, BRANCH, IMAGES))
    assert "&lt;img/src=x&gt;" in page
    assert "<img/src=x>" not in page
    assert Tags(page).found <= {
        *(
            "html",
            "head",
            "meta",
            "title",
            "link",
            "style",
            "body",
            "header",
            "div",
            "p",
            "h1",
            "h2",
        ),
        *("code", "main", "section", "dl", "dt", "dd", "svg", "line", "circle", "text", "table"),
        *("thead", "tr", "th", "tbody", "td", "span", "polyline", "ul", "li", "caption", "figure"),
        *("img", "figcaption", "b", "br"),
    }
    sources = set(re.findall(r'<img [^>]*src="(.{11})', page))
    assert sources == {"data:image/"}


@pytest.mark.fault(56)
def test_a_branch_with_a_command_in_its_name_runs_nothing(project: SmallProject) -> None:
    done = command(project, "--base", BRANCH)
    assert (done.returncode, done.stderr) == (0, "")
    assert not list(project.root.glob("owned*"))


@pytest.mark.fault(63)
def test_an_accuracy_that_contradicts_the_predictions_is_noticed(tmp_path: Path) -> None:
    project = SmallProject(tmp_path)
    project.repro(wrong={1})
    project.commit()
    claims = {"accuracy": 0.999, "errors": 1, "images": 100, "log_loss": 0.01}
    claims["accuracy_of_class"] = {"0": 1.0, "1": 0.95}  # type: ignore[assignment]
    project.write_json("metrics/evaluation.json", claims)
    project.lock()
    message = (
        r"metrics/evaluation\.json: accuracy: 0\.999, 0\.99 in metrics/predictions\.csv; "
        r"metrics/evaluation\.json: accuracy_of_class\.1: 0\.95, 0\.9 in metrics/predictions\.csv"
    )
    with pytest.raises(ProjectError, match=message):
        verdict.make(tmp_path, "main", IMAGES)
    project.commit()
    project.repro(wrong={1})
    text = markdown.write(verdict.make(tmp_path, "main", IMAGES), picture=None)
    assert "Doubtful: the dvc.lock of main (" in text
    assert "metrics/evaluation.json: accuracy: 0.999, 0.99 in metrics/predictions.csv" in text


@pytest.mark.fault(63)
def test_images_with_other_labels_than_the_predictions_are_noticed(tmp_path: Path) -> None:
    project = SmallProject(tmp_path)
    project.repro(wrong={1})
    project.commit()
    rows = (tmp_path / "metrics/predictions.csv").read_text().replace("\n0,0,0,", "\n0,1,1,")
    project.write("metrics/predictions.csv", rows)
    project.lock()
    with pytest.raises(
        ProjectError, match=r"expected the labels of data/prepared/test\.npz, found others"
    ):
        verdict.make(tmp_path, "main", IMAGES)
