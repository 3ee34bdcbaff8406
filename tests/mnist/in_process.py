"""Run a command in the process of the tests, which has imported what it needs already."""

import contextlib
import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

from mnist import errors


def call(
    main: Callable[[], None], *arguments: str, folder: Path
) -> "subprocess.CompletedProcess[str]":
    """Run a `main` in `folder`, with its arguments; return its exit status and what it printed."""
    printed, reported = (io.TextIOWrapper(io.BytesIO(), "utf-8") for _ in range(2))
    status = 0
    with (
        contextlib.chdir(folder),
        patch.object(sys, "argv", ["command", *arguments]),
        contextlib.redirect_stdout(printed),
        contextlib.redirect_stderr(reported),
    ):
        try:
            errors.run(main)
        except SystemExit as ended:
            status = int(ended.code or 0)
    texts = []
    for stream in (printed, reported):
        stream.seek(0)
        texts.append(stream.read())
    return subprocess.CompletedProcess(arguments, status, *texts)
