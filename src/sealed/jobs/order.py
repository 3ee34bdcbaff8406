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
    wanted = {path: [*_entries(path), *ours] for path, ours in locks.items()}
    lines = {path: [*_lines(path), *ours] for path, ours in ignored.items()}
    try:
        yield
    finally:
        for path, order in wanted.items():
            _sort(path, order)
        for path, order in lines.items():
            found = _lines(path)
            if found != (ordered := _ordered(found, order)):
                path.write_text("".join(f"{line}\n" for line in ordered), encoding="utf-8")


def _ordered(found: list[str], order: list[str]) -> list[str]:
    """Sort what is found as in an order that may have more; the rest is last."""
    return [one for one in dict.fromkeys([*order, *found]) if one in found]


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


def _entries(path: Path) -> list[str]:
    from dvc.utils.serialize import load_yaml  # noqa: PLC0415

    return list(load_yaml(str(path)).get("stages", {})) if path.exists() else []


def _sort(path: Path, names: list[str]) -> None:
    from dvc.utils.serialize import modify_yaml  # noqa: PLC0415

    found = _entries(path)
    if found != (wanted := _ordered(found, names)):
        with modify_yaml(str(path)) as data:
            data["stages"] = {name: data["stages"][name] for name in wanted}
