"""A violation: what a stage does and does not declare, as data, with its repair."""

import json
from collections.abc import Iterable
from typing import Final, Literal, NamedTuple

from dvcproject.quoting import printable

READ: Final = "undeclared read"
WRITE: Final = "undeclared write"
CHANGED: Final = "input changed"
EDITED: Final = "input edited meanwhile"
OUT_MISSING: Final = "out missing"
PARAMETER: Final = "parameter undeclared"
UNSEEN: Final = "parameter unseen"
MODULE: Final = "module undeclared"
NETWORK: Final = "network refused"
DEP_MISSING: Final = "dep missing"
DEP_UNUSED: Final = "dep unused"
SETTING: Final = "setting ignored"
Kind = Literal[
    "undeclared read",
    "undeclared write",
    "input changed",
    "input edited meanwhile",
    "out missing",
    "parameter undeclared",
    "parameter unseen",
    "module undeclared",
    "network refused",
    "dep missing",
    "dep unused",
    "setting ignored",
]


class Finding(NamedTuple):
    """What is wrong with a stage; it has no place in dvc.yaml yet."""

    kind: Kind
    path: str  # relative to the project; nothing where it is no file
    reason: str
    hint: bool = False
    keys: tuple[str, ...] = ()  # of the params file `path`


class Violation(NamedTuple):
    """One difference between what a stage does and what it declares."""

    kind: Kind
    stage: str  # as DVC calls it: `train`, `each@1`, `sub/dvc.yaml:train`
    path: str  # relative to the project; a key of a params file: `params.yaml:train.seed`
    reason: str  # how it is known, and what to do
    file: str = "dvc.yaml"  # that declares the stage
    line: int = 1  # of the stage in it
    repair: str = ""  # a patch of `file`; nothing where no edit in place will do
    hint: bool = False  # it may be right as it is

    def __str__(self) -> str:
        """Return it in a line."""
        kind = f"hint: {self.kind}" if self.hint else self.kind
        where = f"{self.file}:{self.line}: {self.stage}"
        return printable(f"{where}: {kind}: {self.path}: {self.reason}")


def as_json(found: Iterable[Violation]) -> str:
    """Return violations as a JSON array."""
    return json.dumps([violation._asdict() for violation in found], indent=2)


def as_line(violation: Violation) -> str:
    """Return a violation as a line of JSON."""
    return json.dumps(violation._asdict()) + "\n"


def as_github(violation: Violation) -> str:
    """Return a violation as a line that GitHub shows beside the line of the file."""
    level = "notice" if violation.hint else "error"
    title = _escaped(f"{violation.kind} in {violation.stage}", ",:")
    text = _escaped(f"{violation.path}: {violation.reason}")
    file = _escaped(violation.file, ",:")
    return printable(f"::{level} file={file},line={violation.line},title={title}::{text}")


def _escaped(text: str, more: str = "") -> str:
    for character in "%\r\n" + more:
        text = text.replace(character, f"%{ord(character):02X}")
    return text
