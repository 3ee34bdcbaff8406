"""What a program on a command line runs: a script, a module, a notebook, a makefile."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from sealed.findings.known import LAUNCHERS, NOTEBOOKS, OF_PYTHON, RUNNERS

UNPLAIN = re.compile(r"[$`*?\[\]{}~\n]")  # of a shell


@dataclass(frozen=True)
class Named:
    """A file that the command names (relative to the project), or a module that it runs."""

    path: str
    text: str  # as the command has it
    is_module: bool = False
    is_script: bool = False  # run by Python, a notebook too
    cwd: str = "."  # in which the program runs
    python_path: tuple[str, ...] = ()  # folders, relative to the project


def named_file(text: str, cwd: str) -> Iterator[Named]:
    """Yield what a word names, if it may be a file."""
    if text and not UNPLAIN.search(text) and "://" not in text and len(text) < 1000:
        yield Named(join(cwd, text), text, cwd=cwd)


def join(cwd: str, path: str) -> str:
    """Return a path, written in `cwd`, from the project."""
    return os.path.normpath(os.path.join(cwd, path))  # noqa: PTH118


def made(words: list[str], cwd: str) -> Iterator[Named]:
    """Yield the makefile; the targets are what is made."""
    options = dict(pairwise(words))
    folder = options.get("-C", ".")
    if UNPLAIN.search(folder):
        return
    for file in [options["-f"]] if "-f" in options else ["GNUmakefile", "makefile", "Makefile"]:
        yield from named_file(file, join(cwd, folder))


def python(
    words: list[str], cwd: str, python_path: tuple[str, ...]
) -> tuple[list[Named], list[str]]:
    """Return the script or module that Python runs, and what follows it."""
    at = 0
    while at < len(words) and words[at].startswith("-"):
        word = words[at]
        if re.fullmatch(r"-[a-zA-Z]*m", word):
            module = words[at + 1] if at + 1 < len(words) else ""
            found = Named(module, f"-m {module}", is_module=True, cwd=cwd, python_path=python_path)
            plain = re.fullmatch(r"[\w.]+", module)
            return ([found] if plain else []), words[at + 2 :]
        if re.fullmatch(r"-[a-zA-Z]*c", word) or word == "-":
            return [], words[at + 2 :] if word != "-" else words[at + 1 :]
        at += 2 if word in OF_PYTHON else 1
    if at == len(words) or UNPLAIN.search(words[at]):
        return [], words[at + 1 :]
    path = join(cwd, words[at])
    found = Named(path, words[at], is_script=True, cwd=cwd, python_path=python_path)
    return [found], words[at + 1 :]


def script(
    words: list[str], name: str, cwd: str, python_path: tuple[str, ...]
) -> tuple[list[Named], list[str]]:
    """Return the Python script or notebook that is the program, or that a known one runs."""
    if name == "papermill" or (name in NOTEBOOKS and {"execute", "--execute"} & set(words)):
        return _notebook(words, name, cwd, python_path)
    runs = name in RUNNERS | LAUNCHERS
    for at, word in enumerate(words if runs else words[:1]):
        if word.endswith(".py") and not word.startswith("-") and not UNPLAIN.search(word):
            found = Named(join(cwd, word), word, is_script=True, cwd=cwd, python_path=python_path)
            return [found], words[at + 1 :]
    return list(named_file(words[0], cwd)) if "/" in words[0] else [], words[1:]


def _notebook(
    words: list[str], name: str, cwd: str, python_path: tuple[str, ...]
) -> tuple[list[Named], list[str]]:
    """Return the notebook that is run; papermill does so where it is called, others where it lies.

    Of what follows nothing is sure to be read: papermill is told what to write, and parameters.
    """
    at = next((at for at, word in enumerate(words) if word.endswith(".ipynb")), None)
    if at is None or UNPLAIN.search(words[at]):
        return [], []
    path = join(cwd, words[at])
    there = cwd if name == "papermill" else os.path.dirname(path) or "."  # noqa: PTH120
    return [Named(path, words[at], is_script=True, cwd=there, python_path=python_path)], []
