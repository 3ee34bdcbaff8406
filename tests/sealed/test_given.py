"""A path in a variable is found as the caller means it, and given to the stage in full."""

from pathlib import Path

import pytest

import made
from sealed.engines import command, given
from sealed.engines.engine import Engine


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "a mirror").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


FORMS = ["{}/a mirror", "a mirror", "./a mirror/", "~/a mirror", "file://{}/a%20mirror"]
FORMS += ["file:{}/a%20mirror", "file://localhost{}/a%20mirror/"]


@pytest.mark.parametrize("form", FORMS)
def test_a_dataset_mirror_in_any_form_is_mounted_and_named_by_its_whole_path(
    home: Path, form: str
) -> None:
    stage = made.stage("fetch", network=True, environment=("MIRROR",))
    room = made.room(home / "room")
    environ = {"MIRROR": form.format(home)}
    whole = f"{home}/a mirror"
    argv, _ = command.build(Engine("docker", "image", ""), stage, room, environ)
    assert f"MIRROR={whole}" in argv
    assert f"type=bind,source={whole},target={whole},readonly" in argv
    _, variables = command.build(Engine("host", "", ""), stage, room, environ)
    assert variables["MIRROR"] == whole


@pytest.mark.parametrize(
    "value", ["http://host/data", "s3://data", "file://host/data", "file:///", "~/x", "x" * 5000]
)
def test_what_names_nothing_that_is_there_is_passed_on_as_it_is(value: str) -> None:
    """NO_PROXY, say, may be longer than the name of a file can be."""
    assert given.path(value) == (Path("/") if value == "file:///" else None)
