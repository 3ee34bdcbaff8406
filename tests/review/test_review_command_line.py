"""The command line of `review`: complete help, typos refused, any folder of the project."""

import argparse
from pathlib import Path

import pytest

from review.__main__ import COMMANDS, parser, run
from small_project import SmallProject, program


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> SmallProject:
    """Return a project with one change."""
    project = SmallProject(tmp_path_factory.mktemp("project"))
    project.repro(wrong={1})
    project.commit()
    project.params["train"]["seed"] = 2
    project.repro(wrong={1, 2})
    return project


def help_of(*words: str, capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as ended:
        run([*words, "--help"])
    assert ended.value.code == 0
    return " ".join(capsys.readouterr().out.split())


def options(name: str) -> list[argparse.Action]:
    """Return the options of a command, less `--help`."""
    [commands] = (a for a in parser([name])._actions if isinstance(a.choices, dict))
    assert isinstance(commands.choices, dict)
    return [action for action in commands.choices[name]._actions if action.dest != "help"]


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    text = help_of(capsys=capsys)
    for name, sentence in COMMANDS.items():
        assert f"{name} {sentence}" in text


@pytest.mark.parametrize("name", COMMANDS)
def test_help_has_every_option_with_its_default_and_the_exit_statuses(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text = help_of(name, capsys=capsys)
    assert "exit status: 0 " in text
    for action in options(name):
        assert action.option_strings[0] in text
        assert ("(required)" if action.required else "(default: ") in (action.help or "")


@pytest.mark.parametrize("name", COMMANDS)
def test_an_option_with_a_typo_is_refused(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    required = {"diff": ["--base=x"], "report": ["--base=x", "--output=x"]}
    required["spread"] = ["--param=x", "--metric=x"]
    with pytest.raises(SystemExit) as ended:
        run([name, *required.get(name, []), "--typo"])
    assert ended.value.code == 2
    assert capsys.readouterr().err.endswith("error: unrecognized arguments: --typo\n")


def test_a_command_with_a_typo_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run(["dif"])
    assert ended.value.code == 2
    assert "invalid choice: 'dif' (choose from 'diff', " in capsys.readouterr().err


def test_the_commands_work_in_any_folder_of_the_project(project: SmallProject) -> None:
    folder = project.root / "metrics"
    compare = ["--base", "main", "--images", "data/prepared/test.npz"]
    for words in (["locked"], ["diff", *compare], ["report", *compare, "--output", "page.html"]):
        inside, above = (program(place, *words) for place in (folder, project.root))
        assert (inside.returncode, inside.stderr) == (0, "")
        assert inside.stdout == above.stdout
    assert (folder / "page.html").read_bytes() == (project.root / "page.html").read_bytes()


def test_outside_a_project_a_command_says_so(tmp_path: Path) -> None:
    done = program(tmp_path, "locked")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"{tmp_path}: expected a DVC project around it, found none; run")
