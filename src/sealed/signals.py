"""The signals that end a launcher: the first one stops it in order, and the rest are ignored."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

from sealed.errors import SIGNALLED, StageError

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
STOPPED: list[StageError] = []  # why all is to end: raised in a callback, Python would lose it


@contextmanager
def stoppable() -> Iterator[None]:
    """Turn signals into StageError, the first of them; those ignored (nohup) stay ignored."""

    def stop(number: int, _: FrameType | None) -> NoReturn:
        ignore()  # clearing up is not to be interrupted
        name = signal.Signals(number).name
        reason = StageError(f"stopped by {name}; nothing is published", SIGNALLED + number)
        STOPPED.append(reason)
        raise reason

    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # ignored, exit statuses would be lost
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, stop)
    yield


def ignore() -> None:
    """Hear no more of them, nor does what is started to clear up.

    Not by SIG_IGN: Python would show an error of its own for one that came together with another.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    for number in SIGNALS:
        signal.signal(number, lambda *_: None)


def reset() -> None:
    """Restore what they do by default, for a program that this process becomes."""
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
