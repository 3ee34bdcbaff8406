"""The paths that a stage opened: for reading, for writing, or although they do not exist."""

import os
from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass
class Opens:
    """Absolute paths, with the programs' own working directories resolved."""

    read: set[str] = field(default_factory=set)
    written: set[str] = field(default_factory=set)
    missed: set[str] = field(default_factory=set)  # not there when it was asked for
    listed: set[str] = field(default_factory=set)  # folders
    globbed: set[str] = field(default_factory=set)  # patterns

    def note(self, path: str, how: str) -> None:
        """Note one open; `how` is the name of one of these sets."""
        getattr(self, how).add(os.path.normpath(path))

    def update(self, other: "Opens") -> None:
        """Take up what another log holds."""
        for how in vars(self):
            getattr(self, how).update(getattr(other, how))


def inside(paths: Iterable[str], folder: str) -> set[str]:
    """Return the paths below a folder, relative to it."""
    base = folder.rstrip("/") + "/"
    return {path[len(base) :] for path in paths if path.startswith(base)}
