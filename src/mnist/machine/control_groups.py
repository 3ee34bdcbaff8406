"""The control groups of this process, with which Linux limits a container or a service."""

from collections.abc import Iterator
from pathlib import Path

MOUNT = Path("sys/fs/cgroup")


def limits(controller: str, *names: str, root: Path = Path("/")) -> Iterator[list[str]]:
    """Yield, for its group and each one above, the words in the files `names` of version 1 and 2.

    `controller`: `cpu` or `memory`. A missing file has no words.
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
        for folder in (inner, *inner.parents):  # in a container only the outermost exists
            yield mount / folder


def _words(path: Path) -> list[str]:
    return _text(path).split()


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:  # no such limit, or hidden by a sandbox
        return ""
