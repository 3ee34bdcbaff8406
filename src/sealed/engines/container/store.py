"""The images that docker or podman has: the one that a stage runs in, built if it is to be."""

import json
import os
import shlex
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from sealed.engines.container import image, installation
from sealed.errors import StageError
from sealed.stage import Stage


def find(name: str, stage: Stage, root: Path) -> tuple[str, str]:
    """Return the image of a stage in engine `name`, and PYTHONPATH in it. Raises StageError."""
    if stage.image:
        return _own(name, *image.own(stage.image, stage.deps, root))
    candidates = image.tags(root)
    for tag in candidates:
        if (path := _python_path(name, tag)) is not None:
            return tag, path
    if not candidates:
        raise StageError(
            f"{name}: {image.DECLARED} declares no image, nor does the stage's meta; "
            "set STAGE_ENGINE=host"
        )
    raise StageError(
        f"{name}: image {candidates[0]} is not built; {_how(name, candidates[0], root)}"
    )


def _how(name: str, tag: str, root: Path) -> str:
    """Return how an image is built: where the Makefile can do it, by that."""
    makefile = root / "Makefile"
    if makefile.exists() and "\nimage:" in makefile.read_text(encoding="utf-8", errors="replace"):
        return f"run `make image ENGINE={name}`"
    return f"run `{name} build --tag {tag} .` with the Dockerfile and the lock of {image.DECLARED}"


def _own(name: str, tag: str, folder: Path | None) -> tuple[str, str]:
    """Return a stage's own image, built from its folder if it is not there yet."""
    if (path := _python_path(name, tag)) is not None:
        return tag, path
    if folder is None:
        raise StageError(f"{name}: image {tag} is not here; run `{name} pull {tag}`")
    print(f"building the image of {folder}, once: {tag}", file=sys.stderr, flush=True)
    flags = shlex.split(os.environ.get("STAGE_BUILD_FLAGS", ""))
    build = [name, "build", "--tag", tag, *flags, str(folder)]
    if subprocess.run(build, stdout=sys.stderr, check=False).returncode:  # noqa: S603
        raise StageError(f"{name}: the image of {folder} cannot be built; what it says is above")
    return tag, _python_path(name, tag) or ""


def _python_path(name: str, tag: str) -> str | None:
    """Return PYTHONPATH in an image, often empty; None where the engine has no such image."""
    done = installation.ask(name, "image", "inspect", "--format", "{{json .Config.Env}}", tag)
    if done.returncode:
        if "no such image" in done.stderr.lower() or "not known" in done.stderr:  # podman's way
            return None
        raise installation.unanswered(name, done)
    with suppress(ValueError, TypeError, AttributeError):  # it declares none
        pairs = (variable.partition("=") for variable in json.loads(done.stdout))
        return next((value for key, _, value in pairs if key == "PYTHONPATH"), "")
    return ""
