"""Give back what DVC took away: it deletes the outs of a stage before it runs the command.

Where the stage fails, what dvc.lock names of them comes back from DVC's cache, which often has the
uncached ones too (the run cache), and from git. What lies there by now is left as it is.
"""

import os
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path

from dvcproject import cache as dvc_cache
from dvcproject import content, lock
from dvcproject.address import Address
from dvcproject.content import Content
from dvcproject.errors import ProjectError
from dvcproject.lock import Output
from sealed.sandbox.inputs import copy
from sealed.stage import Stage, slug


def note(stage: Stage, root: Path) -> None:
    """Note that the outs of a stage are here now."""
    with suppress(OSError):  # a full disk
        _sign(stage.slug, root).parent.mkdir(parents=True, exist_ok=True)
        _sign(stage.slug, root).touch()


def restore(address: Address) -> list[str]:
    """Bring back the outs of a stage; return a line for what was there and could not be."""
    root = address.root
    try:
        missing = [out for out in lock.outputs_of(address) if not _there(root / out.path)]
        cache = dvc_cache.folder(root) if missing else root
    except (ProjectError, OSError) as reason:
        return [
            f"the outs that {lock.LOCK} names are not brought back: {reason}; "
            f"`dvc checkout {address}`"
        ]
    ran = _sign(slug(str(address)), root).exists()
    lost = [
        out.path
        for out in missing
        if not _restore(out, root, cache) and (ran or dvc_cache.stored(out.content, cache).exists())
    ]
    if not lost:
        return []
    return [
        f"{', '.join(lost)}: not there, and neither DVC's cache nor git has what {lock.LOCK} "
        f"names; run `dvc pull {address}` where a remote has it, else `dvc repro {address}` once "
        "it works"
    ]


def _sign(slug: str, root: Path) -> Path:
    return root / ".dvc/tmp/published" / slug


def _there(path: Path) -> bool:
    return os.path.lexists(path)


def _restore(output: Output, root: Path, cache: Path) -> bool:
    """Bring one output back, whole or not at all."""
    place = root / output.path
    fresh = place.with_name(f".{place.name}.{os.getpid()}")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        right = _made(output, fresh, root, cache)
        if right and not _there(place):
            fresh.rename(place)
        return right
    except (OSError, ProjectError):
        return False
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.unlink(missing_ok=True)


def _made(output: Output, fresh: Path, root: Path, cache: Path) -> bool:
    if not output.is_folder:
        right = _fetched(output.content, output.path, fresh, root, cache)
        if right and output.executable:
            fresh.chmod(0o755)
        return right
    fresh.mkdir()
    if not dvc_cache.is_stored(output.content, cache):
        return False
    for member in dvc_cache.members(output, cache):
        target = fresh / member.path.removeprefix(f"{output.path}/")
        target.parent.mkdir(parents=True, exist_ok=True)
        if not _fetched(member.content, member.path, target, root, cache):
            return False
    return True


def _fetched(wanted: Content, path: str, target: Path, root: Path, cache: Path) -> bool:
    """Write the wanted bytes to `target`; False where neither the cache nor git has them."""
    if dvc_cache.stored(wanted, cache).is_file():
        copy(dvc_cache.stored(wanted, cache), target)
        if content.agrees(target, wanted):
            return True
    for revision in ("", "HEAD"):  # what is staged, and what is committed
        command = ["git", "-C", str(root), "cat-file", "blob", f"{revision}:./{path}"]
        with target.open("wb") as file:
            subprocess.run(  # noqa: S603
                command,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.DEVNULL,
                check=False,
            )
        if content.agrees(target, wanted):
            return True
    return False
