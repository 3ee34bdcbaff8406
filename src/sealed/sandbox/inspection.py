"""What came out of a sandbox: every out, whole, and nothing that was not declared."""

from collections.abc import Iterator
from pathlib import PurePosixPath

from sealed.errors import StageError
from sealed.sandbox.sandbox import Sandbox, files
from sealed.stage import Stage
from sealed.violation import CHANGED, OUT_MISSING, WRITE, Finding


def inspect(sandbox: Sandbox, stage: Stage) -> None:
    """Raise StageError, naming all of them, for what is missing, spoilt or not declared."""
    found = list(mistakes(sandbox, stage))
    if found:
        raise StageError("; ".join(one.reason for one in found), found=found)


def mistakes(sandbox: Sandbox, stage: Stage) -> Iterator[Finding]:
    """Yield each out that is missing, input that was changed, file that is no out."""
    for out in stage.written:
        if not (sandbox.path / out).exists():
            line = f"{stage.what} did not write {out}, which {stage.file} declares for {stage.name}"
            yield Finding(OUT_MISSING, out, line)
    found = files(sandbox.path)
    outs = [PurePosixPath(out) for out in stage.written]
    for path in sorted(found.keys() | sandbox.given.keys()):
        if not any(PurePosixPath(path).is_relative_to(out) for out in outs):
            if sandbox.given.get(path) != found.get(path):
                yield _undeclared(path, stage, given=path in sandbox.given)
        elif (sandbox.path / path).is_symlink():
            yield Finding(OUT_MISSING, path, f"{stage.what} wrote {path} as a link; write a file")
        elif not (sandbox.path / path).is_file():
            yield Finding(OUT_MISSING, path, f"{stage.what} wrote {path} as a device; write a file")


def _undeclared(path: str, stage: Stage, *, given: bool) -> Finding:
    if given:
        line = f"{stage.what} changed {path}, an input; write the result to an out of its own"
        return Finding(CHANGED, path, line)
    line = (
        f"{stage.what} wrote {path}, which is not declared; "
        f"add it to the outs of {stage.name} in {stage.file}, or write it to a temporary file"
    )
    return Finding(WRITE, path, line)
