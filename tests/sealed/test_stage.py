"""What a stage declares is what DVC says; what cannot be sealed is refused by name."""

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml

import samples
from dvcproject import address
from dvcproject import params as parameters
from dvcproject.address import Address
from dvcproject.errors import ProjectError
from sealed import stage
from spoiling import spoilt

GOOD = {"cmd": "stages/run a", "deps": ["stages/a.py"]}
PLAIN = {"cmd": "x"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / ".dvc").mkdir()
    (tmp_path / "sub").mkdir()
    return tmp_path


def write(root: Path, entry: Any, file: str = "dvc.yaml", **more: Any) -> None:
    document = {"stages": {"a": entry}} | more
    (root / file).write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")


def read(root: Path, entry: Any, name: str = "a", **more: Any) -> stage.Stage:
    write(root, entry, **more)
    return stage.read(address.of_name(name, root))


def test_everything_that_a_stage_declares_is_read(root: Path) -> None:
    needs = {"network": True, "environment": ["MIRROR"], "records": ["r.json"], "memory": "8g"}
    entry = GOOD | {
        "params": ["x.y", {"other.toml": ["z"]}, {"whole.json": None}],
        "outs": ["o", {"p": {"cache": False, "persist": True}}],
        "metrics": [{"m.json": {"cache": False}}],
        "plots": [{"c.csv": {"x": "step"}}],
        "meta": {"sealed": needs, "of another tool": 1},
        "desc": "a stage",
        "frozen": False,
    }
    found = read(root, entry)
    assert found.script == "stages/a.py"
    assert found.params == {"params.yaml": ("x.y",), "other.toml": ("z",), "whole.json": ()}
    assert found.written == ("o", "p", "m.json", "c.csv", "r.json")
    assert (found.cached, found.persistent) == (("o", "c.csv"), ("p",))
    assert found.network
    assert found.settings.memory == "8g"
    assert {"MIRROR", "HTTPS_PROXY", "no_proxy"} <= set(found.environment)
    assert not read(root, GOOD).environment


def test_what_dvc_resolves_is_resolved(root: Path) -> None:
    (root / "params.yaml").write_text("models: {big: {size: 2}, small: {size: 1}}\nfolder: made\n")
    do = {
        "cmd": ["train ${key} ${item.size}", "tell"],
        "wdir": "sub",
        "deps": ["../in", "near"],
        "params": ["models.${key}"],
        "outs": ["../${folder}/${key}", "here"],
    }
    entry = {"foreach": "${models}", "do": do}
    found = read(root, entry, "a@big")
    assert found.commands == ("train big 2", "tell")
    assert (found.address, found.slug, found.wdir) == ("a@big", "a@big", "sub")
    assert found.deps == ("in", "sub/near")
    assert found.params == {"sub/params.yaml": ("models.big",)}
    assert found.outs == ("made/big", "sub/here")
    matrix = {"matrix": {"n": [1, 2], "k": ["x"]}, "cmd": "run ${item.n} ${item.k} ${extra}"}
    assert read(root, matrix, "a@2-x", vars=[{"extra": 7}]).commands == ("run 2 x 7",)


def test_a_command_of_several_lines_is_several(root: Path) -> None:
    assert read(root, {"cmd": "one\ntwo | three\n"}).commands == ("one", "two | three")


def test_another_dvc_yaml_has_its_own_places(root: Path) -> None:
    write(root, {"cmd": "x", "deps": ["in", "../up"], "outs": ["out"]}, "sub/dvc.yaml")
    found = stage.read(Address(root, "sub/dvc.yaml", "a", "sub"))
    assert (found.address, found.slug) == ("sub/dvc.yaml:a", "sub-dvc.yaml-a")
    assert (found.deps, found.outs) == (("sub/in", "up"), ("sub/out",))


def test_what_lies_elsewhere_is_told_apart(root: Path) -> None:
    found = read(root, {"cmd": "x", "deps": ["/etc/x", "../y", "https://host/z", "in"]})
    assert found.deps == ("in",)
    assert found.outside == ("/etc/x", "../y")
    assert found.remote == ("https://host/z",)
    assert found.network  # it declares what lies there


@pytest.mark.fault(53)
@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (PLAIN | {"outs": ["../x"]}, "dvc.yaml: a: ../x: an out outside the project cannot be"),
        (PLAIN | {"outs": ["/etc/x"]}, "dvc.yaml: a: /etc/x: an out outside the project cannot be"),
        (PLAIN | {"outs": ["x\0y"]}, "dvc.yaml: a: expected a path of printable characters, found"),
        (PLAIN | {"meta": {"sealed": {"netwrok": True}}}, "a.meta.sealed: .* found netwrok"),
        (PLAIN | {"meta": {"sealed": [1]}}, r"a.meta.sealed: expected network, .* found \[1\]"),
        (PLAIN | {"meta": {"sealed": {"network": 1}}}, "sealed.network: expected true or false"),
        (PLAIN | {"meta": {"sealed": {"memory": 8}}}, "sealed.memory: expected a text, found 8"),
        (PLAIN | {"meta": {"sealed": {"records": "x"}}}, "sealed.records: expected a list of te"),
        (PLAIN | {"meta": {"sealed": {"records": ["../x"]}}}, "expected a path inside the project"),
        (GOOD | {"deps": ["in"]}, "stages/a.py is not declared; add it to the deps of a in dvc"),
        (PLAIN | {"deps": ["${file}"]}, "dvc.yaml: failed to parse 'stages.a.deps"),
        (PLAIN | {"outs": ["s3://b/x"]}, "dvc.yaml: s3 is supported, but requires 'dvc-s3'"),
        ("x", "dvc.yaml: validation failed; `dvc stage list` says where"),
        (None, "dvc.yaml: validation failed"),
        (PLAIN | {"cmd": None}, "dvc.yaml: validation failed"),
        (PLAIN | {"deps": {"in": 1}}, "dvc.yaml: validation failed"),
        (PLAIN | {"outs": [{"x": 1}]}, "dvc.yaml: validation failed"),
    ],
)
def test_what_cannot_be_sealed_is_refused_by_name(root: Path, entry: Any, message: str) -> None:
    with pytest.raises(ProjectError, match=message):
        read(root, entry)


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
def test_another_file_is_refused(root: Path, text: str) -> None:
    (root / "dvc.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ProjectError, match=r"dvc\.yaml: expected a mapping `stages`, found"):
        stage.read(address.of_name("a", root))


def test_an_unknown_stage_is_answered_with_those_there_are(root: Path) -> None:
    with pytest.raises(ProjectError, match=r"dvc\.yaml: expected one of the stages a, found 'b'"):
        read(root, GOOD, "b")


@pytest.mark.fault(62)
def test_what_was_cut_off_ends_in_a_line(root: Path) -> None:
    """Every beginning of a dvc.yaml is read whole or refused."""
    whole = yaml.safe_dump({"stages": {"a": GOOD | {"outs": ["o"], "params": ["x"]}}})
    for length in range(len(whole)):
        (root / "dvc.yaml").write_text(whole[:length], encoding="utf-8")
        with suppress(ProjectError):  # anything else would be a traceback
            assert stage.read(address.of_name("a", root)).outs in {(), ("o",)}


@pytest.mark.fault(62)
@pytest.mark.parametrize("name", ["dvc.yaml", "params.yaml"])
def test_no_mutation_ends_in_a_traceback(root: Path, name: str) -> None:
    entry = GOOD | {"params": ["x", "y.z"], "outs": ["o", {"p": {"cache": False}}]}
    write(root, entry | {"meta": {"sealed": {"network": True, "records": ["r"]}}})
    (root / "params.yaml").write_text("x: [1, 0.5]\ny:\n  z: {a: text}\n")
    rng, whole = samples.rng(), (root / name).read_bytes()
    params = root / "params.yaml"
    for _ in range(samples.many(60)):
        (root / name).write_bytes(spoilt(whole, rng))
        with suppress(ProjectError):  # what main turns into a line
            keys = ["x", "y.z"]
            if name == "dvc.yaml":
                stage.read(address.of_name("a", root))
            loaded = parameters.load(params, "params.yaml")
            declared = parameters.declared(loaded, keys, "{key}")
            parameters.reduced(params, declared, keys, "params.yaml")


def test_every_out_of_an_entry_that_names_several_is_read(root: Path) -> None:
    entry = GOOD | {"outs": [{"x": {"cache": False}}, "y/./z/"]}
    assert read(root, entry).outs == ("x", "y/z")
