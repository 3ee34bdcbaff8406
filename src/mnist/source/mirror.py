"""Where a file of a data set may lie: DATASET_MIRROR, a folder or URL, then the public mirrors."""

import os
import stat
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from mnist.errors import UserError
from mnist.source.dataset_spec import Archive, DatasetSpec, File

VARIABLE = "DATASET_MIRROR"
VARIABLES = ("DATASET_ARCHIVES", VARIABLE)  # in the order in which their places are tried
Place = str | Path  # a URL below which `<file>.gz` or an archive lies; a folder
Address = str | Path  # a URL; a file


def places(data_set: DatasetSpec, *own: str | None) -> list[Place]:
    """List the places to try, in order; each of `own` (`VARIABLES`) holds data sets.

    Raises UserError where one of them is no folder that is there and no URL that can be read.
    """
    mirrors = [place if "://" in place else Path(place) for place in data_set.mirrors]
    return [place for value in own if value for place in _own(data_set, value)] + mirrors


def addresses(place: Place, file: File | Archive) -> list[Address]:
    """List where in a place the file may lie; of a folder, those names that are there."""
    if isinstance(place, str):
        url = urlsplit(place)  # what follows `?`, a signature, say, stays at the end
        return [url._replace(path=f"{url.path.rstrip('/')}/{names(file)[0]}").geturl()]
    return [path for name in names(file) if os.path.lexists(path := place / name)]


def names(file: File | Archive) -> list[str]:
    """List the names that a file goes by, packed or not: as published, and with a dot."""
    if isinstance(file, Archive):
        return [file.name]
    dashed_or_not = dict.fromkeys([file.name, file.name.replace("-idx", ".idx")])
    return [name + end for name in dashed_or_not for end in (".gz", "")]


def shown(address: Address) -> str:
    """Return an address as it may be printed: no password, no signature."""
    if isinstance(address, Path) or "://" not in address:
        return str(address)
    try:
        url = urlsplit(address)
    except ValueError:
        return f"{address.partition('://')[0]}://..."
    bare = url._replace(netloc=url.netloc.rpartition("@")[2], query="", fragment="")
    return f"{bare.scheme}://{bare.netloc}{bare.path}"


def _own(data_set: DatasetSpec, value: str) -> list[Place]:
    try:
        url = urlsplit(value)
        if url.scheme in {"http", "https"}:
            return [_web(data_set, url)]
        folder = _local(value, url)
        if not stat.S_ISDIR(folder.stat().st_mode):
            raise ValueError("no folder")
    except (OSError, ValueError, RuntimeError) as error:  # RuntimeError: `~` without a home
        reason = error.strerror if isinstance(error, OSError) else error
        raise UserError(
            f"{VARIABLE}: expected a folder or URL (http, https, file) that holds "
            f"{data_set.name}/{_first(data_set)}, found {shown(value)}: {reason}"
        ) from None
    below = (folder / name for name in data_set.folders)
    return [*(place for place in below if place.is_dir()), folder]


def _first(data_set: DatasetSpec) -> str:
    if data_set.archive:
        return data_set.archive.name
    return f"{data_set.files[0].name}.gz and so on"


def _web(data_set: DatasetSpec, url: SplitResult) -> str:
    if not url.hostname or url.port == 0:  # reading `port` raises ValueError for what is no number
        raise ValueError("no server is named")
    return url._replace(path=f"{url.path.rstrip('/')}/{data_set.name}").geturl()


def _local(value: str, url: SplitResult) -> Path:
    """Return the absolute path that a text or a `file:` URL stands for."""
    if url.scheme == "file":
        if url.netloc not in {"", "localhost"}:
            raise ValueError("a server is named; write file:///, then the path")
        return Path(unquote(url.path))
    if "://" in value:
        raise ValueError(f"{url.scheme}:// is not read here; copy it to a folder first")
    path = Path(value).expanduser()
    if not path.is_absolute() and not path.exists():
        raise ValueError("no folder in the project's; write the whole path")
    return path.absolute()
