"""dvc.yaml is read strictly: what the launcher does not understand it refuses by name."""

import random
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml

from sealed import stage
from sealed.errors import StageError
from sealed.rooms import inputs
from spoiling import spoilt

GOOD = {"cmd": "stages/run a", "deps": ["stages/a.py"]}


def read(root: Path, entry: Any) -> stage.Stage:
    (root / "dvc.yaml").write_text(
        yaml.safe_dump({"stages": {"a": entry}}, sort_keys=False), encoding="utf-8"
    )
    return stage.read("a", root)


def test_everything_that_a_stage_declares_is_read(tmp_path: Path) -> None:
    entry = GOOD | {
        "params": ["x.y"],
        "outs": ["o", {"p": {"cache": False}}],
        "metrics": [{"m.json": {"cache": False}}],
        "plots": [{"c.csv": {"x": "step"}}],
        "meta": {"network": True, "environment": ["MIRROR"], "records": ["r.json"]},
        "desc": "a stage",
    }
    found = read(tmp_path, entry)
    assert found.params == ("x.y",)
    assert found.written == ("o", "p", "m.json", "c.csv", "r.json")
    assert found.network
    assert {"MIRROR", "HTTPS_PROXY", "no_proxy"} <= set(found.environment)
    assert not read(tmp_path, GOOD).environment


@pytest.mark.fault(53)
@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"foreach": [1], "do": GOOD}, "dvc.yaml: a: `foreach` is not supported"),
        (GOOD | {"matrix": {"x": [1]}}, "dvc.yaml: a: `matrix` is not supported"),
        (GOOD | {"wdir": "sub"}, "dvc.yaml: a: `wdir` is not supported"),
        (GOOD | {"vars": [{"x": 1}]}, "dvc.yaml: a: `vars` is not supported"),
        (GOOD | {"deps": ["${file}"]}, r"dvc.yaml: a: the template '\$\{file\}' is not supported"),
        (GOOD | {"params": [{"other.yaml": ["x"]}]}, "a.params: other.yaml: only plain names"),
        (GOOD | {"params": [{"params.yaml": None}]}, "a.params: params.yaml: only plain names"),
        (GOOD | {"deps": ["../x"]}, r"a.deps: expected a path inside the project, found '../x'"),
        (GOOD | {"deps": ["/etc/x"]}, "a.deps: expected a path inside the project, found '/etc/x'"),
        (GOOD | {"outs": ["s3://b/x"]}, "a.outs: expected a path inside the project, found 's3:"),
        (GOOD | {"outs": [{"x": {"persist": True}}]}, "a: x: `persist` is not supported"),
        (GOOD | {"meta": {"netwrok": True}}, "a.meta: expected network, .* found netwrok"),
        ({"cmd": "x", "deps": ["in"]}, "stages/a.py is not declared; add it to the deps of a in"),
        ("x", "dvc.yaml: a: expected a stage, found 'x'"),
        (None, "dvc.yaml: a: expected a stage, found None"),
        (GOOD | {"cmd": ["stages/run a", "cp x y"]}, r"a.cmd: expected one command, found \['stag"),
        (
            GOOD | {"cmd": "stages/run a\ncp x y"},
            "a.cmd: expected one command, found 'stages/run a",
        ),
        (GOOD | {"cmd": None}, "dvc.yaml: a.cmd: expected one command, found None"),
        (GOOD | {"deps": {"in": 1}}, "dvc.yaml: a.deps: expected a list, found {'in': 1}"),
        (GOOD | {"params": "x"}, "dvc.yaml: a.params: expected a list, found 'x'"),
        (GOOD | {"outs": [{"x": 1}]}, "dvc.yaml: a.outs: x: expected options, found 1"),
        (GOOD | {"outs": [None]}, "dvc.yaml: a.outs: expected a text, found None"),
        (GOOD | {"outs": ["x\0y"]}, "a.outs: expected a path inside the project, found 'x.x00y'"),
        (GOOD | {"meta": [1]}, r"a.meta: expected network, .* found \[1\]"),
    ],
)
def test_what_is_not_understood_is_refused_by_name(
    tmp_path: Path, entry: Any, message: str
) -> None:
    with pytest.raises(StageError, match=message):
        read(tmp_path, entry)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "stages: [1",
        "stages: 3",
        "stages:",
        "!!python/name:os.system x",
        "stages: {a: {deps:",
        "stages: {a: {}}\nstages: {b: {}}",
        "[" * 2000,
        "x" * 5_000_000,
    ],
    ids=range(9),
)
def test_another_file_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "dvc.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(StageError, match=r"dvc\.yaml: expected a mapping `stages`, found"):
        stage.read("a", tmp_path)


def test_an_unknown_stage_is_answered_with_those_there_are(tmp_path: Path) -> None:
    read(tmp_path, GOOD)
    with pytest.raises(StageError, match=r"dvc\.yaml: expected one of the stages a, found 'b'"):
        stage.read("b", tmp_path)


@pytest.mark.fault(62)
def test_what_was_cut_off_ends_in_a_line(tmp_path: Path) -> None:
    """Every beginning of a dvc.yaml is read whole or refused."""
    whole = yaml.safe_dump({"stages": {"a": GOOD | {"outs": ["o"], "params": ["x"]}}})
    for length in range(len(whole)):
        (tmp_path / "dvc.yaml").write_text(whole[:length], encoding="utf-8")
        with suppress(StageError):  # anything else would be a traceback
            assert stage.read("a", tmp_path).outs in {(), ("o",)}


@pytest.mark.fault(62)
@pytest.mark.parametrize("name", ["dvc.yaml", "params.yaml"])
def test_no_mutation_ends_in_a_traceback(tmp_path: Path, name: str) -> None:
    entry = GOOD | {"params": ["x", "y.z"], "outs": ["o", {"p": {"cache": False}}]}
    read(tmp_path, entry | {"meta": {"network": True, "records": ["r"]}})
    (tmp_path / "params.yaml").write_text("x: [1, 0.5]\ny:\n  z: {a: text}\n")
    rng, whole = random.Random(1), (tmp_path / name).read_bytes()
    for _ in range(600):
        (tmp_path / name).write_bytes(spoilt(whole, rng))
        with suppress(StageError):  # what main turns into a line
            found = stage.read("a", tmp_path)
            inputs.written(inputs.declared_params(inputs.load_params(tmp_path), found))


def test_every_out_of_an_entry_that_names_several_is_read(tmp_path: Path) -> None:
    entry = GOOD | {"outs": [{"x": {"cache": False}, "y/./z/": None}]}
    assert read(tmp_path, entry).outs == ("x", "y/z")
