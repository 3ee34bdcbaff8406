"""`sealed check`: each kind of mistake that real projects hold, on small projects."""

import json
import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

import forked
from sealed.errors import StageError
from sealed.findings import command, source, violations
from sealed.violation import DEP_MISSING, DEP_UNUSED, MODULE, PARAMETER, READ, Violation

PRIVATE = {"DVC_NO_ANALYTICS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}


class Project:
    """A folder with a dvc.yaml and whatever a test writes."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / ".dvc").mkdir(parents=True)
        (root / ".dvc/config").write_text("[core]\n    no_scm = true\n")

    def write(self, **files: str) -> "Project":
        return self.put(files)

    def put(self, files: dict[str, str]) -> "Project":
        for path, text in files.items():
            (self.root / path).parent.mkdir(parents=True, exist_ok=True)
            (self.root / path).write_text(textwrap.dedent(text))
        return self

    def stages(self, **stages: dict[str, Any]) -> "Project":
        return self.put({"dvc.yaml": yaml.safe_dump({"stages": stages}, sort_keys=False)})

    def stage(self, cmd: str, *deps: str, **more: Any) -> "Project":
        return self.stages(one={"cmd": cmd, "deps": list(deps), **more})

    def found(self, *, hints: bool = False) -> set[tuple[str, str]]:
        return {(one.kind, one.path) for one in self.every() if hints or not one.hint}

    def every(self) -> list[Violation]:
        return violations.check(self.root)[1]

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self._done("sealed", words)

    def run_dvc(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self._done("dvc", words)

    def _done(self, module: str, words: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
        env = os.environ | PRIVATE | {"DVC_SITE_CACHE_DIR": str(self.root / ".dvc/site")}
        return forked.run(module, *words, cwd=self.root, env=env)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setenv("DVC_SITE_CACHE_DIR", str(tmp_path / "site"))
    monkeypatch.setenv("DVC_NO_ANALYTICS", "1")
    return Project(tmp_path / "project")


def test_the_script_of_the_command_is_no_dep(project: Project) -> None:
    project.put({"train.py": "", "data.csv": ""}).stage("python train.py", "data.csv")
    assert project.found() == {(READ, "train.py")}


def test_a_dep_is_not_the_file_that_the_command_runs(project: Project) -> None:
    files = {"src/prepare.py": "", "src/preparing.py": ""}
    project.put(files).stage("python src/preparing.py", "src/prepare.py")
    assert project.found(hints=True) == {
        (READ, "src/preparing.py"),
        (DEP_UNUSED, "src/prepare.py"),
    }
    (project.root / "src/prepare.py").unlink()
    assert project.found() == {(READ, "src/preparing.py"), (DEP_MISSING, "src/prepare.py")}


def test_an_entry_script_and_its_config_are_declared_and_no_module_of_the_package(
    project: Project,
) -> None:
    files = {
        "params.yaml": "train: {seed: 1}",
        "src/stages/train.py": """
            from src.train.model import fit
            from src.utils.logs import get_logger
        """,
        "src/__init__.py": "",
        "src/train/__init__.py": "x = 1",
        "src/train/model.py": "from .layers import dense",
        "src/train/layers.py": "",
        "src/utils/logs.py": "",
        "src/utils/unused.py": "",
    }
    cmd = "python src/stages/train.py --config=params.yaml"
    project.put(files).stage(cmd, "src/stages/train.py", params=["train"])
    assert project.found() == {
        (MODULE, "src/train/__init__.py"),
        (MODULE, "src/train/model.py"),
        (MODULE, "src/train/layers.py"),
        (MODULE, "src/utils/logs.py"),
    }
    project.stage(cmd, "src", params=["train"])
    assert project.found(hints=True) == set()


@pytest.mark.parametrize(
    ("cmd", "path"),
    [
        ("python evaluate.py data/test.csv", "data/test.csv"),
        ("python evaluate.py --test data/test.csv", "data/test.csv"),
        ("python evaluate.py --test=data/test.csv", "data/test.csv"),
        ("python evaluate.py test=data/test.csv", "data/test.csv"),
        ("python evaluate.py < data/test.csv", "data/test.csv"),
        ("python evaluate.py annotations", "annotations"),
        ("cd data && python ../evaluate.py test.csv", "data/test.csv"),
        ("(cd data && cat test.csv); python evaluate.py", "data/test.csv"),
        ("bash -c 'cd data && python ../evaluate.py test.csv'", "data/test.csv"),
        ("if true; then cat data/test.csv; fi", "data/test.csv"),
        ("cp data/test.csv elsewhere.csv", "data/test.csv"),
        ("papermill book.ipynb done.ipynb", "book.ipynb"),
        ("jupyter nbconvert --to html book.ipynb", "book.ipynb"),
        ("Rscript model.R", "model.R"),
        ("bash tools/x.sh", "tools/x.sh"),
        ("./tools/x.sh", "tools/x.sh"),
        ("make -f tools/build.mk all", "tools/build.mk"),
        ("make all", "Makefile"),
        ("make -C tools", "tools/Makefile"),
        ("uv run --with x other.py", "other.py"),
        ("A=1 poetry run python other.py", "other.py"),
        ("python -W ignore other.py", "other.py"),
    ],
)
def test_a_file_that_the_command_names(project: Project, cmd: str, path: str) -> None:
    files = "evaluate.py other.py data/test.csv annotations/a.json book.ipynb model.R tools/x.sh"
    files += " tools/build.mk Makefile tools/Makefile done.ipynb"
    project.put(dict.fromkeys(files.split(), "")).stage(cmd, "evaluate.py")
    subprocess.run(["git", "init", "-q"], cwd=project.root, check=True)
    assert project.found() == {(READ, path)}


@pytest.mark.parametrize(
    "cmd",
    [
        "python run.py --out old.csv",
        "python run.py --output-file=old.csv",
        "python run.py -o old.csv",
        "python run.py --log-dir logs",
        "python run.py models",
        "python run.py made/model.pkl",
        "python run.py --flag=value $HOME/old.csv old*.csv",
        "python run.py > old.csv && cat old.csv",
        "python run.py 2>&1 | tee old.csv",
        "mkdir -p logs && rm -f old.csv && python run.py",
        "cd $SOMEWHERE && cat old.csv",
        "cp run.py old.csv",
        "echo old.csv # old.csv",
        "papermill run.py old.csv -p x old.csv",
        "curl -o old.csv https://example.org/old.csv",
        "cat ../old.csv /old.csv ~/old.csv",
        "python -c 'print(1)' old",
        'echo "a quote that does not end',
        "python run.py data",
        ".",
    ],
)
def test_no_false_alarm(project: Project, cmd: str) -> None:
    files = dict.fromkeys(["run.py", "old.csv", "logs/x.log", "data/a.csv", "made/x"], "")
    project.put(files).stage(cmd, "run.py", "data/a.csv", outs=["models/m.pkl", "made"])
    assert project.found() == set()


def test_what_git_ignores_and_no_stage_makes_is_a_hint(project: Project) -> None:
    project.put({"a.py": "", "cache.db": "", ".gitignore": "*.db\n*.csv", "made.csv": ""})
    subprocess.run(["git", "init", "-q"], cwd=project.root, check=True)
    make = {"cmd": "make-it", "outs": ["made.csv"]}
    project.stages(make=make, use={"cmd": "python a.py cache.db made.csv", "deps": ["a.py"]})
    assert project.found() == {(READ, "made.csv")}
    assert project.found(hints=True) == {(READ, "made.csv"), (READ, "cache.db")}


def test_a_file_among_results_may_be_one(project: Project) -> None:
    files = {"a.py": "", "results/info.json": "", "results/raw.csv": ""}
    kept = "outs:\n- path: raw.csv\n  md5: d41d8cd98f00b204e9800998ecf8427e\n"
    make = {"cmd": "make-it", "outs": ["results/made.csv"]}
    use = {"cmd": "python a.py results/info.json results/raw.csv", "deps": ["a.py"]}
    project.put(files | {"results/raw.csv.dvc": kept}).stages(make=make, use=use)
    assert project.found() == {(READ, "results/raw.csv")}
    assert (READ, "results/info.json") in project.found(hints=True)


def test_a_dep_that_git_has_and_this_checkout_lacks_is_a_hint(project: Project) -> None:
    project.put({"x.csv": ""}).stage("cat x.csv", "x.csv")
    for words in (["init", "-q"], ["add", "."]):
        subprocess.run(["git", *words], cwd=project.root, check=True)
    (project.root / "x.csv").unlink()
    [one] = project.every()
    assert (one.kind, one.path, one.hint) == (DEP_MISSING, "x.csv", True)
    assert one.reason == "git has it, and it is not here; `git checkout -- x.csv`"


def test_an_init_that_holds_words_alone_decides_nothing(project: Project) -> None:
    project.put({"run.py": "import a.m, b.m", "a/__init__.py": '"""Words."""\n# more\n'})
    project.put({"a/m.py": "", "b/__init__.py": '"""Words."""\nX = 1\n', "b/m.py": ""})
    project.stage("python run.py", "run.py")
    assert project.found() == {(MODULE, f"{name}.py") for name in ("a/m", "b/__init__", "b/m")}


def test_what_dvc_takes_for_no_dep_is_not_to_be_added(project: Project) -> None:
    project.put({"run.py": "open('dvc.yaml').read(), open('a.dvc').read()", "a.dvc": "outs: []"})
    project.stage("python run.py dvc.yaml a.dvc", "run.py")
    assert project.found(hints=True) == set()


def test_a_dep_that_git_ignores_may_come_by_hand(project: Project) -> None:
    project.put({".gitignore": "/raw/\n"}).stage("use-it", "raw/x.csv", "data/x.csv")
    subprocess.run(["git", "init", "-q"], cwd=project.root, check=True)
    assert project.found() == {(DEP_MISSING, "data/x.csv")}
    assert (DEP_MISSING, "raw/x.csv") in project.found(hints=True)


def test_modules_imported_by_a_name_made_at_run_time_are_not_called_unused(
    project: Project,
) -> None:
    files = {"run.py": "import importlib\nimportlib.import_module('m_' + x)", "m_a.py": ""}
    project.put(files).stage("python run.py", "run.py", "m_a.py")
    assert project.found(hints=True) == set()
    project.put({"run.py": "import importlib\nimportlib.import_module('m_b')", "m_b.py": ""})
    for read in (source.imports, source.tree, source.is_dynamic):
        read.cache_clear()
    assert project.found(hints=True) == {(MODULE, "m_b.py"), (DEP_UNUSED, "m_a.py")}


def test_the_command_hides_the_file_behind_cd(project: Project) -> None:
    files = {"sub/run.py": "import helper", "sub/helper.py": "", "helper.py": ""}
    project.put(files).stage("cd sub && python run.py", "helper.py")
    assert project.found() == {(READ, "sub/run.py"), (MODULE, "sub/helper.py")}


def test_wdir_and_a_second_dvc_yaml(project: Project) -> None:
    stages = {"one": {"cmd": "python ../run.py x.csv", "wdir": "data", "deps": ["x.csv"]}}
    text = yaml.safe_dump({"stages": stages})
    project.put({"sub/dvc.yaml": text, "sub/run.py": "", "sub/data/x.csv": ""})
    (found,) = project.every()
    assert (found.kind, found.stage, found.path) == (READ, "sub/dvc.yaml:one", "sub/run.py")
    assert "\n+" in found.repair
    assert "- ../run.py" in found.repair


@pytest.mark.parametrize(
    "packaging",
    [
        {"pyproject.toml": '[project]\nname = "pkg"\n'},
        {"pyproject.toml": '[project]\nname = "pkg"\n[tool.setuptools.package-dir]\n"" = "src"'},
        {"pyproject.toml": '[tool.poetry]\nname = "pkg"\npackages = [{include="pkg", from="src"}]'},
        {"setup.py": "setup(name='pkg', package_dir={'': 'src'})"},
        {"setup.py": "setup(packages=find_packages('src'))"},
        {"setup.cfg": "[options]\npackage_dir =\n    = src\n"},
    ],
)
def test_an_editable_install_reaches_the_repository(
    project: Project, packaging: dict[str, str]
) -> None:
    files = {
        "scripts/run.py": "import pkg.core",
        "src/pkg/__init__.py": "x = 1",
        "src/pkg/core.py": "",
        "src/pkg/other.py": "",
    }
    project.put(files | packaging).stage("python scripts/run.py", "scripts/run.py")
    assert project.found() == {(MODULE, "src/pkg/__init__.py"), (MODULE, "src/pkg/core.py")}


def test_python_path_in_the_command(project: Project) -> None:
    files = {"a/run.py": "import deep", "lib/x/deep.py": ""}
    for cmd in (
        "PYTHONPATH=lib/x python a/run.py",
        "export PYTHONPATH=$PWD/lib/x; python a/run.py",
    ):
        project.put(files).stage(cmd, "a/run.py")
        assert project.found() == {(MODULE, "lib/x/deep.py")}


def test_a_module_that_is_run(project: Project) -> None:
    files = {
        "pkg/__init__.py": "import pkg.base",
        "pkg/base.py": "",
        "pkg/__main__.py": "from . import tool",
        "pkg/tool.py": "from pkg.sub import *\nimport pkg.empty",
        "pkg/sub/__init__.py": "from ..base import x",
        "pkg/empty/__init__.py": "",
        "pkg/not.py": "",
    }
    project.put(files).stage("python -m pkg.tool", "pkg/__init__.py")
    assert project.found() == {
        (MODULE, f"pkg/{name}.py") for name in ("base", "tool", "sub/__init__")
    }
    project.stage("python -um pkg", "pkg/__init__.py", "pkg/base.py", "pkg/tool.py", "pkg/sub")
    assert project.found() == {(MODULE, "pkg/__main__.py")}
    project.stage("python -m json.tool x", "pkg/__init__.py")
    assert project.found() == set()


def notebook(*cells: str) -> str:
    code = [{"cell_type": "code", "source": cell.splitlines(keepends=True)} for cell in cells]
    return json.dumps({"cells": [{"cell_type": "markdown", "source": "import no"}, *code]})


@pytest.mark.parametrize(
    ("cmd", "folder"),  # papermill runs a notebook where it is called, others where it lies
    [
        ("papermill -p x 1 sub/a.ipynb out/a.ipynb", ""),
        ("papermill --no-log-output sub/a.ipynb out/a.ipynb -p x 'a b'", ""),
        ("jupyter execute sub/a.ipynb", "sub/"),
        ("cd sub && jupyter nbconvert --execute --to html a.ipynb", "sub/"),
        ("jupytext --to notebook --execute sub/a.ipynb", "sub/"),
    ],
)
def test_what_a_notebook_imports_and_reads_when_it_is_run(
    project: Project, cmd: str, folder: str
) -> None:
    cells = ["%matplotlib inline\n!ls\nimport lib.m\nx = !ls", "open('d.csv')", "def (", "%%sh\nif"]
    for place in ("", "sub/"):
        project.put({f"{place}lib/m.py": "", f"{place}d.csv": ""})
    project.put({"sub/a.ipynb": notebook(*cells)}).stage(cmd, "sub/a.ipynb")
    assert project.found() == {(MODULE, f"{folder}lib/m.py"), (READ, f"{folder}d.csv")}


def test_what_is_read_on_a_condition_is_a_hint(project: Project) -> None:
    code = """
        import yaml
        DEBUG = None
        if DEBUG:
            seed = yaml.safe_load(open("params.yaml"))["seed"], open("debug.csv")
        else:
            open("other.csv")
        if __name__ == "__main__":
            open("main.csv")
        """
    files = dict.fromkeys(["debug.csv", "other.csv", "main.csv"], "")
    project.put(files | {"run.py": code, "params.yaml": "seed: 1"}).stage("python run.py", "run.py")
    assert project.found() == {(READ, "main.csv")}
    maybe = {(READ, "debug.csv"), (READ, "other.csv"), (PARAMETER, "params.yaml:seed")}
    assert project.found(hints=True) - project.found() == maybe


def test_a_notebook_that_is_not_run_reads_nothing(project: Project) -> None:
    project.put({"a.ipynb": notebook("import m"), "m.py": "", "b.ipynb": "no notebook"})
    project.stage("jupyter nbconvert --to html a.ipynb && jupyter execute b.ipynb", "a.ipynb")
    assert project.found() == {(READ, "b.ipynb")}


def test_what_only_looks_like_an_import_of_the_project(project: Project) -> None:
    code = """
        from typing import TYPE_CHECKING
        import datasets, types, tokenize
        from datasets import load
        if TYPE_CHECKING:
            import hints
    """
    files = {"src/run.py": code, "src/hints.py": "", "datasets/__init__.py": "x", "types.py": ""}
    files |= {"requirements.txt": "datasets>=2\n", "datasets/load.py": ""}
    project.put(files).stage("python src/run.py", "src/run.py")
    assert project.found(hints=True) == set()


@pytest.mark.parametrize(
    ("code", "keys"),
    [
        ('p = yaml.safe_load(open("params.yaml"))["prepare"]\nx = p["split"]', {"prepare.split"}),
        ('x = yaml.safe_load(open("params.yaml"))["prepare"]["split"]', {"prepare.split"}),
        (
            'with open("params.yaml") as f:\n    p = yaml.safe_load(f)\nf(p["prepare"]["split"])',
            {"prepare.split"},
        ),
        ('p = dvc.api.params_show()\nprint(p["train"]["seed"], p["new"])', {"train.seed"}),
        ('P = "params.yaml"\nf(YAML().load(open(P)).get("train").get("seed", 3))', {"train.seed"}),
        ('p = OmegaConf.load("params.yaml")\nf(p["train"])', {"train"}),
        ('p = yaml.safe_load(Path("params.yaml").read_text())\nf(p["train"])', {"train"}),
        ('def main():\n    p = yaml.safe_load(open("params.yaml"))\n    f(p["train"])', {"train"}),
        ('p = yaml.safe_load(open("params.yaml"))\nf(p["lists"])', set()),
        ('p = yaml.safe_load(open("params.yaml"))\nf(p["declared"]["x"])', set()),
        ('p = yaml.safe_load(open("params.yaml"))\nf(p["part"])', set()),
        ('p = yaml.safe_load(open("params.yaml"))\np = other(p)\nf(p["train"])', set()),
    ],
)
def test_a_key_that_the_code_reads(project: Project, code: str, keys: set[str]) -> None:
    params = "{prepare: {split: 1}, train: {seed: 1}, declared: {x: 1}, part: {a: 1, b: 2}}"
    files = {"params.yaml": params, "run.py": code}
    project.put(files).stage("python run.py", "run.py", params=["declared", "part.a"])
    assert project.found() == {(PARAMETER, f"params.yaml:{key}") for key in keys}


def test_other_params_files_and_params_read_whole(project: Project) -> None:
    code = 'f(json.load(open("config/p.json"))["a"], yaml.safe_load(open("params.yaml"))["b"])'
    files = {"params.yaml": "b: 1", "config/p.json": '{"a": 1}', "run.py": code}
    project.put(files).stage("python run.py", "run.py", params=[{"params.yaml": None}])
    (found,) = project.every()
    assert (found.kind, found.path) == (PARAMETER, "config/p.json:a")
    assert "+    - config/p.json:" in found.repair


def test_a_file_that_the_code_reads_by_a_constant_path(project: Project) -> None:
    code = """
        import lib
        TABLE = Path("data") / "table.csv"
        pd.read_csv(os.path.join("data", "a.csv"))
        open("data/written.csv", "w"); open("nothing.csv"); Path("data/p.txt").read_text()
        with TABLE.open() as file: ...
    """
    files = {"run.py": code, "lib.py": 'def f(): return open("data/l.csv")'}
    files |= dict.fromkeys([f"data/{name}" for name in ("table.csv", "a.csv", "written.csv")], "")
    files |= {"data/p.txt": "", "data/l.csv": ""}
    project.put(files).stage("python run.py", "run.py", "lib.py")
    assert project.found() == {(READ, f"data/{name}") for name in ("table.csv", "a.csv", "p.txt")}
    assert (READ, "data/l.csv") in project.found(hints=True)


def test_templates_and_foreach_are_dvc_s_to_resolve(project: Project) -> None:
    entry: dict[str, Any] = {"foreach": ["a", "b"], "do": {"deps": ["run.py"]}}
    entry["do"]["cmd"] = "python run.py ${item}.csv"
    project.put({"run.py": "", "a.csv": "", "b.csv": ""}).stages(each=entry)
    found = project.every()
    assert {(one.stage, one.path, one.repair) for one in found} == {
        ("each@a", "a.csv", ""),
        ("each@b", "b.csv", ""),
    }
    entry["do"]["cmd"] = "python run.py a.csv"
    said = project.stages(each=entry).run("check").stdout
    assert said.startswith("dvc.yaml:2: each@a and 1 more: undeclared read: a.csv: ")
    assert said.count("\n") == 1


def test_a_dep_that_is_not_there(project: Project) -> None:
    make = {"cmd": "make-it", "outs": ["made"]}
    use = {"cmd": "use-it", "deps": ["made/part.csv", "gone.csv", "kept.csv"]}
    kept = "outs:\n- path: kept.csv\n  md5: d41d8cd98f00b204e9800998ecf8427e\n"
    project.put({"kept.csv.dvc": kept}).stages(make=make, use=use)
    assert project.found() == {(DEP_MISSING, "gone.csv")}


def test_the_program(project: Project) -> None:
    text = """
        # a comment
        stages:
          one:
            cmd: python run.py
            deps:
            - x.csv  # why
            outs: [y]
    """
    files = {"dvc.yaml": text, "run.py": "import lib", "lib.py": "", "x.csv": ""}
    done = project.put(files).run("check")
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        "dvc.yaml:4: one: undeclared read: run.py: the command names it (`run.py`); "
        "add it to the deps",
        "dvc.yaml:4: one: module undeclared: lib.py: `run.py` imports it; add it to the deps",
    ]
    assert done.stderr.startswith("check: 1 stage, 2 violations, 0 hints in ")
    data = json.loads(project.run("check", "--json", "one").stdout)
    assert [one["path"] for one in data] == ["run.py", "lib.py"]
    first = project.run("check", "--github").stdout.splitlines()[0]
    assert first.startswith("::error file=dvc.yaml,line=4,title=undeclared read in one::run.py: ")
    patch = project.run("check", "--patch").stdout
    subprocess.run(["git", "apply"], cwd=project.root, input=patch, text=True, check=True)
    after = (project.root / "dvc.yaml").read_text()
    assert "    - x.csv  # why\n    - run.py\n    - lib.py\n    outs: [y]\n" in after
    done = project.run("check")
    assert (done.returncode, done.stdout) == (0, "")


def test_what_cannot_be_checked_ends_in_a_line(project: Project) -> None:
    done = project.put({"dvc.yaml": "stages: {one: {cmd: 'echo ${nothing}'}}"}).run("check")
    assert done.returncode == 2
    assert done.stderr.startswith("sealed: DVC cannot read the project: ")
    assert done.stderr.count("\n") == 1
    done = project.put({"dvc.yaml": "stages: {one: {cmd: echo}}"}).run("check", "two")
    assert done.stderr == "sealed: expected one of the stages one, found 'two'\n"
    assert done.returncode == 2


def test_a_stage_takes_milliseconds(project: Project) -> None:
    files = {f"pkg/m{n}.py": f"import pkg.m{n + 1}" for n in range(40)}
    project.put(files | {"run.py": "import pkg.m0"})
    project.stages(**{f"s{n}": {"cmd": "python run.py"} for n in range(50)})
    began = time.process_time()
    assert violations.check(project.root, repairs=False)[0] == 50
    assert time.process_time() - began < 50 * 0.15  # DVC takes most of it


def test_words_of_a_command() -> None:
    found = command.named("cd a && (cd b; python x.py < y) && ./z 2> w", ".")
    assert [one.path for one in found] == ["a/b/y", "a/b/x.py", "a/z"]


@pytest.mark.parametrize(
    "text",
    [
        "stages: [1]",
        "stages: {one: 1}",
        "stages: {one: {cmd: x, deps: {a: b}}}",
        "a: [",
        "\0",
        "é: *",
    ],
)
def test_a_spoilt_dvc_yaml_ends_in_a_line(project: Project, text: str) -> None:
    project.put({"dvc.yaml": text})
    with pytest.raises(StageError, match="DVC cannot read the project: "):
        project.every()


@pytest.mark.fault(132)
def test_a_setting_that_stands_in_meta_itself_is_a_hint(project: Project) -> None:
    meta = {"gpu": True, "owner": "me", "sealed": {"network": True}}
    project.stages(copy={"cmd": "true", "meta": meta}, bare={"cmd": "true", "meta": {"gpu": 1}})
    [one, two] = violations.check(project.root)[1]
    assert str(one) == (
        "dvc.yaml:2: copy: hint: setting ignored: dvc.yaml:meta.gpu: "
        "`meta: {gpu: ...}` has no effect; write `meta: {sealed: {gpu: ...}}`"
    )
    assert (two.stage, two.repair) == ("bare", "")
    project.stages(copy={"cmd": "true", "meta": {"gpu": True, "sealed": False}})
    assert violations.check(project.root)[1] == []
