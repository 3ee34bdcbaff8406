"""`portable` is portable: an emulated processor without AVX-512 trains the same bits."""

import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).with_name("short_training.py")
EMULATOR = "qemu-x86_64"
PROCESSORS = ("Haswell", "EPYC-Rome")


def train(name: str, processor: str | None = None) -> dict[str, Any]:
    emulator = [EMULATOR, "-cpu", processor] if processor else []
    done = subprocess.run(
        [*emulator, sys.executable, str(SCRIPT), name],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return dict(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.slow
@pytest.mark.takes(300, "an emulated processor is ten times as slow")
@pytest.mark.parametrize("name", ["tutorial", "features"])
def test_an_emulated_processor_without_avx512_trains_the_same_bytes(name: str) -> None:
    if shutil.which(EMULATOR) is None:
        if os.environ.get("CI") == "true":
            pytest.fail(f"{EMULATOR} is missing; install qemu-user")
        pytest.skip(f"no {EMULATOR} here; Debian's package is qemu-user")
    with ThreadPoolExecutor() as pool:  # one thread of the processor each
        found = dict(zip(PROCESSORS, pool.map(partial(train, name), PROCESSORS), strict=True))
    assert found == dict.fromkeys(PROCESSORS, train(name))
