"""The command line of `sealed`: complete help, typos refused, any folder of the project."""

import argparse
import re
from pathlib import Path

import pytest

from foreign_project import Foreign
from sealed.__main__ import COMMANDS, OF_DVC, main, parser

STAGE = {"learn": ["make"], "run": ["make"]}  # what a command needs


def help_of(*words: str, capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as ended:
        main([*words, "--help"])
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
        for word in action.option_strings or [str(action.metavar)]:
            assert word in text
        assert re.search(r"\(default: |\(required\)", str(action.help))


@pytest.mark.parametrize("name", ["repro", "exp", "queue"])
def test_the_options_that_seal_adds_to_dvc_are_in_the_help(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text = help_of(name, capsys=capsys)
    assert "--violations [FILE] write what" in text
    assert ("--jobs [N], -j [N]" in text) == (name == "repro")
    assert f"see `dvc {name} --help`" in text


@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in OF_DVC])
def test_an_option_with_a_typo_is_refused(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([name, *STAGE.get(name, []), "--typo"])
    assert ended.value.code == 2
    assert capsys.readouterr().err.endswith("error: unrecognized arguments: --typo\n")


def test_a_command_with_a_typo_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["verfy"])
    assert ended.value.code == 2
    assert "invalid choice: 'verfy' (choose from 'check', " in capsys.readouterr().err


def test_verify_takes_no_argument(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["verify", "typo"])
    assert ended.value.code == 2
    assert "unrecognized arguments: typo" in capsys.readouterr().err


@pytest.fixture
def project(tmp_path: Path) -> Foreign:
    """Return a project with a stage of its own, one that is not sealed, and a folder."""
    project = Foreign(tmp_path / "project")
    project.write("in.txt", "x\n").write("sub/empty", "")
    entry = "make: {cmd: cp in.txt out.txt, deps: [in.txt], outs: [out.txt]}"
    bare = "bare: {cmd: touch bare.txt, outs: [bare.txt], meta: {sealed: false}}"
    return project.write("dvc.yaml", f"stages:\n  {entry}\n  {bare}\n")


def test_dvc_refuses_the_typos_among_its_own_arguments(project: Foreign) -> None:
    done = project.sealed("repro", "--forec")
    assert done.returncode == 254
    assert "unrecognized arguments: --forec" in done.stderr


def test_the_commands_work_in_any_folder_of_the_project(project: Foreign) -> None:
    for words, status, text in (
        (["why"], 0, "make: on the host"),
        (["check"], 0, ""),
        (["run", "make"], 0, ""),
        (["repro", "../dvc.yaml"], 0, "Running stage '../dvc.yaml:make'"),
        (["verify"], 0, "verify: 2 outputs"),
    ):
        done = project.sealed(*words, folder="sub")
        assert done.returncode == status, done.stderr
        assert text in done.stdout


def test_run_seals_a_stage_by_its_name(project: Foreign) -> None:
    done = project.sealed("run", "make")
    assert done.stderr.startswith("sealed make: on the host")
    assert (done.returncode, project.read("out.txt")) == (0, "x\n")
    assert project.sealed("run", "--peer", "make").returncode == 0
    done = project.sealed("run", "maek")
    assert (done.returncode, "maek" in done.stderr) == (2, True)


def test_why_names_the_engine_of_each_stage_and_the_reason(project: Foreign) -> None:
    done = project.sealed("why")
    host, unsealed = done.stdout.splitlines()
    assert host.startswith("make: on the host")
    assert host.endswith("(STAGE_ENGINE=host)")
    assert unsealed == "bare: in no sandbox: its `meta` says `sealed: false`"
    assert project.sealed("why", "bare").stdout == f"{unsealed}\n"
    done = project.sealed("why", "make", STAGE_ENGINE="dokcer")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("sealed: make: STAGE_ENGINE: expected docker, podman, bwrap")
    done = project.sealed("why", "maek")
    expected = "sealed: expected one of the stages make, bare, found 'maek'\n"
    assert (done.returncode, done.stderr) == (2, expected)
