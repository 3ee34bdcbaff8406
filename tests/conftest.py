"""What the tests of sealed stages share."""

from pathlib import Path

import pytest

from sealed_project import Project, on


@pytest.fixture
def engine() -> str:
    """Name where the stages of a project run; a module may have its tests on several."""
    return "host"


@pytest.fixture
def project(tmp_path: Path, engine: str) -> Project:
    """Make a project at a path with a space, a comma and an accent in it."""
    return on(engine, Project(tmp_path / "a clone, à moi"))
