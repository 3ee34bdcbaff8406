"""What a stage's command line names: files, and Python scripts and modules that it runs.

A shell's command is read only as far as it is plain: what holds a variable, a substitution or a
pattern names nothing, and after a `cd` into one of these nothing is known. Better a miss than a
false alarm.
"""

import os
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field

from sealed.findings import programs
from sealed.findings.known import (
    FOLDER_OPTIONS,
    LAST_IS_WRITTEN,
    OWN,
    PYTHON,
    READ_NOTHING,
    SHELLS,
    WRITES,
)
from sealed.findings.programs import UNPLAIN, Named, join, named_file

ENDS = {"&&", "||", ";", "|", "&", "|&", "(", ")", ";;"}
OPERATOR = re.compile(r"&&|\|[|&]?|;;?|&>>?|>>|[<>]&|[()<>&]")
KEYWORDS = {"if", "then", "else", "elif", "do", "while", "until", "!", "time", "exec", "nohup"}
ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)=(.*)", re.DOTALL)


@dataclass
class _Shell:
    """What is known at a place in the command; cwd is None where it is not."""

    cwd: str | None
    python_path: tuple[str, ...] = ()
    written: set[str] = field(default_factory=set)
    above: list[str | None] = field(default_factory=list)  # outside of ( and pushd


def named(command: str, wdir: str) -> list[Named]:
    """Return what a command that runs in `wdir` names, what it wrote itself before left out."""
    own = OWN.fullmatch(command.strip())
    if own:
        script = f"stages/{own[1]}.py"
        return [Named(script, script, is_script=True, cwd=wdir, python_path=("src",))]
    shell = _Shell(wdir)
    found: list[Named] = []
    words: list[str] = []
    for word in [*_tokens(command), ";"]:
        if word not in ENDS:
            words.append(word)
            continue
        found += [name for name in _simple(words, shell) if name.path not in shell.written]
        words = []
        if word == "(":
            shell.above.append(shell.cwd)
        elif word == ")" and shell.above:
            shell.cwd = shell.above.pop()
    return found


def _tokens(command: str) -> list[str]:
    lexer = shlex.shlex(command, posix=True, punctuation_chars="();<>|&")
    lexer.whitespace_split, lexer.commenters = True, ""
    found: list[str] = []
    try:
        for word in lexer:
            if word.startswith(("#", "<<")):  # a comment, a document in place
                break
            found += OPERATOR.findall(word) if set(word) <= set("();<>|&") else [word]
    except ValueError:  # a quote that does not end
        return []
    return found


def _simple(words: list[str], shell: _Shell) -> Iterator[Named]:
    """Yield what one program with its arguments and redirections names; follow `cd`."""
    rest, read, written = _redirections(words)
    while rest and rest[0] in KEYWORDS:
        rest = rest[1:]
    python_path = shell.python_path
    while rest and ((pair := ASSIGNMENT.fullmatch(rest[0])) or rest[0] in {"export", "env"}):
        if pair and pair[1] == "PYTHONPATH":
            python_path = _folders(pair[2], shell)
            if words[0] == "export":
                shell.python_path = python_path
        rest = rest[1:]
    if rest and rest[0] in {"cd", "pushd", "popd"}:
        _follow(rest, shell)
    elif shell.cwd is not None:
        for text in read:
            yield from named_file(text, shell.cwd)
        if rest:
            yield from _program(rest, shell.cwd, python_path)
        shell.written |= {join(shell.cwd, text) for text in written}


def _redirections(words: list[str]) -> tuple[list[str], list[str], list[str]]:
    """Return the words without redirections, the files read and the files written by these."""
    rest: list[str] = []
    read: list[str] = []
    written: list[str] = []
    todo = iter(words)
    for word in todo:
        if word and set(word) <= set("<>&|") and set(word) & set("<>"):
            target = next(todo, "")
            (read if word == "<" else written).append(target)
            if rest and rest[-1].isdecimal():
                rest.pop()  # 2>
        else:
            rest.append(word)
    return rest, read, written


def _follow(words: list[str], shell: _Shell) -> None:
    targets = [word for word in words[1:] if not word.startswith("-")]
    if words[0] == "popd":
        shell.cwd = shell.above.pop() if shell.above else None
        return
    if words[0] == "pushd":
        shell.above.append(shell.cwd)
    plain = len(targets) == 1 and not UNPLAIN.search(targets[0])
    known = plain and shell.cwd is not None and not os.path.isabs(targets[0])  # noqa: PTH117
    shell.cwd = join(str(shell.cwd), targets[0]) if known else None


def _folders(value: str, shell: _Shell) -> tuple[str, ...]:
    """Return the folders of a PYTHONPATH inside the project; `$PWD` is the working directory."""
    if shell.cwd is None:
        return ()
    parts = [re.sub(r"^\$(\{PWD\}|PWD)|^`pwd`", ".", part) for part in value.split(":")]
    plain = [part for part in parts if part and not UNPLAIN.search(part)]
    return tuple(join(shell.cwd, part) for part in plain if not part.startswith("/"))


def _program(words: list[str], cwd: str, python_path: tuple[str, ...]) -> Iterator[Named]:
    """Yield the program where it is a file here, what Python runs, and the files it is given."""
    python = next((at for at, word in enumerate(words) if PYTHON.fullmatch(word)), None)
    name = os.path.basename(words[0])  # noqa: PTH119
    if name in READ_NOTHING and python is None:
        return
    if name in SHELLS and len(words) > 2 and re.fullmatch(r"-\w*c", words[1]):
        yield from named(words[2], cwd)
    elif name == "make":
        yield from programs.made(words[1:], cwd)
    elif python is not None:
        ran, rest = programs.python(words[python + 1 :], cwd, python_path)
        yield from ran
        yield from _arguments(name, rest, cwd)
    else:
        ran, rest = programs.script(words, name, cwd, python_path)
        yield from ran
        yield from _arguments(name, rest, cwd)


def _arguments(program: str, words: list[str], cwd: str) -> Iterator[Named]:
    """Yield the files among a program's arguments, those left out that it is told to write."""
    if program in LAST_IS_WRITTEN:
        words = words[:-1]
    before = ""
    for word in words:
        option, equals, value = word.partition("=")
        if word.startswith("-") and equals:
            if not WRITES.fullmatch(option):
                yield from named_file(value, cwd)
        elif not word.startswith("-"):
            into = FOLDER_OPTIONS.get(program) == before
            if not into and not (before.startswith("-") and WRITES.fullmatch(before)):
                yield from named_file(value if equals and "/" not in option else word, cwd)
        before = word
