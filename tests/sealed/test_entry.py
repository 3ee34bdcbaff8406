"""A dvc.yaml gets more deps and params; whatever else is in it stays."""

import textwrap

import pytest
import yaml

from dvcproject import document
from sealed.errors import StageError
from sealed.findings import entry


def text(lines: str) -> str:
    return textwrap.dedent(lines).lstrip("\n")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            """
            # top
            stages:
              one: # why
                cmd: run
                deps:
                  - "a" # it
                  # last
                outs: [o]
            """,
            """
            # top
            stages:
              one: # why
                cmd: run
                deps:
                  - "a" # it
                  - new
                  # last
                outs: [o]
            """,
        ),
        (
            """
            stages:
                one:
                    cmd: >
                        run
                        this
                    outs:
                    - o

                # two
                two: {cmd: other}
            """,
            """
            stages:
                one:
                    cmd: >
                        run
                        this
                    deps:
                    - new
                    outs:
                    - o

                # two
                two: {cmd: other}
            """,
        ),
        (
            """
            stages:
              one:
                cmd: run

              # two
              two:
                cmd: other
            """,
            """
            stages:
              one:
                cmd: run
                deps:
                - new

              # two
              two:
                cmd: other
            """,
        ),
        ("stages: {one: {cmd: run}} # c\n", None),
        ("stages:\n  one:\n    cmd: run\n    deps: [a, b] # c\n", None),
        ("stages:\n  one:\n    cmd: run", "stages:\n  one:\n    cmd: run\n    deps:\n    - new\n"),
    ],
)
def test_a_dep_is_added(before: str, after: str | None) -> None:
    found = entry.extended(text(before), "one", ["new"])
    if after is not None:
        assert found == text(after)
    wanted = document.parse(text(before).encode())
    wanted["stages"]["one"].setdefault("deps", []).append("new")
    assert document.parse(found.encode()) == wanted
    assert found.count("#") == text(before).count("#")
    assert entry.extended(found, "one", ["new"]) == found


def test_params_are_added_to_their_file() -> None:
    before = "stages:\n  one:\n    cmd: run\n    params:\n    - a\n    - p.json:\n      - b\n"
    found = entry.extended(before, "one", params={"params.yaml": ["c"], "p.json": ["d"]})
    assert document.parse(found.encode())["stages"]["one"]["params"] == [
        "a",
        {"p.json": ["b", "d"]},
        "c",
    ]


@pytest.mark.parametrize("path", ["a: b", "- x", "#x", "'q", "*.csv", "ä ö.csv", "yes", "1e5"])
def test_a_path_that_yaml_would_read_otherwise_is_quoted(path: str) -> None:
    found = entry.extended("stages:\n  one:\n    cmd: run\n    deps:\n    - a\n", "one", [path])
    assert document.parse(found.encode())["stages"]["one"]["deps"] == ["a", path]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("each@1", "one of several stages of a template"),
        ("each", "written by a template"),
        ("none", "not to be found"),
        ("odd", "are no lists"),
    ],
)
def test_what_cannot_be_edited_in_place_is_refused(name: str, reason: str) -> None:
    before = "stages:\n  each: {foreach: [1], do: {cmd: run}}\n  odd: {cmd: run, deps: a}\n"
    with pytest.raises(StageError, match=reason):
        entry.extended(before, name, ["new"])


SHARED = """\
stages:
  x:
    cmd: x
    deps: &deps
    - a.py
  y:
    cmd: y
    deps: *deps
"""


@pytest.mark.fault(133)
@pytest.mark.parametrize(("name", "other"), [("x", "y"), ("y", "x")])
def test_a_list_that_an_anchor_shares_is_the_others_no_more(name: str, other: str) -> None:
    stages = yaml.safe_load(entry.extended(SHARED, name, ["b.py"]))["stages"]
    assert (stages[name]["deps"], stages[other]["deps"]) == (["a.py", "b.py"], ["a.py"])


@pytest.mark.fault(133)
def test_params_of_a_file_that_an_anchor_shares_are_the_others_no_more() -> None:
    text = "stages:\n  x: {cmd: x, params: &p [{o.yaml: [a]}]}\n  y: {cmd: y, params: *p}\n"
    stages = yaml.safe_load(entry.extended(text, "x", params={"o.yaml": ["b"]}))["stages"]
    assert stages["x"]["params"] == [{"o.yaml": ["a", "b"]}]
    assert stages["y"]["params"] == [{"o.yaml": ["a"]}]


@pytest.mark.fault(133)
def test_an_entry_that_another_one_merges_is_refused_and_the_merging_one_is_not() -> None:
    text = "stages:\n  x: &x\n    cmd: x\n    deps: [a.py]\n  y:\n    <<: *x\n    cmd: y\n"
    with pytest.raises(StageError, match="x: shares its deps with another stage through a YAML"):
        entry.extended(text, "x", ["b.py"])
    stages = yaml.safe_load(entry.extended(text, "y", ["b.py"]))["stages"]
    assert (stages["x"]["deps"], stages["y"]["deps"]) == (["a.py"], ["a.py", "b.py"])
