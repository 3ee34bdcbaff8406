"""What a person typed for a command: a path, a whole number."""

import argparse
from collections.abc import Callable
from pathlib import Path

from mnist.errors import UserError


def path(typed: str, name: str, example: str) -> Path:
    """Return a typed path, with `~` expanded: not every shell does so after `FROM=`.

    Raises UserError, which starts with `name`, for no path, which would mean this folder.
    """
    if not typed.strip():
        raise UserError(f"{name}: expected a path, found nothing; for example `{example}`")
    if Path(typed).exists():
        return Path(typed)
    try:
        return Path(typed).expanduser()
    except RuntimeError:
        raise UserError(f"{name}: expected a path, found {typed}: no such user") from None


def at_least(least: int) -> Callable[[str], int]:
    """Return what reads a whole number for argparse, and refuses a smaller one."""

    def read(typed: str) -> int:
        try:
            number = int(typed)
        except ValueError:
            number = least - 1
        if number < least:
            raise argparse.ArgumentTypeError(
                f"expected a whole number, {least} or more, found {typed!r:.40}"
            )
        return number

    return read
