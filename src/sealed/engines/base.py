"""What an engine is: one way to run the commands of a stage in its sandbox."""

import re
import signal
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from sealed.errors import SIGNALLED, StageError
from sealed.sandbox.sandbox import Sandbox
from sealed.stage import Stage
from sealed.violation import NETWORK, Finding

SHELL = "/bin/sh"
UNREACHED = (  # what a program prints that finds no network; `Connection refused` may be local
    "Network is unreachable|Temporary failure in name resolution|Name or service not known|"
    "Could not resolve host|nodename nor servname|getaddrinfo failed"
)


class Command(NamedTuple):
    """A command line, and the environment to start it with."""

    argv: list[str]
    environ: dict[str, str]


def words(python: str, stage: Stage, sandbox: Sandbox) -> list[str]:
    """Return the command line of a stage, its script's or that of a shell."""
    return [python, stage.script] if stage.script else [SHELL, "-c", sandbox.turn]


class Engine(ABC):
    """One way to run a stage. CONTRIBUTING.md describes how to add another one.

    The launcher calls `prepare`, `command`, and at the end `failure` or `explain`. An engine may
    also be made for `require` alone, or to `remove` what a launcher that was killed left running.
    """

    runs_images = False  # can run a stage that declares `image`
    runs_python = False  # can run a stage that declares `python`
    isolates = True  # hides the project around the sandbox, and the network unless declared
    needs_shared_disk = False  # other machines must see the sandbox
    starts_client = False  # the process started here only asks for the stage to be run, and ended
    signals_leader = True  # SIGTERM goes to the process that is started, too, not only to the rest
    shell_status = False  # after signal n its exit status is that of a shell, SIGNALLED + n
    grace_seconds = 5.0  # that a stage has to end after SIGTERM

    def __init__(self, name: str) -> None:
        """Make the engine of this name, by which STAGE_ENGINE asks for it."""
        self.name = name
        self.reasons: list[str] = []  # why it was chosen; `prepare` may add to them

    @property
    def where(self) -> str:
        """Where a stage runs, in a few words."""
        return f"in {self.name}"

    @property
    def software(self) -> str:
        """A name of the software a stage runs with. Checkpoints made with another are ignored."""
        return ""

    def __str__(self) -> str:
        """Return where a stage runs and why, in one line."""
        return f"{self.where} ({'; '.join(self.reasons)})"

    def require(self) -> None:
        """Raise StageError where this engine does not work on this machine."""
        return

    def prepare(self, stage: Stage, root: Path, environ: Mapping[str, str]) -> None:  # noqa: ARG002
        """Get ready to run a stage of the project in `root`. Raises StageError."""
        self.require()

    @abstractmethod
    def command(self, stage: Stage, sandbox: Sandbox, environ: Mapping[str, str]) -> Command:
        """Return what runs the stage's command `sandbox.turn`; `environ` is the user's."""

    def visible(self, sandbox: Sandbox) -> str:
        """Return the path at which a stage sees its sandbox."""
        return str(sandbox.path)

    def failure(self, folder: Path) -> str:  # noqa: ARG002
        """Return why the stage did not end by itself, if the sandbox's folder has a note of it."""
        return ""

    def remove(self, folder: Path) -> None:  # noqa: ARG002
        """End what may still run for the sandbox in `folder`. Raises OSError where that fails."""
        return

    def explain(
        self, status: int, stage: Stage, environ: Mapping[str, str], last_output: str = ""
    ) -> str:
        """Return what an exit status other than 0 means, and what to do."""
        if status in {137, -9}:
            limit = self.memory_limit(stage, environ)
            hint = f"the limit is {limit}" if limit else "see `dmesg`"
            return f"{stage.what} was killed (SIGKILL), most often for want of memory; {hint}"
        if reason := self.own_failure(status, stage, last_output):
            return reason
        if self.shell_status and SIGNALLED < status <= SIGNALLED + signal.SIGRTMAX:
            status = SIGNALLED - status
        if status < 0:
            return f"{stage.what} was ended by signal {-status}"
        return f"{stage.what} failed with exit status {status}"

    def memory_limit(self, stage: Stage, environ: Mapping[str, str]) -> str:  # noqa: ARG002
        """Return which setting limits the memory of a stage; nothing where none does."""
        return ""

    def own_failure(self, status: int, stage: Stage, last_output: str) -> str:  # noqa: ARG002
        """Return what to tell the user where the engine failed and not the stage; else nothing."""
        return ""

    def error(
        self, status: int, stage: Stage, environ: Mapping[str, str], last_output: str
    ) -> StageError:
        """Return the error of a stage that failed; a signal becomes a status as in a shell."""
        reason = self.explain(status, stage, environ, last_output)
        violations = self._refusals(stage, last_output)
        return StageError(reason, status if status > 0 else SIGNALLED - status, violations)

    def _refusals(self, stage: Stage, last_output: str) -> list[Finding]:
        """Return that a stage was refused the network, where its last output shows that."""
        if not self.isolates or stage.network or not re.search(UNREACHED, last_output):
            return []
        line = (
            "it has no network; declare `network: true` in its `meta: {sealed: ...}` if it needs it"
        )
        return [Finding(NETWORK, "", line)]
