"""A violation: what a stage does and does not declare, as data, with its repair."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass

READ = "undeclared read"
WRITE = "undeclared write"
CHANGED = "input changed"
EDITED = "input edited meanwhile"
OUT_MISSING = "out missing"
PARAMETER = "parameter undeclared"
MODULE = "module undeclared"
NETWORK = "network refused"
DEP_MISSING = "dep missing"
DEP_UNUSED = "dep unused"
KINDS = (
    *(READ, WRITE, CHANGED, EDITED, OUT_MISSING),
    *(PARAMETER, MODULE, NETWORK, DEP_MISSING, DEP_UNUSED),
)


@dataclass(frozen=True)
class Violation:
    """One difference between what a stage does and what it declares."""

    kind: str  # one of KINDS
    stage: str  # as DVC calls it: `train`, `each@1`, `sub/dvc.yaml:train`
    path: str  # relative to the project; a key of a params file: `params.yaml:train.seed`
    reason: str  # how it is known, and what to do
    file: str = "dvc.yaml"  # that declares the stage
    line: int = 1  # of the stage in it
    repair: str = ""  # a patch of `file`; nothing where no edit in place will do
    hint: bool = False  # it may be right as it is

    def __post_init__(self) -> None:
        """Refuse a kind that no reader of the data would know."""
        if self.kind not in KINDS:
            raise ValueError(f"expected a kind of violation, found {self.kind!r}")

    def __str__(self) -> str:
        """Return it in a line."""
        kind = f"hint: {self.kind}" if self.hint else self.kind
        return f"{self.file}:{self.line}: {self.stage}: {kind}: {self.path}: {self.reason}"


def as_json(found: Iterable[Violation]) -> str:
    """Return violations as a JSON array."""
    return json.dumps([asdict(violation) for violation in found], indent=2)


def as_github(violation: Violation) -> str:
    """Return a violation as a line that GitHub shows beside the line of the file."""
    level = "notice" if violation.hint else "error"
    title = _escaped(f"{violation.kind} in {violation.stage}", ",:")
    text = _escaped(f"{violation.path}: {violation.reason}")
    file = _escaped(violation.file, ",:")
    return f"::{level} file={file},line={violation.line},title={title}::{text}"


def _escaped(text: str, more: str = "") -> str:
    for character in "%\r\n" + more:
        text = text.replace(character, f"%{ord(character):02X}")
    return text
