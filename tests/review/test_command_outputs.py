"""The commands where one cannot write, or not every character: a line, or a question mark."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from review import errors
from small_project import SmallProject, program

IMAGES = ["--images", "data/prepared/test.npz"]
SOURCE = Path(__file__).parents[2] / "src"
ENV = os.environ | {"PYTHONPATH": str(SOURCE), "PYTHONDONTWRITEBYTECODE": "1"}
COMMANDS = {
    "diff": ["--base", "main", "--images", "data/prepared/test.npz"],
    "report": ["--base", "main", "--output", "report.html"],
    "locked": [],
    "spread": ["--seeds", "2", "--param", "train.seed", "--metric", "accuracy"],
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> SmallProject:
    """Build a project whose workspace has an image to draw."""
    project = SmallProject(tmp_path_factory.mktemp("outputs"))
    project.repro(wrong={1})
    project.commit()
    project.params["train"]["seed"] = 2
    project.repro(wrong={1, 2})
    return project


def test_ctrl_c_ends_in_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    def main() -> None:
        raise KeyboardInterrupt

    with pytest.raises(SystemExit) as ended:
        errors.run(main)
    assert (ended.value.code, capsys.readouterr().err) == (130, "interrupted\n")


def command(
    project: SmallProject, name: str, *options: str, **env: str
) -> subprocess.CompletedProcess[bytes]:
    argv = [sys.executable, "-m", "review", name, *(options or COMMANDS[name])]
    return subprocess.run(argv, cwd=project.root, env=ENV | env, check=False, capture_output=True)


@pytest.mark.fault(58)
@pytest.mark.takes(20, "`spread` trains twice, through DVC")
@pytest.mark.parametrize(
    ("name", "encoding"), [("diff", "latin-1"), *((name, "ascii") for name in COMMANDS)]
)
def test_output_that_is_not_utf8_has_question_marks(
    project: SmallProject, name: str, encoding: str
) -> None:
    done = command(project, name, PYTHONIOENCODING=encoding)
    assert b"Traceback" not in done.stderr
    # no DVC project here: the last one ends in words of its own
    assert done.returncode == (2 if name == "spread" else 0), done.stderr
    if name == "diff":
        assert b"**No difference beyond noise: of 100 test images 0 won, 1 lost" in done.stdout
        assert b"#2: 2, 2 ? 3" in done.stdout


@pytest.mark.fault(58)
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("diff", ["--base", "main", "--output", "review.md"]),
        ("diff", ["--base", "main", "--picture", "review.png", *IMAGES]),
        ("report", ["--base", "main", "--output", "report.html"]),
    ],
)
def test_a_workspace_that_cannot_be_written_is_told_in_a_line(
    project: SmallProject, name: str, options: list[str]
) -> None:
    done = read_only(project, name, *options)
    told = f"{options[3]}: Read-only file system; nothing was written\n"
    assert (done.returncode, done.stdout, done.stderr.decode()) == (2, b"", told)


@pytest.mark.fault(58)
def test_a_workspace_that_cannot_be_written_is_reviewed(project: SmallProject) -> None:
    for name, options in (("locked", []), ("diff", ["--base", "main"])):
        done = read_only(project, name, *options)
        assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.fault(58)
def test_a_full_disk_leaves_no_half_a_review(project: SmallProject, tmp_path: Path) -> None:
    """A file system of 8 kB takes neither the page nor the picture beside the one before."""
    for name, options in (("report", ["--output"]), ("diff", ["--picture"])):
        path = tmp_path / ("page.html" if name == "report" else "picture.png")
        script = f"mount -t tmpfs -o size=8k none '{tmp_path}' && echo old > '{path}' && "
        script += f"\"$@\"; status=$?; cat '{path}'; ls -A '{tmp_path}'; exit $status"
        done = mounted(project, script, name, "--base", "main", *IMAGES, *options, str(path))
        assert done.returncode == 2
        told = f"{path}: No space left on device; nothing was written\n"
        assert done.stderr.decode() == told
        assert done.stdout.decode() == f"old\n{path.name}\n"


@pytest.mark.fault(58)
def test_a_stdout_that_takes_nothing_is_told(project: SmallProject) -> None:
    with Path("/dev/full").open("wb") as full:
        argv = [sys.executable, "-m", "review", "diff", "--base", "main"]
        done = subprocess.run(
            argv, cwd=project.root, env=ENV, check=False, stdout=full, stderr=subprocess.PIPE
        )
    told = b"standard output: No space left on device\n"
    assert (done.returncode, done.stderr) == (2, told)


@pytest.mark.fault(58)
@pytest.mark.parametrize(
    ("option", "told"),
    [
        (["--output", "src"], "src: Is a directory; nothing was written"),
        (["--output", "dvc.yaml/review.md"], "dvc.yaml/review.md: Not a directory; nothing was"),
        (
            ["--output", "nowhere/review.md"],
            "nowhere/review.md: No such file or directory; nothing",
        ),
        (["--picture", "review.jpg"], "--picture: expected the name of a PNG, found review.jpg"),
    ],
)
def test_a_place_that_is_none_is_told(project: SmallProject, option: list[str], told: str) -> None:
    done = program(project.root, "diff", "--base", "main", *option)
    [line] = done.stderr.splitlines()
    assert done.returncode == 2
    assert line.startswith(told)


def read_only(
    project: SmallProject, name: str, *options: str
) -> subprocess.CompletedProcess[bytes]:
    script = 'mount --bind . . && mount -o remount,bind,ro . && cd "$PWD" && exec "$@"'
    return mounted(project, script, name, *options)


def mounted(
    project: SmallProject, script: str, name: str, *options: str
) -> subprocess.CompletedProcess[bytes]:
    """Run a command in a shell whose mounts nobody else sees."""
    user = [] if os.getuid() == 0 else ["--map-root-user"]
    argv = [
        "unshare",
        "--mount",
        *user,
        "sh",
        "-c",
        script,
        "sh",
        sys.executable,
        "-m",
        "review",
        name,
        *options,
    ]
    return subprocess.run(argv, cwd=project.root, env=ENV, check=False, capture_output=True)
