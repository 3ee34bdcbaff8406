"""DVC with several stages in their rooms at once: `python jobs.py N DVC repro [its arguments]`.

It is DVC itself, in one process; only its loop over the stages is this one. Each stage has a
thread, and DVC's own code (what changed, its caches, dvc.lock) runs in one of them at a time, which
holds DVC's lock of the project as ever. A thread gives up its turn while its command runs.

It needs DVC and the standard library alone, since it runs in the Python of the `dvc` on PATH.
"""

from __future__ import annotations

import inspect
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import Lock, Thread
from typing import IO, Any

TURN = Lock()  # whose turn it is to run DVC's code
DVCS = ("stages", "graph", "force_downstream", "on_error", "force", "repro_fn", "kwargs")
ADVICE = "run it without, or install one of 3.49 to 3.67"
LAST_SECONDS = 5  # for the last lines of a stage: it may have left them to another process
Stage = Any  # of DVC


class Loop:
    """Runs stages, each as soon as those before it in DVC's graph have ended."""

    def __init__(self, stages: list[Stage], graph: Any, jobs: int, on_error: str) -> None:
        """Take what DVC would run one after the other."""
        self.graph, self.jobs, self.on_error = graph, jobs, on_error
        self.todo = list(stages)
        self.running: dict[Future[Stage | None], Stage] = {}
        self.done: dict[Stage, Stage] = {}
        self.failed: dict[Stage, Exception] = {}
        self.stopped = False

    def run(self, reproduce: Callable[[Stage], Stage | None]) -> None:
        """Run all. Raises KeyboardInterrupt after Ctrl-C, which the stages have heard as well."""
        before = signal.signal(signal.SIGINT, self._stop)
        try:
            with ThreadPoolExecutor(self.jobs) as pool:
                while self.todo or self.running:
                    for stage in self._ready():
                        self.running[pool.submit(reproduce, stage)] = stage
                    for future in wait(self.running, return_when=FIRST_COMPLETED).done:
                        self._note(self.running.pop(future), future)
        finally:
            signal.signal(signal.SIGINT, before)
        if self.stopped and not self.failed:
            raise KeyboardInterrupt

    def _ready(self) -> Iterator[Stage]:
        """Take what may start now. A stage that has no room of its own runs alone."""
        awaited = {*self.todo, *self.running.values()}
        for stage in list(self.todo):
            beside = list(self.running.values())
            crowded = len(beside) == self.jobs or any(map(_is_unsealed, [stage, *beside]))
            if awaited.isdisjoint(self.graph.successors(stage)) and not (beside and crowded):
                self.todo.remove(stage)
                yield stage

    def _note(self, stage: Stage, future: Future[Stage | None]) -> None:
        """Note how a stage ended, and what follows for those that wait for it."""
        from dvc.repo.reproduce import handle_error  # noqa: PLC0415  # a third of a second

        error = future.exception()
        if isinstance(error, Exception):
            self.failed[stage] = error
            if self.on_error == "fail":
                self._wait_for_the_others()
            else:
                without = handle_error(self.graph, self.on_error, error, stage)
                self.todo = [stage for stage in self.todo if stage not in without]
        elif result := future.result():
            self.done[stage] = result

    def _wait_for_the_others(self) -> None:
        """Start nothing more; what runs goes on to its end, so that nothing of it is lost."""
        self.todo.clear()
        for stage in self.running.values():
            print(f"sealed: waiting for {stage.addressing}", file=sys.stderr, flush=True)

    def _stop(self, *_: object) -> None:
        self.stopped = True
        self.todo.clear()


def side_by_side(  # noqa: PLR0913, PLR0917  # as many as DVC's own
    jobs: int,
    one_by_one: Callable[..., list[Stage]],
    stages: list[Stage],
    graph: Any = None,
    force_downstream: bool = False,
    on_error: str = "fail",
    force: bool = False,
    **kwargs: Any,
) -> list[Stage]:
    """Do what DVC's `_reproduce`, here `one_by_one`, does. Raises DVC's ReproductionError."""
    from dvc.repo import reproduce as dvcs  # noqa: PLC0415
    from dvc.stage import run  # noqa: PLC0415

    if graph is None or not stages or kwargs.get("dry") or kwargs.get("interactive"):
        return one_by_one(stages, graph, force_downstream, on_error, force, **kwargs)
    run._run = _command
    repro_fn = kwargs.pop("repro_fn", dvcs._reproduce_stage)
    lock = stages[0].repo.lock
    forced = dict.fromkeys(graph, force)

    def reproduce(stage: Stage) -> Stage | None:
        with TURN, lock:
            upstream, own = list(graph.successors(stage)), forced[stage]
            found = repro_fn(stage, upstream=upstream, force=own, **kwargs)
            if force_downstream and (found or own):
                forced.update(dict.fromkeys(graph.predecessors(stage), True))
            return found

    loop = Loop(stages, graph, jobs, on_error)
    with _in_dvcs_order(stages), _unlocked(lock):
        loop.run(reproduce)
    failed = [stage for stage in stages if stage in loop.failed]
    if failed and on_error != "ignore":
        _raise(failed, [loop.failed[stage] for stage in failed], told=on_error != "fail")
    return [loop.done[stage] for stage in stages if stage in loop.done]


def _raise(failed: list[Stage], errors: list[Exception], *, told: bool) -> None:
    """Raise DVC's ReproductionError, which can tell the reason of one alone."""
    from dvc.repo.reproduce import _raise_error, logger  # noqa: PLC0415

    for error in errors if len(errors) > 1 and not told else ():
        logger.warning("%s", error)
    _raise_error(errors[0] if len(errors) == 1 and not told else None, *failed)


@contextmanager
def _unlocked(lock: Any) -> Iterator[None]:
    """Leave DVC's lock to the threads, each in its turn."""
    lock.unlock()
    try:
        yield
    finally:
        lock.lock()


@contextmanager
def _in_dvcs_order(stages: list[Stage]) -> Iterator[None]:
    """Have what is new in a dvc.lock in the order in which DVC by itself would have written it."""
    names: dict[Path, list[str]] = {}
    for stage in stages:
        if name := getattr(stage, "name", ""):
            names.setdefault(Path(stage.path).with_name("dvc.lock"), []).append(name)
    wanted = {path: [*_entries(path), *ours] for path, ours in names.items()}
    try:
        yield
    finally:
        for path, order in wanted.items():
            _sort(path, order)


def _entries(path: Path) -> list[str]:
    from dvc.utils.serialize import load_yaml  # noqa: PLC0415

    return list(load_yaml(str(path)).get("stages", {})) if path.exists() else []


def _sort(path: Path, names: list[str]) -> None:
    from dvc.utils.serialize import modify_yaml  # noqa: PLC0415

    found = _entries(path)
    wanted = [name for name in dict.fromkeys([*names, *found]) if name in found]
    if found != wanted:
        with modify_yaml(str(path)) as data:
            data["stages"] = {name: data["stages"][name] for name in wanted}


def _is_unsealed(stage: Stage) -> bool:
    return isinstance(stage.meta, dict) and stage.meta.get("sealed") is False


def _command(executable: str, words: str, **kwargs: Any) -> None:
    """Run a command of a stage while others have their turn; each line is told with its name."""
    from dvc.stage.exceptions import StageCmdFailedError  # noqa: PLC0415
    from dvc.stage.run import _make_cmd  # noqa: PLC0415

    piped, name = subprocess.PIPE, kwargs["env"]["DVC_STAGE"]
    TURN.release()
    try:
        argv = _make_cmd(executable, words)
        child = subprocess.Popen(argv, stdout=piped, stderr=piped, **kwargs)  # noqa: S603
        pairs = [(child.stdout, sys.stdout), (child.stderr, sys.stderr)]
        pumps = [Thread(target=_pass_on, args=(*pair, name), daemon=True) for pair in pairs]
        for pump in pumps:
            pump.start()
        status = child.wait()
        for pump in pumps:
            pump.join(LAST_SECONDS)
    finally:
        TURN.acquire()
    if status:
        raise StageCmdFailedError(words, status)


def _pass_on(source: IO[bytes], to: Any, name: str) -> None:
    for line in source:
        whose = b"" if line.startswith(f"sealed {name}: ".encode()) else f"{name} | ".encode()
        to.buffer.write(whose + line.rstrip(b"\n") + b"\n")
        to.flush()


def main() -> int:
    """Be `dvc repro`, with this loop in the place of its own."""
    del sys.path[0]  # the folder of this file, whose names are none of DVC's
    jobs, *sys.argv = sys.argv[1:]
    from dvc import __version__, env  # noqa: PLC0415
    from dvc.cli import main as dvc  # noqa: PLC0415
    from dvc.repo import reproduce  # noqa: PLC0415
    from dvc.stage import run  # noqa: PLC0415

    own: Any = getattr(reproduce, "_reproduce", None)
    known = own and tuple(inspect.signature(own).parameters) == DVCS
    if not (known and hasattr(run, "_run") and hasattr(env, "DVC_STAGE")):
        print(f"sealed: --jobs: not known for DVC {__version__}; {ADVICE}", file=sys.stderr)
        return 2
    reproduce._reproduce = partial(side_by_side, int(jobs), own)
    return int(dvc(sys.argv[1:]))


if __name__ == "__main__":
    sys.exit(main())
