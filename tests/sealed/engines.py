"""Stand-ins for container engines: programs on PATH that record and answer as documented."""

import json
from pathlib import Path
from typing import Any

IMAGE = "echo sha256:0"


class Engines:
    """A folder that is PATH, alone."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, name: str, *, info: Any = None, **answers: str) -> None:
        """Put an engine there; `answers` are lines of sh by its first argument."""
        answers = {"image": IMAGE, "info": f"cat <<'end'\n{json.dumps(info)}\nend"} | answers
        cases = "\n".join(f"{word}) {line}\n;;" for word, line in answers.items())
        self.program(name, f'case "$1" in\n{cases}\nesac')

    def program(self, name: str, lines: str) -> None:
        """Put a program there that records its arguments, a line a call."""
        script = f'#!/bin/sh\nPATH=/bin:/usr/bin\necho "$*" >>"{self.folder}/{name}.log"\n{lines}\n'
        (self.folder / name).write_text(script, encoding="utf-8")
        (self.folder / name).chmod(0o755)

    def calls(self, name: str, first: str) -> list[str]:
        """Return the calls of a program with this first argument."""
        log = (self.folder / f"{name}.log").read_text(encoding="utf-8").splitlines()
        return [line for line in log if line.split(" ")[0] == first]
