"""Which variables a stage sees: the declared ones, and those that are the same for each stage."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote

from sealed.sandbox.sandbox import Sandbox
from sealed.stage import Stage

ALWAYS = {
    "LANG": "C.UTF-8",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONHASHSEED": "0",
    "SHELL": "/bin/sh",
    "TZ": "UTC",
}
PEER = "STAGE_PEER"  # the stage finds here that another run of it publishes
CERTIFICATES = ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")  # one file; which is read is the library's
FILE_URL = re.compile(r"file:(?://(?:localhost)?)?(/(?!/).*)", re.DOTALL)


def always(stage: Stage) -> dict[str, str]:
    """Return what no user's variable may change."""
    return ALWAYS | ({"PYTHONPATH": "src"} if stage.script else {})


def declared(stage: Stage, sandbox: Sandbox, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that a stage declares, where the user has set them."""
    found = {name: environ[name] for name in stage.environment if environ.get(name)}
    return found | _certificates(found) | ({PEER: "1"} if sandbox.peer else {})


def _certificates(declared: Mapping[str, str]) -> dict[str, str]:
    """Return the user's certificates under each name that a library may read them by."""
    files = [declared[name] for name in CERTIFICATES if name in declared]
    return {name: declared.get(name, files[0]) for name in CERTIFICATES if files}


def paths(variables: Mapping[str, str]) -> dict[str, str]:
    """Return, by the name of a variable, the path that its value names, if it names one."""
    named = {name: path(value) for name, value in variables.items()}
    return {name: str(found) for name, found in named.items() if found}


def path(value: str) -> Path | None:
    """Return the path that a text or a `file:` URL names, if it is absolute and exists.

    A relative one is ignored: the text may mean anything else, and a stage has another home and
    another working directory.
    """
    url = FILE_URL.fullmatch(value)
    named = os.path.normpath(unquote(url[1]) if url else value)
    exists = os.path.isabs(named) and os.path.exists(named)  # noqa: PTH110, PTH117  # Path's raises: too long
    return Path(named) if exists else None
