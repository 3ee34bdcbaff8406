"""strace: every file that a command and all that it starts ask for, whatever the language.

Not seen: what a daemon or a container reads for it, and files that were open before.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

from sealed.watch.opens import Opens

CALL = re.compile(r"(\w+)\((.*)\)\s+= (-?\d+)(?:<(.*)>)?(?: (\w+) .*)?$")
TEXT = re.compile(r'"((?:[^"\\]|\\.)*)"')
FOLDER = re.compile(r"(?:AT_FDCWD|\d+)<((?:[^>\\]|\\.)*)>")
HERE = re.compile(r"AT_FDCWD<((?:[^>\\]|\\.)*)>")
WRITING = ("O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC", "O_APPEND")
MOVES = ("rename", "link", "symlink")
CHANGES = (*MOVES, "unlink", "rmdir", "mkdir", "mknod")


def program() -> str | None:
    """Return strace, where it is and may trace."""
    found = shutil.which("strace")
    if not found:
        return None
    done = subprocess.run([found, "-f", "true"], capture_output=True, check=False)  # noqa: S603
    return found if done.returncode == 0 else None


def words(strace: str, log: Path) -> list[str]:
    """Return what to put before a command; each process gets a log of its own, `log`.PID."""
    how = ["-qq", "-y", "-s", "4096", "-e", "trace=%file,fchdir,getdents64", "-e", "signal=none"]
    return [strace, "-f", "-ff", *how, "-o", str(log), "--"]


def read(log: Path, cwd: str) -> Opens:
    """Read the logs of a command that was started in `cwd`."""
    found = Opens()
    for path in log.parent.glob(f"{log.name}.*"):
        lines = path.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
        first = next((match[1] for line in lines if (match := HERE.search(line))), "")
        here = _plain(first) or cwd
        for line in lines:
            here = _note(line, here, found)
    return found


def _note(line: str, here: str, found: Opens) -> str:
    """Note one call; return the working directory after it."""
    call = CALL.match(line)
    if not call:
        return here
    name, arguments, status, reached, error = call.groups()
    folder, texts = FOLDER.match(arguments), [_plain(text) for text in TEXT.findall(arguments)]
    base = _plain(folder[1]) if folder else here
    if name == "getdents64":
        found.note(base, "listed")
    elif name == "fchdir":
        return base
    elif texts and int(status) < 0:
        if error in {"ENOENT", "ENOTDIR"} and not name.startswith(CHANGES):
            found.note(os.path.join(base, texts[0]), "missed")  # noqa: PTH118
    elif texts and name == "chdir":
        return os.path.normpath(os.path.join(here, texts[0]))  # noqa: PTH118
    elif texts:
        last = texts[-1] if name.startswith(MOVES) else texts[0]
        path = _plain(reached) if reached else os.path.join(base, last)  # noqa: PTH118
        _note_success(name, arguments, path, found)
    return here


def _note_success(name: str, arguments: str, path: str, found: Opens) -> None:
    if name.startswith(MOVES):
        found.note(path, "written")
    elif name.startswith(("open", "creat")) and "O_DIRECTORY" not in arguments:
        writes = name == "creat" or any(flag in arguments for flag in WRITING)
        found.note(path, "written" if writes else "read")
    elif name == "execve":
        found.note(path, "read")


def _plain(text: str) -> str:
    """Undo strace's escapes, of bytes that are UTF-8."""
    if "\\" not in text:
        return text
    raw = text.encode("utf-8", "surrogateescape").decode("latin-1").encode("latin-1", "replace")
    return os.fsdecode(raw.decode("unicode_escape").encode("latin-1", "replace"))
