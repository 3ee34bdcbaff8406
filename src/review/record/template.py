"""Templates in dvc.yaml (`foreach`, `matrix`, `${...}`) written out by DVC itself.

DVC is given the files of a revision instead of those of the workspace, so that a commit can be
read too, and is asked only where there is a template.
"""

import io
import posixpath
from math import prod
from typing import Any, TextIO

from dvcproject import document
from dvcproject.revision import Revision
from review.errors import UserError

MOST = 1000  # stages that one template may stand for
WORDS = {"foreach", "matrix", "do", "vars"}


def has_any(found: Any) -> bool:
    """Tell whether a dvc.yaml has a template."""
    if isinstance(found, dict):
        return not WORDS.isdisjoint(found) or any(map(has_any, found.values()))
    if isinstance(found, list):
        return any(map(has_any, found))
    return isinstance(found, str) and "${" in found


def resolve(revision: Revision, path: str, found: dict[str, Any]) -> dict[str, Any]:
    """Return a dvc.yaml without templates. Raises UserError where DVC cannot write it out."""
    from dvc.exceptions import DvcException  # noqa: PLC0415  # only a template needs DVC
    from dvc.parsing import DataResolver, MatrixDefinition  # noqa: PLC0415
    from dvc.schema import COMPILED_MULTI_STAGE_SCHEMA  # noqa: PLC0415
    from voluptuous import Error  # noqa: PLC0415

    try:
        COMPILED_MULTI_STAGE_SCHEMA(found)
        resolver = DataResolver(_Repository(revision), posixpath.dirname(path), found)
        stages: dict[str, dict[str, Any]] = {}
        for name, definition in resolver.definitions.items():
            if isinstance(definition, MatrixDefinition):
                _bound(name, prod(len(list(v)) for v in definition.resolved_iterable.values()))
        for name in resolver.get_keys():
            stages |= resolver.resolve_one(name)
            _bound(name, len(stages))
        plots, metrics, params = (
            resolver.resolve_plots(),
            resolver.resolve_metrics(),
            resolver.resolve_params(),
        )
        tops = {"plots": plots, "metrics": metrics, "params": params}
        tops["artifacts"] = resolver.resolve_artifacts()
    except (DvcException, Error, ValueError, TypeError, LookupError, AttributeError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UserError(
            f"{revision.name}: {path}: expected templates that DVC can write out, found {reason}"
        ) from None
    return {"stages": stages, **tops}


def load(revision: Revision, path: str) -> dict[str, Any]:
    """Return a file of params in JSON, TOML or Python, as DVC reads it; it runs nothing."""
    from dvc.exceptions import DvcException  # noqa: PLC0415
    from dvc.utils.serialize import PARSERS  # noqa: PLC0415

    try:
        text = revision.require(path).decode()
        return dict(PARSERS[posixpath.splitext(path)[1].lower()](text, path))
    except (DvcException, ValueError, TypeError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{revision.name}: {path}: expected params, found {reason}") from None


def _bound(name: str, count: int) -> None:
    if count > MOST:
        raise ValueError(f"{count} stages ({name}), more than {MOST}")


class _Repository:
    """What DVC's resolver asks of a repository: its settings, and files."""

    def __init__(self, revision: Revision) -> None:
        self.config: dict[str, Any] = {}
        self.fs = _Files(revision)


class _Files:
    """The files of a revision, with the methods of a DVC file system that the resolver calls."""

    join, normpath = staticmethod(posixpath.join), staticmethod(posixpath.normpath)

    def __init__(self, revision: Revision) -> None:
        self.revision = revision

    def exists(self, path: str) -> bool:
        return self.revision.read(path) is not None

    def isdir(self, path: str) -> bool:
        del path
        return False

    def suffix(self, path: str) -> str:
        return posixpath.splitext(path)[1]

    def open(self, path: str, **_: Any) -> TextIO:
        content = self.revision.require(path)
        if posixpath.splitext(path)[1] not in {".json", ".toml", ".py"}:
            document.parse(content)  # its bounds: an alias can stand for billions of values
        return io.StringIO(content.decode())
