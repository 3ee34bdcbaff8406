"""Is all what dvc.lock and .dvc files say? `sealed verify`, `python -m sealed.verify`.

Every byte is read again, in the workspace and in the cache: DVC itself takes an object of its
cache that is read-only to be good (treeverse/dvc#5978). What a .dvc file tracks need not be here;
what there is of it is read.
"""

import argparse
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from dvcproject import cache as dvc_cache
from dvcproject import content
from dvcproject import folder as folders
from dvcproject.cache import is_stored, members, stored
from dvcproject.content import Content, Read
from dvcproject.errors import ProjectError
from dvcproject.lock import LOCK, Output, outputs
from dvcproject.quoting import printable
from dvcproject.root import find

NOTHING = "nothing"
DESCRIPTION = """Reads every output of the project again, in the workspace and in DVC's cache, and
compares it with dvc.lock and the .dvc files. Exit status: 0 where all are equal; 1 where something
differs; 2 where there is nothing to compare, or one of these files cannot be read."""


def mistakes(
    expected: list[Output], root: Path, cache: Path, *, allow_missing: bool = False
) -> Iterator[str]:
    """Yield a line for whatever is not as expected; `cache` is DVC's cache folder."""
    read = content.once()  # what is linked to the cache, or in it for two outputs, is large
    for output in expected:
        optional = allow_missing or output.tracked
        if optional and not os.path.lexists(root / output.path):
            yield from _check_objects(output, cache, read)
        elif output.is_folder:
            yield from _check_folder(output, root, cache, read)
        else:
            yield from _check_file(output, root, cache, read)


def _check_objects(output: Output, cache: Path, read: Read) -> Iterator[str]:
    """Look at what the cache has of something that is not in the workspace: whatever it has."""
    object_ = stored(output.content, cache)
    good = is_stored(output.content, cache, read)
    if os.path.lexists(object_) and not good:
        yield _object_mistake(output, object_, restorable=False)
    for member in members(output, cache) if good and output.is_folder else ():
        yield from _check_objects(member, cache, read)


def _check_folder(output: Output, root: Path, cache: Path, read: Read) -> Iterator[str]:
    """Compare a folder member by member, as its object in the cache lists them."""
    folder = root / output.path
    here = folders.listing(folder, root, read) if folder.is_dir() else []
    right = folder.is_dir() and folders.digest(here) == output.content.md5
    good = is_stored(output.content, cache, read)
    if not good and output.cached:
        yield _object_mistake(output, stored(output.content, cache), restorable=right)
    if not folder.is_dir() or not (good or right):
        found = f"MD5 {folders.digest(here)}" if folder.is_dir() else _describe(folder)
        yield _workspace_mistake(output, found, restorable=good and output.cached)
        return
    expected = members(output, cache) if good else [_member(output, entry) for entry in here]
    for member in expected:
        yield from _check_file(member, root, cache, read)
    known = {member.path for member in expected}
    for path in sorted(str(path.relative_to(root)) for path in folders.members(folder, root)):
        if path not in known:
            yield _stray(output, path)


def _member(folder: Output, entry: dict[str, str]) -> Output:
    path = f"{folder.path}/{entry['relpath']}"
    return folder._replace(path=path, content=Content(entry["md5"], None))


def _check_file(output: Output, root: Path, cache: Path, read: Read) -> Iterator[str]:
    object_ = stored(output.content, cache)
    right = content.agrees(root / output.path, output.content, read)
    good = is_stored(output.content, cache, read)
    if not good and (output.cached or object_.exists()):  # the run cache may keep the others too
        yield _object_mistake(output, object_, restorable=right)
    if not right:
        found = _describe(root / output.path)
        yield _workspace_mistake(output, found, restorable=good and output.cached)


def _object_mistake(output: Output, path: Path, *, restorable: bool) -> str:
    fix = f"`dvc commit --force {output.stage}`"
    if not restorable and output.tracked:
        fix = f"`dvc fetch {output.stage}` where the remote has it whole: no stage makes it again"
    elif not restorable:
        fix = f"`dvc fetch {output.stage}`, or without a remote `dvc repro {output.stage}`"
    advice = f"delete it and run {fix}" if path.exists() else f"run {fix}"
    return (
        f"{path}: the cache's copy of {output.path}: expected {output.content}, "
        f"found {_describe(path)}; {advice}"
    )


def _workspace_mistake(output: Output, found: str, *, restorable: bool) -> str:
    fix = f"dvc checkout {output.path}" if restorable else f"dvc repro --force {output.stage}"
    advice = f"run `{fix}`" if found == NOTHING else f"delete it and run `{fix}`"
    if output.tracked:
        advice = f"run `dvc {'checkout' if restorable else 'pull'} --force {output.path}`"
        advice += "" if found == NOTHING else f"; {_meant(output)}"
    return f"{output.path}: expected {output.content}, found {found}; {advice}"


def _stray(folder: Output, path: str) -> str:
    if folder.tracked:
        return f"{path}: {folder.stage} knows no such file; delete it; {_meant(folder)}"
    return f"{path}: {LOCK} knows no such file; delete it"


def _meant(output: Output) -> str:
    """Say how to keep a change: somebody's own data is there to be changed."""
    return f"if it is meant to be so, `dvc commit --force {output.stage}`"


def _describe(path: Path) -> str:
    if path.is_dir():
        return "a folder"
    if path.is_file():
        return str(content.content(path))
    return "a broken link or a device" if os.path.lexists(path) else NOTHING


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to a program's."""
    text = "is every output what dvc.lock and .dvc files say?"
    _add_options(commands.add_parser("verify", help=text, description=DESCRIPTION))


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--allow-missing",
        action="store_true",
        help="accept outputs that are not in the workspace (default: report them)",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Verify the project around the working directory. Raises ProjectError, OSError."""
    root = find(Path.cwd())
    checked, cache = outputs(root), dvc_cache.folder(root)
    if not options.allow_missing:
        _require_any(checked, root, cache)
    found = list(mistakes(checked, root, cache, allow_missing=options.allow_missing))
    for line in found:
        print(f"verify: {printable(line)}", file=sys.stderr)
    if found and root != Path.cwd():
        print(f"verify: these paths start in {root}: run the commands there", file=sys.stderr)
    if not found:
        print(_summary(checked, root))
    return 1 if found else 0


def _require_any(checked: list[Output], root: Path, cache: Path) -> None:
    """Raise ProjectError where the workspace and the cache have none of the cached outputs."""
    cached = [output for output in checked if output.cached and not output.tracked]
    places = [place for o in cached for place in (root / o.path, stored(o.content, cache))]
    if cached and not any(map(os.path.lexists, places)):
        raise ProjectError(
            f"{cached[0].path}: expected this and the other outputs that {LOCK} names, found none "
            f"of the {len(cached)} that DVC keeps: nothing has been run here yet; run "
            f"`{_command('repro', root)}`, or `{_command('pull', root)}` if a DVC remote has them"
        )


def _command(name: str, root: Path) -> str:
    """Return what runs a command of DVC: `make`, where the project's Makefile has it."""
    makefile = root / "Makefile"
    if makefile.is_file():
        text = makefile.read_text(encoding="utf-8", errors="replace")
        if re.search(rf"^{name}:", text, re.MULTILINE):
            return f"make {name}"
    return f"dvc {name}"


def main() -> int:
    """Verify; a user's mistake ends in one line."""
    parser = argparse.ArgumentParser(prog="sealed.verify", description=DESCRIPTION)
    _add_options(parser)
    try:
        return run(parser.parse_args())
    except ProjectError as reason:
        print(f"verify: {reason}", file=sys.stderr)
        return reason.status
    except OSError as error:
        print(f"verify: {printable(str(error))}", file=sys.stderr)
        return 2


def _summary(checked: list[Output], root: Path) -> str:
    """Report how much was read, and how many outputs are not in the workspace."""
    made = [output for output in checked if not output.tracked]
    here = _present(made, root)
    text = f"verify: {len(here)} outputs, {_megabytes(here)}, are what {LOCK} says"
    if len(here) < len(made):
        text += f"; {len(made) - len(here)} of its outputs not here"
    if tracked := [output for output in checked if output.tracked]:
        here = _present(tracked, root)
        text += f"; {len(here)}, {_megabytes(here)}, what .dvc files say"
        if len(here) < len(tracked):
            text += f"; {len(tracked) - len(here)} of theirs not here"
    return text


def _present(checked: list[Output], root: Path) -> list[Output]:
    return [output for output in checked if os.path.lexists(root / output.path)]


def _megabytes(checked: list[Output]) -> str:
    return f"{sum(output.content.size or 0 for output in checked) / 1e6:.1f} MB"


if __name__ == "__main__":
    sys.exit(main())
