"""Programs of Python that start as forks of a process which has imported DVC already.

What it spares is Python's start and the imports, which take half a second of processor time. The
rest is the same: arguments, folder, environment, output, exit status. What a test sends signals to,
or what looks for its own interpreter, is started with `subprocess` instead.
"""

import atexit
import gc
import importlib
import json
import os
import runpy
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

SECONDS = 120
SERVER = "import sys; sys.path[:], modules = {}, {}; import forked; forked.serve(modules)"
DVC = (
    *("dvc.cli.parser", "dvc.repo.reproduce", "dvc.stage.run", "dvc.scm", "dvc.lock", "dvc.rwlock"),
    *("dvc.analytics", "dvc.data_cloud", "networkx", "sealed.advice", "dvcproject.declared.index"),
)


def run(
    module: str,
    *arguments: str,
    cwd: Path,
    env: dict[str, str],
    imported: tuple[str, ...] = DVC,
) -> subprocess.CompletedProcess[str]:
    """Run `python -m module arguments`; `imported` names the modules that are there already."""
    server = _server(imported)
    with tempfile.TemporaryDirectory() as folder:
        files = [str(Path(folder, name)) for name in ("stdout", "stderr")]
        json.dump([[module, *arguments], str(cwd), env, files], server.stdin)
        print(file=server.stdin, flush=True)
        status = int(server.stdout.readline())
        out, err = (Path(file).read_text(encoding="utf-8") for file in files)
    return subprocess.CompletedProcess([module, *arguments], status, out, err)


@cache
def _server(imported: tuple[str, ...]) -> Any:
    """Start the server, for as long as the tests run."""
    pipe, code = subprocess.PIPE, SERVER.format(sys.path, imported)
    server = subprocess.Popen([sys.executable, "-c", code], stdin=pipe, stdout=pipe, text=True)
    atexit.register(server.communicate)
    return server


def serve(modules: Sequence[str]) -> None:
    """Run what is asked for, one program after the other; only in the server."""
    for name in modules:
        importlib.import_module(name)
    gc.freeze()
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            _become(*json.loads(line))
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def _become(argv: list[str], cwd: str, env: dict[str, str], files: list[str]) -> NoReturn:
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number, file in enumerate(files, 1):
        os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND), number)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    sys.path.insert(0, cwd)
    sys.argv = argv
    signal.alarm(SECONDS)
    runpy.run_module(argv[0], run_name="__main__", alter_sys=True)
    sys.exit()
