"""`portable` is portable: an emulated processor without AVX-512 trains the same bits."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).with_name("short_training.py")
EMULATOR = "qemu-x86_64"


def train(name: str, *emulator: str) -> dict[str, Any]:
    done = subprocess.run(
        [*emulator, sys.executable, str(SCRIPT), name],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return dict(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["tutorial", "features"])
def test_an_emulated_processor_without_avx512_trains_the_same_bytes(name: str) -> None:
    if shutil.which(EMULATOR) is None:
        if os.environ.get("CI") == "true":
            pytest.fail(f"{EMULATOR} is missing; install qemu-user")
        pytest.skip(f"no {EMULATOR} here; Debian's package is qemu-user")
    here = train(name)
    for processor in ("Haswell", "EPYC-Rome"):
        assert train(name, EMULATOR, "-cpu", processor) == here, processor
