"""How much memory and time a piece of a test takes at most."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

STATUS, RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


@contextmanager
def bounded(*, megabytes: float, seconds: float) -> Iterator[None]:
    """Fail where the block takes more of either than this process had, or than that long."""
    RESET.write_text("5", encoding="utf-8")  # the peak starts anew
    before, started = _resident("VmRSS"), time.monotonic()
    yield
    taken = _resident("VmHWM") - before
    assert taken < megabytes, f"{taken:.0f} MB more at the peak"
    assert time.monotonic() - started < seconds


def _resident(which: str) -> float:  # MB
    found = re.search(rf"{which}:\s*(\d+) kB", STATUS.read_text(encoding="utf-8"))
    assert found
    return int(found[1]) / 1000
