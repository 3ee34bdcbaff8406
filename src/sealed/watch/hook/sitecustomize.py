"""Logs what a Python process opens: on PYTHONPATH, for any Python since 3.8, in any stage.

Not seen: what a library opens by itself, in C (OpenCV, HDF5, Arrow), programs that are no Python,
Python with -S, -I or -E, and `os.stat`: nobody is told that a stage asked whether a file exists.
"""

import json
import os
import sys
from typing import Any


def _watch(log: str) -> None:
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_CLOEXEC", 0), 0o600)

    def note(how: str, path: Any) -> None:
        path = os.path.join(os.getcwd(), os.fsdecode(path))
        os.write(file, (json.dumps([how, path]) + "\n").encode())

    def hook(event: str, arguments: Any) -> None:
        try:
            path = arguments[0] if arguments else None
            if event == "open" and isinstance(path, (str, bytes)):
                mode, flags = arguments[1], arguments[2]
                writes = bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
                writes = writes or bool(mode and set("wxa+") & set(mode))
                if writes:
                    note("written", path)
                elif not os.path.isdir(path):
                    note("read" if os.path.exists(path) else "missed", path)
            elif event in ("os.listdir", "os.scandir"):
                note("listed", "." if not isinstance(path, (str, bytes)) else path)
            elif event == "os.rename":
                note("written", arguments[1])
        except Exception:  # a stage must not fail because it is watched
            pass

    sys.addaudithook(hook)


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
        _watch(os.environ["SEALED_WATCH"])
    except OSError:  # the log cannot be written: the stage runs all the same
        pass
_next()
