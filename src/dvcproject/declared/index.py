"""DVC's own answer to what its stages are: templates, foreach, matrix, vars and wdir resolved.

`python index.py ROOT [FILE NAME]` prints it as JSON. It needs DVC and the standard library alone,
so that the Python that runs DVC can be asked where the launcher's own has none.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from io import BytesIO
from typing import Any

Blob = Callable[[str, str], bytes]  # a path, the name of git's object -> its content


def one(root: str, file: str, name: str) -> dict[str, Any]:
    """Return stage `name` of `root`/`file`. Raises DVC's errors; LookupError with the names."""
    return several(root, file, name, seconds=0)[name]


def several(root: str, file: str, name: str, *, seconds: float) -> dict[str, dict[str, Any]]:
    """Return stage `name`, and as many others of its file as DVC resolves in that time."""
    from dvc.dvcfile import load_file  # noqa: PLC0415  # a third of a second
    from dvc.exceptions import DvcException  # noqa: PLC0415
    from dvc.repo import Repo  # noqa: PLC0415

    repo = Repo(root, config={"core": {"no_scm": True}})  # git has no part in this
    project = load_file(repo, os.path.join(root, file))  # noqa: PTH118
    stages = project.LOADER(project, project.contents, {})  # without dvc.lock, which may be long
    if name not in stages:
        raise LookupError(f"expected one of the stages {', '.join(stages)}, found {name!r}")
    found = {name: _plain(stages[name], root)}
    end, names = time.monotonic() + seconds, list(stages)
    after = names.index(name) + 1
    for other in names[after:] + names[: after - 1]:
        if time.monotonic() >= end:
            break
        with suppress(DvcException):  # told when it is asked for
            found[other] = _plain(stages[other], root)
    return found


def files(root: str) -> list[dict[str, Any]]:
    """Return each dvc.yaml of the workspace with what it declares. Raises DVC's errors."""
    repo = _workspace(root)
    return [_file(repo, path) for path in _paths(repo, ("/dvc.yaml",), here=True)]


def files_at(root: str, revision: str, blob: Blob) -> list[dict[str, Any]]:
    """Return the same at a git revision. Raises DVC's errors, and those of `blob`."""
    from dvc.repo import Repo  # noqa: PLC0415
    from dvc.repo.brancher import switch  # noqa: PLC0415

    repo = Repo(root)
    with switch(repo, revision):
        _read_by(blob, repo)
        return [_file(repo, path) for path in _paths(repo, ("/dvc.yaml",), here=False)]


def _read_by(blob: Blob, repo: Any) -> None:
    """Have DVC read the files of a revision by `blob`.

    Its own reader waits for ever for an object that a partial clone lacks.
    """
    trie = repo.fs.fs.trie

    def read(key: tuple[str, ...], **_: Any) -> BytesIO:
        if trie.isdir(key):
            raise IsADirectoryError
        return BytesIO(blob("/".join(key), trie.trie[key].sha))

    trie.open = read


def every(root: str) -> list[dict[str, Any]]:
    """Return all stages of the project, and the .dvc files, which run no command.

    Raises DVC's errors.
    """
    from dvc.dvcfile import load_file  # noqa: PLC0415

    repo = _workspace(root)
    found: list[Any] = []
    for path in _paths(repo, ("/dvc.yaml", ".dvc"), here=True):
        file = load_file(repo, path)
        if path.endswith(".dvc"):
            found.append(file.stage)
        else:
            found += file.LOADER(file, file.contents, {}).values()
    return [_plain(stage, root) for stage in found]


def _workspace(root: str) -> Any:
    """Return the project in `root`: in a git repository, or in an archive without git."""
    from dvc.repo import Repo  # noqa: PLC0415
    from dvc.scm import SCMError  # noqa: PLC0415

    try:
        return Repo(root)
    except SCMError:
        return Repo(root, config={"core": {"no_scm": True}})


def _paths(repo: Any, kinds: tuple[str, ...], *, here: bool) -> Iterator[str]:
    """Yield the files of DVC's that it looks into: none that git or .dvcignore hides.

    `kinds` are the last parts of their names, `/dvc.yaml`, `.dvc`.
    """

    def ignored(path: str) -> bool:
        return here and bool(repo.scm.is_ignored(path))  # what git holds, it does not ignore

    for folder, folders, names in repo.dvcignore.walk(repo.fs, repo.root_dir, followlinks=False):
        folders[:] = [name for name in folders if not ignored(f"{folder}/{name}/")]
        for name in names:
            path = f"{folder.rstrip('/')}/{name}"
            if path.endswith(kinds) and not ignored(path):
                yield path


def _file(repo: Any, path: str) -> dict[str, Any]:
    from dvc.dvcfile import load_file  # noqa: PLC0415

    file, root = load_file(repo, path), repo.root_dir
    stages = file.LOADER(file, file.contents, {}).values()
    resolver = file.resolver
    return {
        "path": os.path.relpath(path, root),
        "stages": [_plain(stage, root) for stage in stages],
        "plots": resolver.resolve_plots() or [],
        "metrics": resolver.resolve_metrics() or [],
        "params": resolver.resolve_params() or [],
        "artifacts": resolver.resolve_artifacts() or {},
    }


def _plain(stage: Any, root: str) -> dict[str, Any]:
    from dvc.dependency.param import ParamsDependency  # noqa: PLC0415

    deps = stage.deps if stage.cmd else []  # those of a .dvc file lie elsewhere
    params = [dep for dep in deps if isinstance(dep, ParamsDependency)]
    return {
        "file": os.path.relpath(stage.path, root),
        "name": getattr(stage, "name", "") or "",
        "wdir": os.path.relpath(stage.wdir, root),
        "commands": stage.cmd if isinstance(stage.cmd, list) else (stage.cmd or "").splitlines(),
        "deps": [_place(dep, root) for dep in deps if not isinstance(dep, ParamsDependency)],
        "params": {_place(dep, root): list(dep.params) for dep in params},
        "outs": [
            {
                "path": _place(out, root),
                "cache": out.use_cache,
                "persist": out.persist,
                "metric": bool(out.metric),
                "plot": out.plot if isinstance(out.plot, dict) else bool(out.plot),
            }
            for out in stage.outs
        ],
        "meta": stage.meta,
        "frozen": bool(stage.frozen),
    }


def _place(dep: Any, root: str) -> str:
    """Return a path relative to the project, absolute outside it, or a URL."""
    if dep.protocol != "local":
        return str(dep.def_path)
    path = os.path.relpath(dep.fs_path, root)
    leaves = path == os.pardir or path.startswith(f"{os.pardir}/")
    absolute = os.path.isabs(dep.def_path)  # noqa: PTH117
    return os.path.abspath(dep.fs_path) if leaves and absolute else path  # noqa: PTH100


def main() -> int:
    """Answer as JSON; what DVC refuses, in a line."""
    root, *named = sys.argv[1:]
    try:
        found = one(root, *named) if named else every(root)
    except Exception as error:  # whatever DVC raises is its answer
        print(" ".join(str(error).split()) or repr(error), file=sys.stderr)
        return 1
    json.dump(found, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
