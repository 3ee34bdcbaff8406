"""The workflows do what they say: pinned, least privilege, commands that exist."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

PROJECT = Path(__file__).parents[2]
GITHUB: dict[str, Any] = yaml.safe_load((PROJECT / ".github/workflows/pipeline.yml").read_text())
GITLAB: dict[str, Any] = yaml.safe_load((PROJECT / ".gitlab-ci.yml").read_text())
STEPS = [step for job in GITHUB["jobs"].values() for step in job["steps"]]
SCRIPTS = [step["run"] for step in STEPS if "run" in step] + GITLAB["pipeline"]["script"]
PUSHING: dict[Any, Any] = yaml.safe_load((PROJECT / ".github/workflows/push.yml").read_text())
PUSH = [step["run"] for step in PUSHING["jobs"]["push"]["steps"] if "run" in step]
IN_ORDER = ["check", "locked", "repro", "report", "review"]


def targets(scripts: list[str]) -> list[str]:
    return [found[1] for script in scripts for found in re.finditer(r"^make (\w+)", script, re.M)]


def test_every_action_is_pinned_by_commit_with_its_version_beside() -> None:
    files = sorted((PROJECT / ".github/workflows").glob("*.yml"))
    lines = [line for file in files for line in re.findall(r"uses: (.*)", file.read_text())]
    assert len(lines) == sum("uses" in step for step in STEPS) + 2 == 7
    for line in lines:
        assert re.match(r"actions/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line), line


def test_only_the_job_that_runs_none_of_the_code_may_write() -> None:
    jobs = GITHUB["jobs"]
    assert GITHUB["permissions"] == {}
    assert jobs["pipeline"]["permissions"] == {"contents": "read"}
    assert jobs["comment"]["permissions"] == {"pull-requests": "write"}
    checkout, *_ = jobs["pipeline"]["steps"]
    assert checkout["with"] == {"fetch-depth": 0, "persist-credentials": False}
    assert all("make" not in step.get("run", "") for step in jobs["comment"]["steps"])
    assert "head.repo.full_name == github.repository" in jobs["comment"]["if"]


def test_no_text_of_a_pull_request_is_pasted_into_a_script() -> None:
    assert [script for script in SCRIPTS if "${{" in script] == []


@pytest.mark.parametrize("scripts", [SCRIPTS[: -len(GITLAB["pipeline"]["script"])], SCRIPTS])
def test_the_commands_exist_and_the_lock_is_checked_before_it_is_made_true(
    scripts: list[str],
) -> None:
    makefile = (PROJECT / "Makefile").read_text()
    found = targets(scripts)
    assert found == IN_ORDER * (len(found) // len(IN_ORDER))
    assert all(re.search(rf"^{target}:", makefile, re.M) for target in found)


def test_secrets_are_seen_by_the_steps_that_call_the_remote_alone() -> None:
    for workflow in (GITHUB, PUSHING):
        seen = [step for job in workflow["jobs"].values() for step in job["steps"]]
        told = [step["run"] for step in seen if "secrets." in str(step)]
        assert told == [step["run"] for step in seen if ".ci/remote" in step.get("run", "")]
        outside = str({name: job | {"steps": []} for name, job in workflow["jobs"].items()})
        assert "secrets" not in outside


def test_a_model_below_the_gate_is_reviewed_and_fails_the_job() -> None:
    in_gitlab = "\n".join(GITLAB["pipeline"]["script"])
    without_make = (
        'git() { :; }; .ci/remote() { :; }; make() { echo "make $1"; [ "$1" != repro ]; }'
    )
    done = subprocess.run(
        ["bash", "-ec", f"{without_make}\n{in_gitlab}"],
        cwd=PROJECT,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert targets([done.stdout]) == IN_ORDER


@pytest.mark.parametrize("script", [*SCRIPTS, *PUSH, *GITLAB["push"]["script"]])
def test_the_scripts_are_bash(script: str) -> None:
    subprocess.run(["bash", "-n"], input=script, text=True, check=True)


def test_what_is_uploaded_is_what_git_ignores() -> None:
    ignored = (PROJECT / ".gitignore").read_text().splitlines()
    [upload] = [step for step in STEPS if "upload-artifact" in step.get("uses", "")]
    made = [path for path in upload["with"]["path"].split() if not path.startswith("metrics/")]
    assert all(f"/{path}" in ignored for path in made)
    assert GITLAB["pipeline"]["artifacts"]["paths"] == upload["with"]["path"].split()


def test_the_engine_is_installed_where_a_lone_docker_client_is_there_already(
    tmp_path: Path,
) -> None:
    for name in ("bash", "dirname", "grep", "mkdir"):
        (tmp_path / name).symlink_to(str(shutil.which(name)))
    stand_ins = {"docker": "exit 1", "dpkg-query": "echo 'ii '", "apt-get": 'echo "$*"; exit 100'}
    for name, text in stand_ins.items():
        (tmp_path / name).write_text(f"#!{tmp_path}/bash\n{text}\n")
        (tmp_path / name).chmod(0o755)
    done = subprocess.run(
        [PROJECT / ".ci/engine", tmp_path / "engine", tmp_path / "cache"],
        env={"PATH": str(tmp_path)},
        check=False,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (100, "update -qq\n"), done.stderr


@pytest.mark.slow
def test_the_tests_have_the_same_names_at_any_time_and_in_any_process() -> None:
    """Those that run them side by side collect them each by themselves, and must agree."""

    def names(seed: str) -> list[str]:
        command = [sys.executable, "-m", "pytest", "--collect-only", "-q"]
        environment = os.environ | {"PYTHONHASHSEED": seed}
        done = subprocess.run(
            command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=True
        )
        return [line for line in done.stdout.splitlines() if "::" in line]

    first, seconds_later = names("1"), names("2")
    assert len(first) > 2000
    assert first == seconds_later
