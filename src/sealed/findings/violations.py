"""Findings as violations: with their line in dvc.yaml and their repair."""

import os
from collections.abc import Iterator
from pathlib import Path

from sealed.errors import StageError
from sealed.findings import entry, project
from sealed.findings.checker import Checker
from sealed.stage import Stage
from sealed.violation import MODULE, PARAMETER, READ, UNSEEN, WRITE, Finding, Violation


def check(
    root: Path, names: tuple[str, ...] = (), *, repairs: bool = True
) -> tuple[int, list[Violation]]:
    """Check the stages with these names, or all; return how many they are, and what is wrong.

    Each repair takes some milliseconds. Raises StageError.
    """
    declared = project.read(root)
    stages = project.named(declared.stages, names)
    checker = Checker(declared)
    texts = {stage.file: _text(root / stage.file) for stage in stages}
    violations = [
        violation(finding, stage, texts[stage.file], repair=repairs)
        for stage in stages
        for finding in checker.findings(stage)
    ]
    return len(stages), violations


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


def _repair(findings: list[Finding], stage: Stage, text: str) -> str:
    try:
        after = extended(text, stage, findings)
    except StageError:  # of a template, for instance: the reason says what to do
        return ""
    return entry.patch(text, after, stage.file)


def extended(text: str, stage: Stage, findings: list[Finding]) -> str:
    """Return the text of dvc.yaml with what the findings name declared. Raises StageError."""
    deps = [_from(stage.wdir, each.path) for each in findings if each.kind in {READ, MODULE}]
    params: dict[str, list[str]] = {}
    for each in findings:
        if each.kind == PARAMETER or (each.kind == UNSEEN and each.keys[1:]):
            params.setdefault(_from(stage.wdir, each.path), []).append(".".join(each.keys))
    outs = [_from(stage.wdir, each.path) for each in findings if each.kind == WRITE]
    return entry.extended(text, stage.name, deps, params, outs)


def repairs(root: Path, names: tuple[str, ...] = ()) -> Iterator[str]:
    """Yield a patch for each dvc.yaml that declares what is missing, hints left out."""
    declared = project.read(root)
    checker = Checker(declared)
    for file in dict.fromkeys(stage.file for stage in declared.stages):
        before = after = _text(root / file)
        for stage in project.named(declared.stages, names):
            if stage.file == file:
                findings = [each for each in checker.findings(stage) if not each.hint]
                try:
                    after = extended(after, stage, findings)
                except StageError:
                    continue
        if after != before:
            yield entry.patch(before, after, file)


def _from(wdir: str, path: str) -> str:
    """Return a path of the project as the stage writes it."""
    return os.path.relpath(path, wdir)
