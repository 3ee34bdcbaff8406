"""Every requirement of the locks is pinned and hashed, and no lock names an index."""

import re
import sys
from pathlib import Path


def mistakes(lock: Path) -> list[str]:
    """List what is wrong with one lock file, a line each."""
    text = lock.read_text(encoding="utf-8").replace("\\\n", " ")
    found = []
    for line in filter(None, map(str.strip, text.splitlines())):
        name = line.split()[0]
        if line.startswith("-") or "://" in line:
            found.append(f"{lock}: expected requirements alone, found {name}")
        elif "==" not in name:
            found.append(f"{lock}: {name}: expected a pinned version; run `make lock`")
        elif not re.search(r"--hash=sha256:[0-9a-f]{64}\b", line):
            found.append(f"{lock}: {name}: expected a SHA-256, found none; run `make lock`")
    return found or ([] if text.strip() else [f"{lock}: expected requirements, found none"])


if __name__ == "__main__":
    found = [line for lock in sorted(Path().glob("requirements*.lock")) for line in mistakes(lock)]
    sys.exit("\n".join(found) or 0)
