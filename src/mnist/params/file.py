"""params.yaml: its sections, each read as the class that describes it."""

from pathlib import Path
from typing import Any

from mnist import document
from mnist.errors import UserError
from mnist.schema import S, validate

PARAMS = Path("params.yaml")


def read(section: str, kind: type[S], path: Path = PARAMS) -> S:
    """Read one section of `path` as a `kind`. Raises UserError with one line per error."""
    return pick(load(path), section, kind, path)


def pick(sections: dict[str, Any], section: str, kind: type[S], path: Path = PARAMS) -> S:
    """Check one section of those that `load` returned. Raises UserError with one line per error."""
    if section not in sections:
        raise UserError(f"{path}: {section}: the section is missing; see recipes/ for examples")
    return validate(sections[section], kind, path, section)


def load(path: Path = PARAMS) -> dict[str, Any]:
    """Read the sections of `path`, unchecked. Raises UserError if there are none."""
    try:
        sections = document.load(path)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; copy one from recipes/") from None
    except OSError as error:
        raise UserError(f"{path}: expected a file that can be read, {error.strerror}") from None
    except ValueError as error:
        raise UserError(f"{path}: expected plain YAML, found {error}") from None
    if not isinstance(sections, dict):
        found = "an empty file" if sections is None else type(sections).__name__
        raise UserError(f"{path}: expected sections of `key: value`, found {found}")
    return sections
