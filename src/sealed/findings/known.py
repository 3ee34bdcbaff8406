"""Programs that are known: what they run, and which of their words are no files that they read."""

import re

PYTHON = re.compile(r"(.*/)?(python|pypy)[\d.]*|ipython")
OWN = re.compile(r"(?:\./)?stages/run ([\w-]+)")  # this package's launcher runs stages/NAME.py
RUNNERS = {"uv", "poetry", "pipenv", "pdm", "hatch", "rye", "conda", "mamba", "micromamba", "env"}
LAUNCHERS = {
    "accelerate",
    "torchrun",
    "deepspeed",
    "streamlit",
    "horovodrun",
    "kernprof",
    "coverage",
}
NOTEBOOKS = {"jupyter", "jupyter-execute", "jupyter-nbconvert", "jupytext"}
READ_NOTHING = {
    *("echo", "printf", "mkdir", "rmdir", "rm", "touch", "mv", "true", "false", "test", "[", "set"),
    *(
        "git",
        "pip",
        "dvc",
        "chmod",
        "chown",
        "tee",
        "which",
        "kill",
        "sleep",
        "export",
        "ls",
        "find",
    ),
}
LAST_IS_WRITTEN = {"cp", "ln", "rsync", "install", "gsutil", "convert", "pandoc"}
WRITES = re.compile(
    r"-o|-O|--?(.*[-_])?(out|dest|sav|log|writ|target|export|result|report|to|dir)\w*([-_].*)?"
)
FOLDER_OPTIONS = {"unzip": "-d", "tar": "-C", "wget": "-P"}
OF_PYTHON = {"-W", "-X", "--check-hash-based-pycs"}  # its options with a value
SHELLS = {"sh", "bash", "dash", "zsh"}
