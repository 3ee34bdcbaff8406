"""Run a program and print what it took: `python measured.py PROGRAM...`, on the last line.

A test that asks for what its children took is told of all that it ever waited for.
"""

import resource
import subprocess
import sys

COMMAND = (sys.executable, __file__)  # before that of the program


def last(printed: str) -> tuple[float, int]:
    """Return the processor's seconds and the kB of memory that the last line tells."""
    seconds, memory = printed.splitlines()[-1].split()
    return float(seconds), int(memory)


if __name__ == "__main__":
    status = subprocess.run(sys.argv[1:], check=False).returncode
    took = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(took.ru_utime + took.ru_stime, took.ru_maxrss)
    sys.exit(status)
