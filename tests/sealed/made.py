"""A stage and a sandbox as the launcher makes them, without a project."""

from pathlib import Path
from typing import Any

from sealed.engines import choose
from sealed.engines.base import Engine
from sealed.sandbox.sandbox import Sandbox
from sealed.settings import Settings
from sealed.stage import Stage


def stage(name: str, **settings: Any) -> Stage:
    """Make a stage of this project's kind, with these settings."""
    command = f"stages/run {name}"
    return Stage("dvc.yaml", name, (command,), outs=("out.txt",), settings=Settings(**settings))


def sandbox(folder: Path) -> Sandbox:
    """Make a sandbox that was given nothing."""
    return Sandbox(folder, folder / "project", folder / "sandbox", ".", {})


def engine(name: str) -> Engine:
    """Make an engine that has not looked for what it needs."""
    found = choose.find(name)
    assert found, name
    return found
