"""The number of cores that this process may use."""

import os
from pathlib import Path

from mnist.machine import control_groups

QUOTA = ("cpu.max", "cpu.cfs_quota_us", "cpu.cfs_period_us")  # version 2 has both in one file


def count(root: Path = Path("/")) -> int:
    """Count the cores that it may run on, at most its quota of CPU time, rounded up."""
    counts = [len(os.sched_getaffinity(0))]
    for words in control_groups.limits("cpu", *QUOTA, root=root):
        if len(words) == 2 and all(word.isdecimal() for word in words):  # not `max`, not `-1`
            quota, period = map(int, words)
            counts.append(-(-quota // period))
    return max(min(counts), 1)
