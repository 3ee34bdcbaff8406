"""The control groups of this process, by which Linux limits a container or a service."""

from collections.abc import Iterator
from pathlib import Path

MOUNT = Path("sys/fs/cgroup")


def limits(controller: str, *names: str, root: Path = Path("/")) -> Iterator[list[str]]:
    """Yield the words that files of each group hold, of its own group and of those above it.

    `controller`: `cpu` or `memory`. `names`: files of version 1 and 2. A missing one has no words.
    """
    for group in _groups(controller, root):
        yield [word for name in names for word in _words(group / name)]


def _groups(controller: str, root: Path) -> Iterator[Path]:
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, controllers, group = line.split(":", 2)
        inner = Path(group.strip("/"))
        if not controllers:  # version 2
            mount = root / MOUNT
        elif controller in controllers.split(","):
            mount = root / MOUNT / controller
        else:
            continue
        for folder in (inner, *inner.parents):  # in a container only the outermost is there
            yield mount / folder


def _words(path: Path) -> list[str]:
    return _text(path).split()


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:  # no such limit, or a sandbox that hides it
        return ""
