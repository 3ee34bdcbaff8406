"""Signals and lifetime: however a stage ends, its processes end; nothing half-done is published."""

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from sealed import signals
from sealed.engines import process
from sealed.errors import StageError
from sealed_project import BOTH, COPIES, HEARD, WAITS, Project, alive, processes, wait_until

FULL = "open('out.txt', 'wb').write(bytes(9 << 20))"


def in_order_again(project: Project) -> None:
    """Nothing is published and no lock is left: the next run succeeds."""
    wait_until(lambda: not (project.root / "out.txt").exists())
    project.stage("wait")
    result = project.dvc("repro", "-q")
    assert result.returncode == 0, result.stderr
    assert project.read("out.txt") == "hello!"
    assert project.sandboxes() == []


@BOTH
@pytest.mark.fault(21)
def test_ctrl_c_ends_the_stage_and_says_so(project: Project) -> None:
    running = project.stage("wait", WAITS).start_dvc("repro")
    stage = running.stage_pid()
    assert running.interrupt() != 0
    wait_until(lambda: not alive(stage))
    assert "sealed wait: stopped by SIGINT; nothing is published" in running.said()
    in_order_again(project)


@BOTH
@pytest.mark.fault(21, 22)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_the_stage_does_not_outlive_dvc(project: Project, number: signal.Signals) -> None:
    running = project.stage("wait", WAITS).start_dvc("repro")
    stage = running.stage_pid()
    assert running.send(number) != 0
    wait_until(lambda: not alive(stage))
    wait_until(lambda: "who started it is gone; nothing is published" in running.said())
    in_order_again(project)


@BOTH
@pytest.mark.fault(21)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_the_launcher_ends_in_its_status(
    project: Project, number: signal.Signals
) -> None:
    running = project.stage("wait", WAITS).start("stages/run", "wait")
    stage = running.stage_pid()
    assert running.send(number) == 128 + number
    assert not alive(stage)
    assert project.sandboxes() == []


@BOTH
@pytest.mark.fault(22)
def test_the_stage_and_its_own_children_die_with_a_launcher_that_is_killed(
    project: Project,
) -> None:
    running = project.stage("wait", WAITS).start("stages/run", "wait")
    stage = running.stage_pid()
    running.send(signal.SIGKILL)
    wait_until(lambda: not alive(stage))
    [left] = project.sandboxes()
    assert project.stage("wait").run("wait").returncode == 0
    assert not left.exists()


@BOTH
def test_a_stage_that_ignores_sigterm_is_killed(project: Project) -> None:
    stubborn = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + WAITS
    running = project.stage("wait", stubborn).start("stages/run", "wait")
    stage = running.stage_pid()
    assert running.send(signal.SIGTERM) == 128 + signal.SIGTERM
    assert not alive(stage)


@BOTH
def test_what_a_stage_leaves_running_ends_with_it(project: Project) -> None:
    seconds = f"6{os.getpid()}"  # by which the process is known, in any namespace
    code = COPIES + (
        "import subprocess\n"
        f"subprocess.Popen(['sleep', '{seconds}'])\n"
        "print('started', file=__import__('sys').stderr)\n"
    )
    result = project.stage("leave", code).run("leave")
    assert result.returncode == 0
    assert "started" in result.stderr
    wait_until(lambda: not processes(["sleep", seconds]))


@pytest.mark.fault(21)
def test_a_signal_that_python_loses_ends_the_stage_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What is raised in a callback of a weak reference, as imports have them, is ignored."""
    monkeypatch.setattr(signals, "STOPPED", [])
    before = signal.getsignal(signal.SIGTERM)
    with subprocess.Popen(["sleep", "60"]) as child:
        try:
            with signals.stoppable(), suppress(StageError):  # lost
                signal.raise_signal(signal.SIGTERM)
            with pytest.raises(StageError, match=r"^stopped by SIGTERM; nothing is published$"):
                process._wait(child, None)
        finally:
            child.kill()
            signal.pthread_sigmask(signal.SIG_UNBLOCK, signals.SIGNALS)
            for number in signals.SIGNALS:
                signal.signal(number, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            signal.signal(signal.SIGTERM, before)


TWO_AT_ONCE = """
import signal, sys
from sealed import launch, signals
both = {signal.SIGHUP, signal.SIGINT}
def run():
    with signals.stoppable():
        signal.pthread_sigmask(signal.SIG_BLOCK, both)
        for number in both:
            signal.raise_signal(number)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, both)
sys.exit(launch.ended("wait", run))
"""


def test_of_two_signals_at_once_one_is_told() -> None:
    environ = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [*HEARD, sys.executable, "-c", TWO_AT_ONCE],
        env=environ,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 128 + signal.SIGHUP
    assert done.stderr == "sealed wait: stopped by SIGHUP; nothing is published\n"


@BOTH
def test_a_stage_that_is_ended_may_clear_up(project: Project) -> None:
    code = "import signal\nsignal.signal(signal.SIGTERM, lambda *_: sys.exit('cleared up'))\n"
    project.stage("wait", WAITS.replace("import os, sys, time\n", "import os, sys, time\n" + code))
    running = project.start("stages/run", "wait")
    running.stage_pid()
    assert running.send(signal.SIGTERM) == 128 + signal.SIGTERM
    assert "cleared up" in running.said()


WITHOUT_PIDFD = """
import ctypes, os, struct, sys
RETURN, FAIL = 0x7FFF0000, 0x00050000 | int(sys.argv[1])
code = [(0x20, 0, 0, 0), (0x15, 0, 1, 434), (6, 0, 0, FAIL), (6, 0, 0, RETURN)]
filter = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *line) for line in code))
program = struct.pack("=HxxxxxxQ", len(code), ctypes.addressof(filter))
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(38, 1, 0, 0, 0) == 0 and libc.prctl(22, 2, program, 0, 0) == 0, "no seccomp"
try:
    os.pidfd_open(os.getpid())
except OSError as error:
    print("pidfd_open:", error.errno, file=sys.stderr)
os.execv(sys.argv[2], sys.argv[2:])
"""


@pytest.mark.fault(70)
@pytest.mark.parametrize(("engine", "number"), [("host", errno.ENOSYS), ("bwrap", errno.EPERM)])
def test_without_pidfd_open_a_stage_runs_and_does_not_outlive_dvc(
    project: Project, number: int
) -> None:
    limited = [sys.executable, "-c", WITHOUT_PIDFD, str(number)]
    running = project.stage("wait", WAITS).start(*limited, sys.executable, "-m", "dvc", "repro")
    stage = running.stage_pid()
    assert f"pidfd_open: {number}\n" in running.said()
    running.send(signal.SIGKILL)
    wait_until(lambda: "who started it is gone; nothing is published" in running.said())
    wait_until(lambda: not alive(stage))
    in_order_again(project)


@pytest.mark.fault(70)
def test_a_stage_that_fails_where_sigchld_is_ignored_has_failed(project: Project) -> None:
    ignoring = "import os, signal, sys; signal.signal(signal.SIGCHLD, signal.SIG_IGN); "
    project.stage("fail", COPIES + "raise SystemExit(3)")
    command = [sys.executable, "-c", ignoring + "os.execv(sys.argv[1], sys.argv[1:])"]
    running = project.start(*command, "stages/run", "fail")
    assert running.process.wait(30) == 3, running.said()
    assert "stages/fail.py failed with exit status 3" in running.said()


@pytest.mark.fault(23)
def test_two_dvc_repro_at_once_are_safe(project: Project) -> None:
    end = project.root.parent / "end"
    waits = f"""
import os, sys, time
print('started', os.getpid(), file=sys.stderr, flush=True)
while not os.path.exists({str(end)!r}):
    time.sleep(0.02)
"""
    first = project.stage("copy", waits + COPIES).start_dvc("repro")
    first.stage_pid()
    second = project.dvc("repro")
    end.touch()
    assert first.process.wait(60) == 0, first.said()
    assert second.returncode == 0 or "lock" in second.stderr
    assert project.read("out.txt") == "hello!"
    assert project.dvc("status", "-q").returncode == 0


@pytest.fixture
def small_disk(project: Project, request: pytest.FixtureRequest) -> Iterator[Path]:
    """Mount a file system of 8 MiB on a folder of the project."""
    if os.getuid():
        pytest.skip("mounting a small disk takes root")
    sandboxes = "../sandboxes" if project.engine == "host" else ".dvc/tmp"
    folder = project.root / {"the sandboxes": sandboxes}.get(request.param, request.param)
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", folder], check=True)
    yield folder
    subprocess.run(["umount", folder], check=True)


@BOTH
@pytest.mark.fault(27)
@pytest.mark.parametrize("small_disk", ["the sandboxes", ".dvc/cache"], indirect=True)
def test_a_full_disk_is_survived_once_there_is_space(project: Project, small_disk: Path) -> None:
    project.stage("copy", FULL)
    failed = project.dvc("repro")
    assert failed.returncode != 0
    assert "No space left on device" in failed.stderr
    assert not (project.root / "dvc.lock").exists()
    subprocess.run(["mount", "-o", "remount,size=64m", small_disk], check=True)
    result = project.dvc("repro")
    assert result.returncode == 0, result.stderr
    assert (project.root / "out.txt").stat().st_size == 9 << 20


@BOTH
@pytest.mark.fault(27)
@pytest.mark.parametrize("small_disk", ["the sandboxes"], indirect=True)
def test_a_sandbox_that_does_not_fit_says_what_to_do(project: Project, small_disk: Path) -> None:
    deps = ["in.txt", "b.txt", "c.txt"]  # none so large that it is shown in its place instead
    for dep in deps:
        project.write(dep, "x" * (3 << 20))
    result = project.stage("copy", deps=deps).run("copy")
    assert "No space left on device" in result.stderr
    assert "; free some space and run it again" in result.stderr
    assert project.sandboxes() == []
    assert not [*small_disk.glob("sandboxes/*"), *small_disk.glob("*/sandboxes/*")]


@pytest.mark.fault(127)
def test_it_starts_in_any_folder_and_refuses_unknown_words(project: Project) -> None:
    project.stage("copy")
    (project.root / "sub/deep").mkdir(parents=True)
    command = [sys.executable, "-m", "sealed.launch"]
    environ = project.environment(PYTHONPATH=str(project.root / "src"))

    def launched(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*command, *words],
            cwd=project.root / "sub/deep",
            env=environ,
            check=False,
            capture_output=True,
            text=True,
        )

    for words, reason in (
        ([], "the following arguments are required: STAGE"),
        (["copy", "typo"], "unrecognized arguments: typo"),
        (["--pear", "copy"], "unrecognized arguments: --pear"),
    ):
        done = launched(*words)
        assert (done.returncode, reason in done.stderr) == (2, True), done.stderr
    done = launched("copy")
    assert (done.returncode, project.read("out.txt")) == (0, "hello!"), done.stderr
