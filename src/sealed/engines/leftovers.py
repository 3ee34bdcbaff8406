"""What a launcher that was killed left running: a container, a job."""

from collections.abc import Callable
from pathlib import Path

from sealed.engines import choose
from sealed.errors import StageError

NOTE = "engine"  # in a room's folder: the name of the engine that runs its stage


class Leftovers:
    """Clears away the containers and jobs of launchers that were killed, if they still run."""

    def __init__(self, say: Callable[[str], None]) -> None:
        """Take what reports to the user that one stays."""
        self.say = say
        self.silent: set[str] = set()  # engines that did not answer: one wait is enough

    def discard(self, folder: Path) -> None:
        """Remove that of a room, by its folder. Raises OSError where it may still run."""
        note = folder / NOTE
        name = note.read_text(encoding="utf-8", errors="replace") if note.exists() else ""
        try:
            if name in self.silent:
                raise TimeoutError(f"{name} does not answer")
            if engine := name and choose.find(name):
                engine.remove(folder)
        except (OSError, StageError) as reason:
            if name not in self.silent:
                self.say(f"{folder}: what an earlier run left there stays: {reason}")
            self.silent.add(name)
            raise OSError(str(reason)) from None
