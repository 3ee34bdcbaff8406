"""Findings as violations: with their line in dvc.yaml and their repair."""

import os
from collections.abc import Iterator
from pathlib import Path

from sealed.check import entry, project
from sealed.check.findings import Checker
from sealed.errors import StageError
from sealed.stage import Stage
from sealed.violation import MODULE, PARAMETER, READ, UNSEEN, WRITE, Finding, Violation


def check(
    root: Path, names: tuple[str, ...] = (), *, repairs: bool = True
) -> tuple[int, list[Violation]]:
    """Look at the stages with these names, or at all; return how many and what is wrong.

    A repair takes some milliseconds each. Raises StageError.
    """
    read = project.read(root)
    chosen = [stage for stage in read.stages if not names or _is_one(stage, names)]
    for name in names:
        if not any(_is_one(stage, (name,)) for stage in read.stages):
            known = ", ".join(stage.address for stage in read.stages)
            raise StageError(f"expected one of the stages {known}, found {name!r}")
    checker = Checker(read)
    texts = {stage.file: _text(root / stage.file) for stage in chosen}
    found = [
        violation(finding, stage, texts[stage.file], repair=repairs)
        for stage in chosen
        for finding in checker.findings(stage)
    ]
    return len(chosen), found


def _is_one(stage: Stage, names: tuple[str, ...]) -> bool:
    return stage.address in names or stage.address.rpartition("@")[0] in names


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def violation(finding: Finding, stage: Stage, text: str, *, repair: bool) -> Violation:
    """Return a finding with its place in the text of dvc.yaml, and its repair where one will do."""
    path = ":".join([finding.path, ".".join(finding.keys)] if finding.keys else [finding.path])
    return Violation(
        kind=finding.kind,
        stage=stage.address,
        path=path,
        reason=finding.reason,
        file=stage.file,
        line=entry.line(text, stage.name),
        repair=_repair([finding], stage, text) if repair else "",
        hint=finding.hint,
    )


def _repair(found: list[Finding], stage: Stage, text: str) -> str:
    try:
        after = extended(text, stage, found)
    except StageError:  # of a template, say: the words of the reason must do
        return ""
    return entry.patch(text, after, stage.file)


def extended(text: str, stage: Stage, found: list[Finding]) -> str:
    """Return the text of dvc.yaml with what was found declared. Raises StageError."""
    deps = [_from(stage.wdir, one.path) for one in found if one.kind in {READ, MODULE}]
    params: dict[str, list[str]] = {}
    for one in found:
        if one.kind == PARAMETER or (one.kind == UNSEEN and one.keys[1:]):
            params.setdefault(_from(stage.wdir, one.path), []).append(".".join(one.keys))
    outs = [_from(stage.wdir, one.path) for one in found if one.kind == WRITE]
    return entry.extended(text, stage.name, deps, params, outs)


def repairs(root: Path, names: tuple[str, ...] = ()) -> Iterator[str]:
    """Yield a patch for each dvc.yaml that declares what is missing, hints left out."""
    read = project.read(root)
    checker = Checker(read)
    for file in dict.fromkeys(stage.file for stage in read.stages):
        before = after = _text(root / file)
        for stage in read.stages:
            if stage.file == file and (not names or _is_one(stage, names)):
                found = [one for one in checker.findings(stage) if not one.hint]
                try:
                    after = extended(after, stage, found)
                except StageError:
                    continue
        if after != before:
            yield entry.patch(before, after, file)


def _from(wdir: str, path: str) -> str:
    """Return a path of the project as the stage writes it."""
    return os.path.relpath(path, wdir)
