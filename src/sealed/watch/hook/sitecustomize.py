"""Logs what a Python process opens: on PYTHONPATH, for any Python since 3.8, in any stage.

Not seen: what a library opens by itself, in C (OpenCV, HDF5, Arrow), programs that are no Python,
Python with -S, -I or -E, and `os.stat`: nobody is told that a stage asked whether a file exists. Of
patterns those of `glob` are seen, not those of `pathlib`.
"""

import json
import os
import sys
from typing import Any

LIBRARIES = ("/site-packages/", "/dist-packages/", os.path.dirname(os.__file__) + os.sep)


class _Log:
    def __init__(self, path: str) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_CLOEXEC", 0)
        self.file = os.open(path, flags, 0o600)

    def hook(self, event: str, arguments: Any) -> None:
        try:
            self.look(event, arguments)
        except Exception:  # a stage must not fail because it is watched
            pass

    def look(self, event: str, arguments: Any) -> None:
        path = arguments[0] if arguments else None
        is_path = isinstance(path, (str, bytes))
        if event == "open" and is_path:
            self.opened(path, arguments[1], arguments[2])
        elif event in ("os.listdir", "os.scandir"):
            self.note("listed", path if is_path else ".")
        elif event == "glob.glob" and is_path:
            self.note("globbed", path)
        elif event == "os.rename":
            self.note("written", arguments[1])

    def opened(self, path: Any, mode: Any, flags: int) -> None:
        writes = bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
        if writes or bool(mode and set("wxa+") & set(mode)):
            self.note("written", path)
        elif any(part in os.fsdecode(path) for part in LIBRARIES):
            pass  # thousands of them
        elif not os.path.isdir(path):
            self.note("read" if os.path.exists(path) else "missed", path)

    def note(self, how: str, path: Any) -> None:
        path = os.path.join(os.getcwd(), os.fsdecode(path))
        os.write(self.file, (json.dumps([how, path]) + "\n").encode())


def _next() -> None:
    """Run the sitecustomize that this one hides."""
    import importlib.machinery

    here = os.path.dirname(os.path.abspath(__file__))
    others = [path for path in sys.path if os.path.abspath(path or ".") != here]
    spec = importlib.machinery.PathFinder.find_spec("sitecustomize", others)
    if spec and spec.loader:
        import importlib.util

        module = importlib.util.module_from_spec(spec)
        sys.modules["sitecustomize"] = module
        spec.loader.exec_module(module)


if os.environ.get("SEALED_WATCH"):
    try:
        sys.addaudithook(_Log(os.environ["SEALED_WATCH"]).hook)
    except OSError:  # the log cannot be written: the stage runs all the same
        pass
_next()
