"""`sealed repro` on projects as they are written: what `dvc repro` makes, to the same dvc.lock."""

import subprocess
from pathlib import Path

import pytest

from foreign_project import Foreign
from sealed.engines import bwrap
from sealed_project import Project, require_bwrap

COUNT = """
import sys
from pathlib import Path
source, target = sys.argv[1:3]
Path(target).parent.mkdir(parents=True, exist_ok=True)
Path(target).write_text(str(len(Path(source).read_text())))
"""
SHAPES = {
    "foreach": """
        stages:
          each:
            foreach: [a, b]
            do:
              cmd: python code/count.py data/${item}.txt out/${item}.txt
              deps: [code/count.py, "data/${item}.txt"]
              outs: ["out/${item}.txt"]
        """,
    "matrix": """
        stages:
          each:
            matrix: {file: [a, b], way: [up, down]}
            cmd: >-
              tr ${item.way} X < data/${item.file}.txt > ${item.file}-${item.way}.txt
            deps: ["data/${item.file}.txt"]
            outs: ["${item.file}-${item.way}.txt"]
        """,
    "vars and templates": """
        vars: [settings.yaml, {made: out}]
        stages:
          count:
            cmd: python code/count.py ${source} ${made}/n.txt
            deps: [code/count.py, "${source}"]
            outs: ["${made}/n.txt"]
        """,
    "wdir and ..": """
        stages:
          count:
            wdir: code
            cmd: python count.py ../data/a.txt ../out/n.txt && cat ../out/n.txt > here.txt
            deps: [count.py, ../data/a.txt]
            outs: [../out/n.txt, here.txt]
        """,
    "cd and pipes": """
        stages:
          count:
            cmd: cd data && cat a.txt b.txt | sort | uniq -c | tr -s ' ' > ../sorted.txt
            deps: [data/a.txt, data/b.txt]
            outs: [sorted.txt]
        """,
    "another program": """
        stages:
          render:
            cmd: sh code/papermill.sh -p source data/a.txt notebook.txt out/notebook.txt
            deps: [code/papermill.sh, notebook.txt, data/a.txt]
            outs: [out/notebook.txt]
        """,
    "several commands": """
        stages:
          list:
            cmd:
              - cat data/a.txt > half.txt
              - mkdir -p out
              - cat half.txt half.txt > out/whole.txt && rm half.txt
            deps: [data/a.txt]
            outs: [out/whole.txt]
          lines:
            cmd: |
              cat data/b.txt > one.txt
              cat one.txt one.txt > two.txt
            deps: [data/b.txt]
            outs: [one.txt, two.txt]
        """,
    "folders": """
        stages:
          make:
            cmd: mkdir -p made/sub && cp data/*.txt made/ && cp data/a.txt made/sub/c
            deps: [data]
            outs: [made]
          use:
            cmd: ls -R made > list.txt
            deps: [made, made/a.txt]
            outs: [{list.txt: {cache: false}}]
        """,
    "a file and its folder": """
        stages:
          both:
            cmd: cat data/a.txt data/b.txt > both.txt
            deps: [data/a.txt, data]
            outs: [both.txt]
        """,
    "metrics, plots, no outs": """
        stages:
          measure:
            cmd: echo '{"n":1}' > m.json && printf 'x,y\\n1,2\\n' > p.csv
            deps: [data/a.txt]
            metrics: [{m.json: {cache: false}}]
            plots: [{p.csv: {x: x, y: y}}]
          check:
            cmd: test -s m.json
            deps: [m.json]
        """,
    "params of every kind": """
        stages:
          show:
            cmd: python code/show.py > shown.txt
            deps: [code/show.py]
            params:
              - train.seed
              - settings.yaml: [source]
              - p.json: [a.b]
              - p.toml: [tool.x]
              - p.py: [SIZE, Train.epochs]
              - whole.yaml:
            outs: [shown.txt]
        """,
}
SHOW = """
import json, tomllib, sys
from pathlib import Path
sys.path.insert(0, ".")
import p, yaml
print(yaml.safe_load(Path("params.yaml").read_text())["train"]["seed"])
print(yaml.safe_load(Path("settings.yaml").read_text())["source"])
print(json.loads(Path("p.json").read_text())["a"]["b"])
print(tomllib.loads(Path("p.toml").read_text())["tool"]["x"])
print(p.SIZE, p.Train.epochs)
print(Path("whole.yaml").read_text())
"""
PAPERMILL = "shift 3; mkdir -p out; { cat $1; cat data/a.txt; } > $2\n"


def project(root: Path, pipeline: str) -> Foreign:
    made = Foreign(root).write("dvc.yaml", pipeline)
    for path, text in {
        "data/a.txt": "up and down\n",
        "data/b.txt": "down\n",
        "secret.txt": "s",
        "code/count.py": COUNT,
        "code/show.py": SHOW,
        "code/papermill.sh": PAPERMILL,
        "notebook.txt": "cells\n",
        "settings.yaml": "source: data/a.txt # which\nother: 1\n",
        "params.yaml": "train: {seed: 1, other: 2}\n",
        "p.json": '{"a": {"b": [1, "x"], "c": 2}, "d": 3}',
        "p.toml": '[tool]\nx = {y = 3, "z\\"" = [1.5, true, "é"]}\nother = 1\n',
        "p.py": "import os\nSIZE = (1, 2)\nHOME = os.getcwd()\nclass Train:\n"
        "    epochs: int = 3\n    other = 4\n    def __init__(self):\n        self.x = 1\n",
        "whole.yaml": "a: 1 # all of it\n",
    }.items():
        made.write(path, text)
    return made


QUICK = {
    "cd and pipes",
    "folders",
    "matrix",
    "params of every kind",
    "several commands",
    "wdir and ..",
}


@pytest.mark.parametrize(
    "shape",
    [pytest.param(shape, marks=[pytest.mark.slow] * (shape not in QUICK)) for shape in SHAPES],
)
def test_a_sealed_run_makes_what_a_plain_one_does_and_either_skips_the_others(
    tmp_path: Path, shape: str
) -> None:
    plain = project(tmp_path / "plain/a project", SHAPES[shape])
    sealed = project(tmp_path / "sealed/a project", SHAPES[shape])
    done = plain.plain("repro")
    assert done.returncode == 0, done.stderr
    before = sealed.read("dvc.yaml")
    done = sealed.sealed("repro")
    assert done.returncode == 0, done.stderr
    assert sealed.read("dvc.lock") == plain.read("dvc.lock")
    assert sealed.read("dvc.yaml") == before
    assert sealed.sandboxes() == []
    assert "Running stage" not in sealed.plain("repro").stdout
    assert "Running stage" not in plain.sealed("repro").stdout


def test_several_dvc_yaml_from_any_folder(tmp_path: Path) -> None:
    made = project(tmp_path / "project", SHAPES["cd and pipes"])
    made.write(
        "sub/deep/dvc.yaml",
        """
        stages:
          up:
            cmd: cat ../../sorted.txt near.txt > up.txt
            deps: [../../sorted.txt, near.txt]
            outs: [up.txt]
        """,
    ).write("sub/deep/near.txt", "near\n")
    done = made.sealed("repro", "dvc.yaml:up", folder="sub/deep")
    assert done.returncode == 0, done.stderr
    assert "sealed sub/deep/dvc.yaml:up: " in done.stderr
    assert made.read("sub/deep/up.txt").endswith("near\n")
    assert "Running stage" not in made.plain("repro", "-R", ".").stdout


def stage(root: Path, command: str, **more: str) -> Foreign:
    """Make a project of one stage, which reads data/a.txt and writes out.txt."""
    made = project(root, "")
    lines = {"cmd": f"[{command!r}]", "deps": "[data/a.txt]", "outs": "[out.txt]"} | more
    text = "".join(f"\n    {key}: {value}" for key, value in lines.items())
    return made.write("dvc.yaml", f"stages:\n  one:{text}\n")


def test_a_persistent_out_is_brought_in_and_said(tmp_path: Path) -> None:
    made = stage(tmp_path / "project", "echo more >> log.txt", outs="[{log.txt: {persist: true}}]")
    assert "persist" not in made.sealed("repro").stderr
    done = made.sealed("repro", "--force")
    assert "sealed one: log.txt: `persist`, so it finds what its last run left there" in done.stderr
    assert made.read("log.txt") == "more\nmore\n"


def in_git(made: Foreign) -> Foreign:
    """Commit a project."""
    made.write(".gitignore", "/.dvc/tmp\n/.dvc/cache\n/out.txt\n")
    made.write(".dvc/config", "[core]\n    analytics = false\n")
    who = ["-c", "user.name=a", "-c", "user.email=a@b"]
    for command in (["init", "-q"], ["add", "."], [*who, "commit", "-q", "-m", "all"]):
        subprocess.run(["git", *command], cwd=made.root, check=True)
    return made


def asked(made: Foreign, *words: str) -> str:
    """Return what git says of a project."""
    return subprocess.run(
        ["git", *words], cwd=made.root, check=True, capture_output=True, text=True
    ).stdout


@pytest.mark.parametrize("engine", ["host", bwrap.NAME])
def test_a_stage_that_stashes_as_dvclive_does_leaves_the_users_work_alone(
    tmp_path: Path, engine: str
) -> None:
    code = """
    import subprocess
    from pathlib import Path
    git = ["git", "stash", "--include-untracked"]
    stash = subprocess.run(git, capture_output=True, text=True)
    Path("out.txt").write_text(stash.stdout + str("not a git repository" in stash.stderr))
    """
    made = stage(tmp_path / "project", "python live.py", deps="[live.py]").write("live.py", code)
    in_git(made).write("notes.txt", "mine, and not committed\n").write("secret.txt", "edited")
    made.engine = engine
    if engine == bwrap.NAME:
        require_bwrap()
    done = made.sealed("repro")
    assert done.returncode == 0, done.stderr
    assert made.read("out.txt") == "True"
    assert (made.read("secret.txt"), asked(made, "stash", "list")) == ("edited", "")
    assert made.read("notes.txt") == "mine, and not committed\n"


@pytest.mark.parametrize("where", [[], pytest.param(["--temp"], marks=pytest.mark.slow)])
def test_an_experiment_is_sealed_and_kept(tmp_path: Path, where: list[str]) -> None:
    more = {"deps": "[show.py]", "params": "[train.seed]"}
    made = stage(tmp_path / "project", "python show.py > out.txt", **more)
    made.write("show.py", "print(open('params.yaml').read())")
    head = asked(in_git(made), "rev-parse", "HEAD")
    set_it = ["--name", "two", "--set-param", "train.seed=2"]
    done = made.sealed("exp", "run", *where, *set_it)
    assert done.returncode == 0, done.stderr
    assert "sealed one: on the host" in done.stderr
    kept = asked(made, "for-each-ref", "--format=%(refname)", "refs/exps")
    [two] = [line for line in kept.split() if line.endswith("/two")]
    assert "seed: 2" in asked(made, "show", f"{two}:params.yaml")
    assert "seed: 2" in asked(made, "show", f"{two}:dvc.lock")
    assert (asked(made, "rev-parse", "HEAD"), asked(made, "stash", "list")) == (head, "")
    made.write("show.py", "print(open('secret.txt').read())")
    done = made.sealed("exp", "run", *where, "--force")
    assert done.returncode != 0
    assert "sealed one: secret.txt is not declared; add it to the deps of one" in done.stderr


@pytest.mark.fault(74)
def test_nothing_that_walks_up_finds_the_project(tmp_path: Path) -> None:
    code = """
    import subprocess
    from pathlib import Path
    here = Path.cwd()
    print([str(path) for path in here.parents if (path / "secret.txt").exists()])
    print([n for n in range(1, 20) if Path("../" * n + "secret.txt").exists()])
    git = ["git", "rev-parse", "--show-toplevel"]
    print("not a git repository" in subprocess.run(git, capture_output=True, text=True).stderr)
    """
    made = stage(tmp_path / "project", "python look.py > out.txt", deps="[look.py]")
    made.write("look.py", code)
    for command in (["git", "init", "-q"], ["git", "add", "."]):
        subprocess.run(command, cwd=made.root, check=True)
    assert made.sealed("repro").returncode == 0
    assert made.read("out.txt") == "[]\n[]\nTrue\n"


def test_what_dvcs_tools_look_for_is_the_sandboxes_own(tmp_path: Path) -> None:
    code = """
    import os
    import dvc.api
    from dvc.repo import Repo
    print(dvc.api.params_show())
    print(Repo().root_dir == os.environ["DVC_ROOT"] == os.getcwd(), os.environ["DVC_STAGE"])
    """
    made = stage(
        tmp_path / "project", "python ask.py > out.txt", deps="[ask.py]", params="[train.seed]"
    )
    made.write("ask.py", code)
    done = made.sealed("repro")
    assert done.returncode == 0, done.stderr
    assert made.read("out.txt") == "{'train': {'seed': 1}}\nTrue one\n"


ASK_BY_NAME = """
    stages:
      draw:
        foreach: [a, b.c]
        do:
          cmd: python ask.py draw > ${item}.txt
          deps: [ask.py]
          params: [seed, figures.yaml: ["draw.${item}"], whole.yaml: ]
          outs: ["${item}.txt"]
      alone:
        wdir: deep
        cmd: X='${y}' python ../ask.py alone > out.txt
        deps: [../ask.py]
        params: [../figures.yaml: [size]]
        outs: [out.txt]
    """


def test_dvc_shows_a_stage_its_params_by_its_name(tmp_path: Path) -> None:
    """As `dvc.api.params_show(stages=...)` does, for which DVC wants a dvc.yaml."""
    made = Foreign(tmp_path / "project")
    made.write("sub/dvc.yaml", ASK_BY_NAME.replace("${y}", "\\${y}"))
    made.write("sub/params.yaml", "seed: 1\nother: 2\n").write("sub/whole.yaml", "all: 3\n")
    made.write("sub/figures.yaml", "draw: {a: 1, b: {c: 2}}\nsize: 4\n").write("sub/deep/.keep", "")
    made.write(
        "sub/ask.py",
        """
        import sys, dvc.api
        from pathlib import Path
        file = "" if Path("dvc.yaml").exists() else "../dvc.yaml:"
        print(sorted(dvc.api.params_show(stages=file + sys.argv[1], deps=True).items()))
        """,
    )
    done = made.sealed("repro", "sub/dvc.yaml")
    assert done.returncode == 0, done.stderr
    assert made.read("sub/a.txt") == "[('all', 3), ('draw', {'a': 1}), ('seed', 1)]\n"
    assert made.read("sub/b.c.txt") == "[('all', 3), ('draw', {'b': {'c': 2}}), ('seed', 1)]\n"
    assert made.read("sub/deep/out.txt") == "[('size', 4)]\n"


def test_a_dvc_yaml_whose_folder_is_a_dep_is_given_as_it_is(tmp_path: Path) -> None:
    made = Foreign(tmp_path / "project").write("sub/params.yaml", "seed: 1\n")
    entry = "{cmd: cat dvc.yaml > ../out, deps: [../sub], params: [seed], outs: [../out]}"
    made.write("sub/dvc.yaml", f"stages: {{one: {entry}}}\n")
    assert made.sealed("repro", "sub/dvc.yaml").returncode == 0
    assert made.read("out") == made.read("sub/dvc.yaml")


def test_dvc_takes_no_dvc_yaml_for_a_dep_so_nobody_is_told_to_add_it(tmp_path: Path) -> None:
    made = stage(tmp_path / "project", "python r.py", deps="[r.py]")
    made.write("r.py", "print(open('dvc.yaml').read(), open('a.dvc'), file=open('out.txt', 'w'))")
    done = made.sealed("repro")
    assert done.returncode != 0
    why = "is not given to a stage: DVC takes it for no dep; `meta: {sealed: false}` unseals one"
    assert f"sealed one: dvc.yaml {why}" in done.stderr
    assert "add it" not in done.stderr


def test_a_params_file_that_is_a_dep_too_is_given_whole(tmp_path: Path) -> None:
    made = stage(
        tmp_path / "project",
        "cat params.yaml > out.txt",
        deps="[params.yaml]",
        params="[train.seed]",
    )
    assert made.sealed("repro").returncode == 0
    assert made.read("out.txt") == made.read("params.yaml")


def test_a_project_whose_commands_are_the_launcher_runs_under_it_too(tmp_path: Path) -> None:
    """`stages/run NAME`: one launcher, one sandbox, whoever starts the command."""
    plain = Project(tmp_path / "plain/project").stage("copy")
    sealed = Project(tmp_path / "sealed/project").stage("copy")
    assert plain.dvc("repro").returncode == 0
    done = Foreign(sealed.root).sealed("repro")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("sealed copy: on the host") == 1
    assert sealed.read("dvc.lock") == plain.read("dvc.lock")
    assert "Running stage" not in sealed.dvc("repro").stdout
    assert sealed.sandboxes() == []


def test_of_a_params_file_of_any_kind_only_what_is_declared_is_there(tmp_path: Path) -> None:
    made = project(tmp_path / "project", SHAPES["params of every kind"])
    made.write(
        "code/show.py",
        """
        for name in ("params.yaml", "settings.yaml", "p.json", "p.toml", "p.py"):
            print(open(name).read())
        """,
    )
    done = made.sealed("repro")
    assert done.returncode == 0, done.stderr
    seen = made.read("shown.txt")
    assert "epochs" in seen
    assert not [word for word in ("other", "HOME", '"c"', "self") if word in seen]


@pytest.mark.fault(73)
def test_between_two_commands_nothing_is_published_and_a_failure_clears_the_sandbox(
    tmp_path: Path,
) -> None:
    made = stage(tmp_path / "project", "")
    look = f"test ! -e {str(made.root / 'out.txt')!r}"
    made.write(
        "dvc.yaml",
        f"""
        stages:
          one:
            cmd:
              - echo 1 > out.txt
              - "{look.replace('"', "")} && cat out.txt && test -e {made.root}/go"
              - echo 3 >> out.txt
            deps: [data/a.txt]
            outs: [out.txt]
        """,
    )
    done = made.sealed("repro")
    assert done.returncode != 0
    assert "sealed one: one failed with exit status 1" in done.stderr
    assert made.sandboxes() == []
    assert not (made.root / "out.txt").exists()
    made.write("go", "")
    done = made.sealed("repro")
    assert done.returncode == 0, done.stderr
    assert made.read("out.txt") == "1\n3\n"
    assert done.stderr.count("on the host") == 1
    assert made.sandboxes() == []


def test_the_launcher_is_a_shell_for_whatever_is_no_stage(tmp_path: Path) -> None:
    made = stage(tmp_path / "project", "x")
    made.sealed("exp", "list")  # which writes the shell
    shell = made.root / ".dvc/tmp/sealed-shell"
    said = subprocess.run(
        [shell, "-c", "echo $0 $1 $SHELL", "a", "b"], check=True, capture_output=True, text=True
    ).stdout
    assert said == "a b /bin/sh\n"
    other = stage(tmp_path / "other", "cat data/a.txt > out.txt")
    assert "sealed one: on the host" in other.plain("repro", SHELL=str(shell)).stderr


@pytest.mark.fault(100)
def test_a_dvc_that_does_not_say_which_stage_it_runs_runs_none(tmp_path: Path) -> None:
    made = stage(tmp_path / "project", "x")
    made.sealed("exp", "list")  # which writes the shell
    shell = [str(made.root / ".dvc/tmp/sealed-shell"), "-c", "touch out.txt"]
    environ = made.environment(DVC_ROOT=str(made.root))  # all that DVC up to 3.48 says
    done = subprocess.run(
        shell, cwd=made.root, env=environ, check=False, capture_output=True, text=True
    )
    expected = "this DVC does not say which stage it runs; install DVC 3.49 or later"
    assert done.stderr == f"sealed touch out.txt: {expected}\n"
    assert done.returncode == 2
    assert not (made.root / "out.txt").exists()


def test_an_undeclared_dep_fails_and_all_that_is_wrong_is_named_at_once(tmp_path: Path) -> None:
    made = stage(tmp_path / "project", "cat data/b.txt > out.txt")
    done = made.sealed("repro")
    assert done.returncode != 0
    assert "data/b.txt" in done.stderr
    made = stage(tmp_path / "another", "echo x > data/a.txt; echo y > more.txt")
    done = made.sealed("repro")
    for words in ("did not write out.txt", "changed data/a.txt, an input", "wrote more.txt, which"):
        assert words in done.stderr


@pytest.mark.parametrize("where", ["absolute", "beside", "beside, from a wdir"])
def test_a_dep_outside_the_project_is_read_where_it_is(tmp_path: Path, where: str) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared/x.txt").write_text("shared\n")
    wdir = "code" if "wdir" in where else "."
    path = "../../shared/x.txt" if "wdir" in where else "../shared/x.txt"
    path = f"{tmp_path}/shared/x.txt" if where == "absolute" else path
    made = stage(tmp_path / "project", f"cat {path} > out.txt", deps=f"[{path}]", wdir=wdir)
    done = made.sealed("repro")
    assert done.returncode == 0, done.stderr
    assert made.read(f"{wdir}/out.txt") == "shared\n"
    before = made.read("dvc.lock")
    assert made.plain("repro", "--force").returncode == 0
    assert made.read("dvc.lock") == before
    edit = f"echo edited > {tmp_path}/shared/x.txt; touch out.txt"
    made.write("dvc.yaml", made.read("dvc.yaml").replace(f"cat {path} > out.txt", edit))
    assert "changed while one ran" in made.sealed("repro").stderr


@pytest.mark.fault(75)
def test_a_stage_that_cannot_be_sealed_says_so_and_may_run_as_it_is(tmp_path: Path) -> None:
    out = f"{tmp_path}/elsewhere.txt"
    entry = {"deps": "[data/a.txt]", "outs": f"[{{{out}: {{cache: false}}}}]"}
    made = stage(tmp_path / "project", f"cat secret.txt > {out}", **entry)
    assert "an out outside the project cannot be published whole" in made.sealed("repro").stderr
    made = stage(tmp_path / "other", f"cat secret.txt > {out}", **entry, meta="{sealed: false}")
    done = made.sealed("repro")
    assert done.returncode == 0, done.stderr
    assert "sealed one: not sealed, as its `meta` says" in done.stderr
    assert Path(out).read_text() == "s"


def test_the_users_programs_are_found_and_no_other_variables_are(tmp_path: Path) -> None:
    made = stage(tmp_path / "project", "tool; env > out.txt")
    made.write("bin/tool", "#!/bin/sh\necho found\n")
    (made.root / "bin/tool").chmod(0o755)
    path = f"{made.root}/bin:{made.environment()['PATH']}"
    done = made.sealed("repro", PATH=path, UNWANTED="1", VIRTUAL_ENV="/env")
    assert done.returncode == 0, done.stderr
    seen = made.read("out.txt").splitlines()
    assert {f"PATH={path}", "VIRTUAL_ENV=/env"} <= set(seen)
    assert "UNWANTED=1" not in seen
