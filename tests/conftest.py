"""What the tests of sealed stages share."""

from pathlib import Path

import pytest

from sealed_project import Project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Make a project at a path with a space, a comma and an accent in it."""
    return Project(tmp_path / "a clone, à moi")
