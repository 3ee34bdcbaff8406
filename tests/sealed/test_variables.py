"""A stage sees the value of a declared variable as it is; a path in it is mounted at its place."""

from pathlib import Path

import pytest

import made
from sealed.engines import variables
from sealed_project import Project

ENGINES = ["docker", "bwrap", "host"]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "a mirror").mkdir()
    (tmp_path / "src").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def built(engine: str, home: Path, value: str) -> tuple[list[str], str | None]:
    """Return the command line of a stage, and the value of its variable as it sees it."""
    stage = made.stage("fetch", network=True, environment=("MIRROR",))
    sandbox = made.sandbox(home / "sandbox")
    argv, seen = made.engine(engine).command(stage, sandbox, {"MIRROR": value})
    if engine == "docker":
        [word] = [word for word in argv if word.startswith("MIRROR=")]
        return argv, word.removeprefix("MIRROR=")
    return argv, seen.get("MIRROR")


FORMS = ["{}/a mirror", "{}/a mirror/", "{}/src/../a mirror", "file://{}/a%20mirror"]
FORMS += ["file:{}/a%20mirror", "file://localhost{}/a%20mirror/"]
OTHERS = ["src", "a mirror", "./src", "../x", "~/a mirror", "~", ".", "s3://data", "{}/none"]


@pytest.mark.fault(123)
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("form", [*FORMS, *OTHERS])
def test_a_value_reaches_the_stage_as_it_is(home: Path, form: str, engine: str) -> None:
    value = form.format(home)
    argv, seen = built(engine, home, value)
    assert seen == value
    mounted = f"type=bind,source={home}/a mirror,target={home}/a mirror,readonly"
    assert (mounted in argv) == (form in FORMS and engine == "docker")
    assert not any("/src" in word for word in argv if f"MIRROR={value}" != word)


@pytest.mark.fault(123)
@pytest.mark.parametrize("value", ["/", "/usr", "/tmp", "/bin/sh", "file:///"])  # noqa: S108
def test_what_a_container_needs_of_its_own_is_not_mounted_over(home: Path, value: str) -> None:
    argv, seen = built(ENGINES[0], home, value)
    assert seen == value
    assert not any(f"source={variables.path(value)}," in word for word in argv)


@pytest.mark.parametrize("value", ["http://host/data", "file://host/data", "~/x", "x" * 5000])
def test_what_names_no_absolute_path_that_is_there_is_none(value: str) -> None:
    """NO_PROXY, say, may be longer than the name of a file can be."""
    assert variables.path(value) is None


@pytest.mark.fault(123)
@pytest.mark.parametrize("value", ["~/a mirror", "in.txt"])
def test_the_mirror_of_a_data_set_may_be_relative_for_this_project_s_launcher(
    project: Project, home: Path, value: str
) -> None:
    code = "import os; open('out.txt', 'w').write(os.environ['DATASET_MIRROR'])"
    project.stage("look", code, meta={"sealed": {"environment": ["DATASET_MIRROR"]}})
    assert project.script("look", DATASET_MIRROR=value).returncode == 0
    whole = home / "a mirror" if "~" in value else project.root / value
    assert project.read("out.txt") == str(whole)
