"""The loop over the stages, in the place of DVC's own.

Each stage has a thread. DVC's own code (what changed, its caches, dvc.lock) runs in one thread at a
time, which holds DVC's lock of the project. A thread gives up its turn while its command runs. The
launcher takes the turn again, for the thread, before it compares the inputs with the workspace.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import Any

from sealed.parallel import order, turn

Stage = Any  # of DVC


class Loop:
    """Runs stages, each as soon as those before it in DVC's graph have ended."""

    def __init__(self, stages: list[Stage], graph: Any, jobs: int, on_error: str) -> None:
        """Take what DVC would run one after the other."""
        self.graph, self.jobs, self.on_error = graph, jobs, on_error
        self.before = _before(stages, graph)
        self.todo = list(stages)
        self.running: dict[Future[Stage | None], Stage] = {}
        self.done: dict[Stage, Stage] = {}
        self.failed: dict[Stage, Exception] = {}
        self.closed = False  # nothing more is begun
        self.stopped = False  # ... by Ctrl-C

    def run(self, reproduce: Callable[[Stage], Stage | None]) -> None:
        """Run all. Raises KeyboardInterrupt after Ctrl-C, which the stages have heard as well."""
        before = signal.getsignal(signal.SIGINT)
        if before is not signal.SIG_IGN:  # of a run in the background
            signal.signal(signal.SIGINT, self._stop)
        try:
            with ThreadPoolExecutor(self.jobs) as pool:
                while self.running or (self.todo and not self.closed):
                    for stage in self._ready():
                        self.running[pool.submit(reproduce, stage)] = stage
                    for future in wait(self.running, return_when=FIRST_COMPLETED).done:
                        self._note(self.running.pop(future), future)
        finally:
            signal.signal(signal.SIGINT, before)
        if self.stopped and (not self.failed or self.on_error == "ignore"):
            raise KeyboardInterrupt

    def _ready(self) -> Iterator[Stage]:
        """Take what may start now. A stage that has no sandbox of its own runs alone."""
        awaited = {*self.todo, *self.running.values()}
        for stage in list(self.todo):
            if self.closed:
                return
            beside = list(self.running.values())
            crowded = len(beside) == self.jobs or any(map(turn.is_unsealed, [stage, *beside]))
            if awaited.isdisjoint(self.before[stage]) and not (beside and crowded):
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
        self.closed = True
        for stage in self.running.values():
            print(f"sealed: waiting for {stage.addressing}", file=sys.stderr, flush=True)

    def _stop(self, *_: object) -> None:
        self.closed = self.stopped = True


def _before(stages: list[Stage], graph: Any) -> dict[Stage, set[Stage]]:
    """Return what each stage waits for: what it depends on.

    DVC's graph lets a frozen stage depend on nothing: there it is as one by one, in DVC's order.
    """
    found = {stage: set(graph.successors(stage)) for stage in stages}
    place = {stage: n for n, stage in enumerate(stages)}
    for edge in stages[0].repo.index.graph.edges:
        if found.keys() >= {*edge} and not graph.has_edge(*edge):
            first, second = sorted(edge, key=place.__getitem__)
            found[second].add(first)
    return found


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
    run._run = turn.command
    repro_fn = kwargs.pop("repro_fn", dvcs._reproduce_stage)
    lock = stages[0].repo.lock
    forced = dict.fromkeys(graph, force)

    def reproduce(stage: Stage) -> Stage | None:
        with turn.taken(stage, lambda: loop.stopped), lock:
            if loop.closed:
                return None
            upstream, own = list(graph.successors(stage)), forced[stage]
            found = repro_fn(stage, upstream=upstream, force=own, **kwargs)
            if force_downstream and (found or own):
                forced.update(dict.fromkeys(graph.predecessors(stage), True))
            return found

    loop = Loop(stages, graph, jobs, on_error)
    with order.as_one_by_one(stages), _unlocked(lock):
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
