"""What is new in dvc.lock and .gitignore, in the order in which DVC writes it one by one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Stage = Any  # of DVC


@contextmanager
def as_one_by_one(stages: list[Stage]) -> Iterator[None]:
    """Have it in that of these stages."""
    locks: dict[Path, list[str]] = {}
    ignored: dict[Path, list[str]] = {}
    for stage in stages:
        if name := getattr(stage, "name", ""):
            locks.setdefault(Path(stage.path).with_name("dvc.lock"), []).append(name)
        for out in map(Path, filter(None, (getattr(out, "fs_path", "") for out in stage.outs))):
            ignored.setdefault(out.with_name(".gitignore"), []).append(f"/{out.name}")
    entries = {path: _entries(path) for path in locks}
    lines = {path: _lines(path) for path in ignored}
    try:
        yield
    finally:
        for path, names in locks.items():
            _sort_entries(path, [*entries[path], *names])
        for path, names in ignored.items():
            _sort_lines(path, lines[path], names)


def _ordered(found: list[str], order: list[str]) -> list[str]:
    """Sort what is found as in an order that may have more; the rest is last, as it was."""
    place = {one: n for n, one in reversed(list(enumerate(order)))}
    return sorted(found, key=lambda one: place.get(one, len(order)))


def _lines(path: Path) -> list[str]:
    """Return the lines of a text, with their ends as they are."""
    text = path.read_bytes().decode(errors="surrogateescape") if path.exists() else ""
    return text.splitlines(keepends=True)


def _sort_lines(path: Path, before: list[str], order: list[str]) -> None:
    """Sort the lines that are new; what somebody wrote before them stays as it is."""
    found = _lines(path)
    old, new = found[: len(before)], found[len(before) :]
    wanted = [*old, *_ordered(new, [f"{line}\n" for line in order])]
    if found != wanted and "".join(old).strip() == "".join(before).strip():
        path.write_bytes("".join(wanted).encode(errors="surrogateescape"))


def _entries(path: Path) -> list[str]:
    from dvc.utils.serialize import load_yaml  # noqa: PLC0415

    return list(load_yaml(str(path)).get("stages", {})) if path.exists() else []


def _sort_entries(path: Path, order: list[str]) -> None:
    from dvc.utils.serialize import modify_yaml  # noqa: PLC0415

    found = _entries(path)
    if found != (wanted := _ordered(found, order)):
        with modify_yaml(str(path)) as data:
            data["stages"] = {name: data["stages"][name] for name in wanted}
