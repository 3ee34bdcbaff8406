"""All that a stage lacks is told in one run; what it did without, although it succeeded too."""

import subprocess
from pathlib import Path

import pytest

from foreign_project import Foreign
from sealed.engines.container import image
from sealed_project import require_image


@pytest.fixture
def project(tmp_path: Path) -> Foreign:
    return Foreign(tmp_path / "project")


def declare(project: Foreign, cmd: str, *deps: str, outs: str = "[out]") -> Foreign:
    text = f"stages:\n  one:\n    cmd: {cmd}\n    deps: [{', '.join(deps)}]\n    outs: {outs}\n"
    return project.write("dvc.yaml", text)


def lines(project: Foreign) -> list[str]:
    done = project.sealed("repro")
    return [line for line in done.stderr.splitlines() if line.startswith("sealed one: ")]


def advice(project: Foreign) -> set[str]:
    return {
        line.removeprefix("sealed one: ").split(" is not declared")[0]
        for line in lines(project)
        if " is not declared; add it to the " in line and "did without" not in line
    }


def test_everything_that_is_missing_is_told_in_one_run(project: Foreign) -> None:
    project.write("params.yaml", "train: {seed: 1, rate: 2}\nother: 3\n")
    code = """
        import yaml, os
        from pkg import mod
        import flat
        p = yaml.safe_load(open("params.yaml"))
        open("out", "w").write(open("data/a.csv").read() + str(p["train"]["rate"]))
    """
    project.write("run.py", code).write("pkg/mod.py", "import pkg.deep").write("pkg/deep.py", "")
    project.write("flat.py", "").write("data/a.csv", "a").write("arg.txt", "x")
    declare(project, "python run.py arg.txt", "run.py")
    files = {"pkg/mod.py", "pkg/deep.py", "flat.py", "data/a.csv", "arg.txt"}
    assert advice(project) == files | {"params.yaml: train.rate"}


def test_an_absolute_path_of_the_sandbox_is_a_file_of_the_project(project: Foreign) -> None:
    project.write("run.py", "import os; open(os.path.abspath('da' + 'ta.csv'))")
    declare(project.write("data.csv", "x"), "python run.py", "run.py")
    assert advice(project) == {"data.csv"}


def test_a_package_without_init_that_is_imported_by_a_name_made_at_run_time(
    project: Foreign,
) -> None:
    project.write("run.py", "import importlib; importlib.import_module('p' + 'kg.mod')")
    declare(project.write("pkg/mod.py", ""), "python run.py", "run.py")
    assert advice(project) == {"pkg/mod.py"}


def test_a_missing_out_although_the_status_is_0(project: Foreign) -> None:
    code = "import sys\nfrom pathlib import Path\nif Path(sys.argv[1]).exists(): open('out', 'w')"
    project.write("run.py", code).write("data.csv", "x")
    declare(project, "python run.py data.csv", "run.py")
    assert advice(project) == {"data.csv"}
    assert any("did not write out" in line for line in lines(project))


def test_words_on_stdout_are_not_needed(project: Foreign) -> None:
    code = """
        import sys
        try:
            open("da" + "ta.csv")
        except OSError as error:
            print("cannot", error)
            sys.exit(1)
    """
    declare(project.write("run.py", code).write("data.csv", "x"), "python run.py", "run.py")
    assert advice(project) == {"data.csv"}


def test_a_stage_that_does_without_is_told_so_and_succeeds(project: Foreign) -> None:
    code = """
        import yaml
        try:
            text = open("con" + "fig.txt").read()
        except OSError:
            text = "default"
        p = yaml.safe_load(open("params.yaml"))
        open("out", "w").write(text + str(p.get("a", 0)) + str(p.get("b", 5)))
    """
    project.write("run.py", code).write("config.txt", "real").write("params.yaml", "{a: 1, b: 2}")
    declare(project, "python run.py", "run.py", outs="[out]\n    params: [a]")
    said = [line for line in lines(project) if "did without" in line]
    assert [line.split(": it did without what the project has: ")[1] for line in said] == [
        "config.txt is not declared; add it to the deps of one in dvc.yaml",
        "params.yaml: b is not declared; add it to the params of one in dvc.yaml",
    ]
    assert project.read("out") == "default15"


def test_a_pipe_hides_that_its_first_program_failed(project: Foreign) -> None:
    """The status is that of the last one; what the first said is read all the same."""
    project.write("notes.txt", "n").write("a.txt", "a")
    declare(project, "cat a.txt notes.txt | sort > out; echo made notes.txt >&2", "a.txt")
    [line] = [line for line in lines(project) if "did without" in line]
    assert line.endswith("notes.txt is not declared; add it to the deps of one in dvc.yaml")
    declare(project, "cat a.txt | sort > out; echo made notes.txt, none not found >&2", "a.txt")
    assert not [line for line in lines(project) if "did without" in line]


def test_a_folder_that_the_command_names_is_told(project: Foreign) -> None:
    project.write("box/code/a.txt", "a").write("box/code/.gitignore", "")
    declare(project, "cd box && tar -cf ../out code/")
    assert advice(project) == {"box/code"}


ENGINES = ["host", "bwrap", pytest.param("docker", marks=pytest.mark.slow)]


@pytest.mark.parametrize("engine", ENGINES)
def test_on_each_engine_it_is_told_what_python_asked_for_in_vain(
    project: Foreign, engine: str
) -> None:
    code = """
        import glob, os, subprocess, sys
        for path in ("con" + "fig.txt", os.getcwd() + "/abso" + "lute.txt", "nowhere.txt"):
            try:
                open(path)
            except OSError:
                pass
        found = glob.glob("data/*.csv")
        os.path.exists("unseen.txt")
        child = "try: open('chi' + 'ld.txt')\\nexcept OSError: pass"
        subprocess.run([sys.executable, "-c", child], check=True)
        open("out", "w").write(str(found))
    """
    for path in ("config.txt", "absolute.txt", "unseen.txt", "child.txt", "data/b.csv"):
        project.write(path, "x")
    project.on(engine).write("run.py", code).write("data/a.csv", "a")
    declare(project, "python run.py", "run.py", "data/a.csv")
    said = [line.split(" is not declared")[0] for line in lines(project) if "did without" in line]
    assert [line.rpartition(" ")[2] for line in said] == [
        *("absolute.txt", "child.txt", "config.txt", "data/b.csv"),
    ]
    assert project.read("out") == "['data/a.csv']"


@pytest.mark.slow
def test_what_an_image_says_of_pythonpath_stays(project: Foreign) -> None:
    base = require_image()
    project.on("docker")
    project.write("own/Dockerfile", f"FROM {base}\nENV PYTHONPATH=/somewhere\n")
    code = "import os; open('out', 'w').write(os.environ['PYTHONPATH'])"
    project.write("run.py", code)
    entry = "\n    meta: {sealed: {image: own}}"
    declare(project, "python run.py", "run.py", "own", outs=f"[out]{entry}")
    done = project.sealed("repro")
    assert done.returncode == 0, done.stderr
    assert project.read("out") == "/sealed/hook:/somewhere"
    tag = image.own("own", ("own",), project.root)[0]
    subprocess.run(["docker", "rmi", tag], check=True, capture_output=True)
