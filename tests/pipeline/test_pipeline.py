"""The pipeline's contract: what dvc.yaml declares is what the code reads, imports and writes."""

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

import forked
from sealed.findings import project, violations
from sealed.findings.checker import Checker
from sealed.findings.source import is_empty

PROJECT = Path(__file__).parents[2]
STAGES: dict[str, Any] = yaml.safe_load((PROJECT / "dvc.yaml").read_text(encoding="utf-8"))[
    "stages"
]
TENSORFLOW = {"augment", "environment", "loop", "model", "optimizer", "trainer"}
AFTER = {
    "fetch": {"fetch"},
    "preprocess": {"preprocess"},
    "augment": {"train"},
    "model": {"train"},
    "train": {"train"},
    "evaluate": {"evaluate"},
    "gate": set(),
}


def names(entries: list[Any]) -> set[str]:
    return {entry if isinstance(entry, str) else next(iter(entry)) for entry in entries}


def outs(stage: dict[str, Any]) -> set[str]:
    return set().union(*(names(stage.get(kind, [])) for kind in ("outs", "metrics", "plots")))


def constants(script: Path) -> set[str]:
    """Return the paths that a stage script names at its top."""
    return {
        node.value.args[0].value
        for node in ast.parse(script.read_text(encoding="utf-8")).body
        if isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Call)
        and isinstance(node.value.args[0], ast.Constant)
        and isinstance(node.value.args[0].value, str)
    }


def test_the_code_a_stage_depends_on_is_what_its_script_imports() -> None:
    count, found = violations.check(PROJECT, repairs=False)
    assert (count, found) == (len(STAGES), [])  # no module is missing, none is too many


@pytest.mark.parametrize("name", STAGES)
def test_without_one_of_its_modules_a_stage_would_be_told(name: str) -> None:
    read = project.read(PROJECT)
    stage = next(stage for stage in read.stages if stage.name == name)
    for dep in (dep for dep in stage.deps if dep.endswith(".py")):
        deps = tuple(other for other in stage.deps if other != dep)
        found = Checker(read).findings(stage._replace(deps=deps))
        empty = dep.endswith("__init__.py") and is_empty(PROJECT / dep)
        assert [one.path for one in found] == [dep] * (not empty)


@pytest.mark.parametrize("name", STAGES)
def test_the_sections_a_script_reads_are_its_params(name: str) -> None:
    tree = ast.parse((PROJECT / f"stages/{name}.py").read_text(encoding="utf-8"))
    read = {
        node.args[0].value
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "read"
        and isinstance(node.args[0], ast.Constant)
    }
    assert {param.partition(".")[0] for param in STAGES[name]["params"]} == read


@pytest.mark.parametrize("name", STAGES)
def test_no_param_is_one_that_the_run_cache_leaves_out(name: str) -> None:
    """DVC leaves `size` and `nfiles` out of its key, at any depth, as facts of files.

    https://github.com/treeverse/dvc/blob/3.67.1/dvc/stage/cache.py (_get_cache_hash)
    """
    values = yaml.safe_load((PROJECT / "params.yaml").read_text(encoding="utf-8"))
    for param in STAGES[name]["params"]:
        if "." not in param:  # a section, recorded as a table
            assert not {"size", "nfiles"} & values[param].keys()


@pytest.mark.parametrize("section", AFTER)
def test_the_class_of_a_section_is_a_dep_of_the_stages_that_read_it(section: str) -> None:
    module = f"src/mnist/params/{section}.py"
    loads_models = {"evaluate"} if section == "model" else set()  # with what builds them
    assert {name for name in STAGES if module in STAGES[name]["deps"]} == (
        AFTER[section] | loads_models
    )


@pytest.mark.parametrize("name", STAGES)
def test_the_paths_a_script_names_are_its_deps_and_outs(name: str) -> None:
    stage = STAGES[name]
    data = {
        dep.partition("/${")[0]  # datasets/: one file, whose name is a parameter
        for dep in names(stage["deps"])
        if not dep.endswith((".py", ".lock"))
    }
    records = set(stage.get("meta", {}).get("sealed", {}).get("records", []))
    assert constants(PROJECT / f"stages/{name}.py") == data | outs(stage) | records


def test_only_evaluate_sees_the_test_set() -> None:
    test = "data/prepared/test.npz"
    assert [name for name, stage in STAGES.items() if test in stage["deps"]] == ["evaluate"]


@pytest.mark.parametrize("name", ["fetch", "preprocess"])
def test_light_stages_import_no_tensorflow(name: str) -> None:
    assert not TENSORFLOW & {Path(dep).stem for dep in names(STAGES[name]["deps"])}
    code = f"import sys, {name}; sys.exit('tensorflow' in sys.modules)"
    env = {"PYTHONPATH": f"{PROJECT / 'src'}:{PROJECT / 'stages'}", "PYTHONDONTWRITEBYTECODE": "1"}
    subprocess.run([sys.executable, "-c", code], env=env, check=True)


@pytest.fixture(scope="module")
def committed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build a repository with this dvc.yaml, whose stages only touch their outs, up to date."""
    root = tmp_path_factory.mktemp("pipeline")
    for name in ("src", "stages", "recipes", "datasets"):
        shutil.copytree(PROJECT / name, root / name)
    for name in ("dvc.yaml", "params.yaml", "requirements.lock"):
        shutil.copy(PROJECT / name, root / name)
    touches = ["#!/bin/sh", "case $1 in"]
    for name, stage in STAGES.items():
        files = [f"{out}/x" if out == "data/raw" else out for out in outs(stage)]
        lines = [f'mkdir -p "$(dirname {file})"; echo {file} > {file}' for file in files]
        touches.append(f"{name}) " + "; ".join(lines) + " ;;")
    (root / "stages/run").write_text("\n".join([*touches, "esac"]), encoding="utf-8")
    (root / ".dvc").mkdir()
    (root / ".dvc/config").write_text("[core]\n    no_scm = true\n", encoding="utf-8")
    dvc(root, "repro", "-q")
    assert not dvc_status(root)
    return root


def dvc(root: Path, *arguments: str) -> str:
    env = os.environ | {"DVC_NO_ANALYTICS": "1", "DVC_SITE_CACHE_DIR": str(root / ".dvc/site")}
    done = forked.run("dvc", *arguments, cwd=root, env=env)
    done.check_returncode()
    return done.stdout


def dvc_status(root: Path) -> set[str]:
    return set(yaml.safe_load(dvc(root, "status", "--json")))


def keys() -> list[tuple[str, str]]:
    params = yaml.safe_load((PROJECT / "params.yaml").read_text(encoding="utf-8"))
    return [(section, key) for section, values in params.items() for key in values]


@pytest.mark.parametrize(("section", "key"), keys())
def test_changing_one_key_marks_its_stages_alone(committed: Path, section: str, key: str) -> None:
    path = committed / "params.yaml"
    before = path.read_text(encoding="utf-8")
    params = yaml.safe_load(before)
    params[section][key] = "something else"
    path.write_text(yaml.safe_dump(params), encoding="utf-8")
    try:
        assert dvc_status(committed) == AFTER[section]
    finally:
        path.write_text(before, encoding="utf-8")


def test_a_new_lock_retrains_and_downloads_nothing(committed: Path) -> None:
    path = committed / "requirements.lock"
    before = path.read_text(encoding="utf-8")
    path.write_text(before + "# new\n", encoding="utf-8")
    try:
        assert dvc_status(committed) == {"train", "evaluate"}
    finally:
        path.write_text(before, encoding="utf-8")
