"""Which of the files that a stage opened are deps of it."""

import re
from collections import defaultdict
from pathlib import PurePosixPath

from sealed.findings.project import Project, covered
from sealed.stage import Stage
from sealed.watch.opens import Opens, inside

MANY = 20  # files of a folder, all of them read: the folder
OF_TOOLS = re.compile(
    r"\.git.*|\.dvc.*|dvc\.(yaml|lock)|site-packages|pyvenv\.cfg|.*\.(egg|dist)-info|.*\.dvc"
)
BYTECODE = re.compile(r"(.*/)?__pycache__/([^/.]+)\.[^/]*\.pyc")


def undeclared(opens: Opens, stage: Stage, project: Project) -> list[str]:
    """Return what to add to a stage's deps, relative to the project."""
    root = str(project.root)
    written = inside(opens.written, root)
    found = set()
    for path in inside(opens.read, root):
        source = BYTECODE.sub(r"\1\2.py", path)
        if source not in written and _may_be_a_dep(source, stage, project):
            found.add(_whole(source, project))
    return sorted(_in_folders(found, project))


def _may_be_a_dep(path: str, stage: Stage, project: Project) -> bool:
    if any(OF_TOOLS.fullmatch(part) for part in PurePosixPath(path).parts):
        return False
    declared = {*stage.deps, *stage.written, *stage.params}
    is_file = (project.root / path).is_file()
    return is_file and not covered(path, declared) and project.is_kept(path)


def _whole(path: str, project: Project) -> str:
    """Return the output of another stage, or what a .dvc file keeps, that the path is in."""
    folders = [str(folder) for folder in PurePosixPath(path).parents]
    return next((folder for folder in folders if folder in project.outs), path)


def _in_folders(paths: set[str], project: Project) -> set[str]:
    """Put a folder in the place of many files, where it holds no others."""
    members = defaultdict(set)
    for path in paths:
        members[str(PurePosixPath(path).parent)].add(path)
    for folder, read in members.items():
        everything = {
            str(path.relative_to(project.root))
            for path in (project.root / folder).iterdir()
            if path.name not in {"__pycache__", ".gitignore"}
        }
        if len(read) > MANY and folder != "." and everything == read:
            paths = (paths - read) | {folder}
    return paths
