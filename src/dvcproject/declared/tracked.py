"""What `dvc add` recorded of a path: a `.dvc` file beside it, which git holds."""

import posixpath

from dvcproject import document
from dvcproject.errors import ProjectError
from dvcproject.revision import Revision


def digest(revision: Revision, path: str) -> str | None:
    """Return the digest of a path, `.dir` at its end for a folder's; None where there is none.

    Raises ProjectError for a `.dvc` file that is none.
    """
    content = revision.read(f"{path}.dvc")
    if content is None:
        return None
    try:
        [out] = document.parse(content)["outs"]
        return str(out["md5"])
    except (ValueError, TypeError, LookupError):
        where = f"{revision.name}: {posixpath.basename(path)}.dvc"
        raise ProjectError(f"{where}: expected one out with its md5") from None
