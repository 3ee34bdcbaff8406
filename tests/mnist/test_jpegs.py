"""A JPEG is the same pixels on every processor, or refused: never half of them."""

import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import jpegs
from mnist.errors import UserError
from mnist.source import photo

SCRIPT = Path(__file__).with_name("jpegs.py")
EMULATOR = "qemu-x86_64"
PROCESSORS = ("Nehalem", "Haswell")  # without AVX; with AVX2


def elsewhere(*emulator: str, changed: Mapping[str, str] | None = None) -> dict[str, str]:
    env = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)} | dict(changed or {})
    for name in [name for name in env if name.startswith("OPENBLAS_")]:
        del env[name]  # it would choose instructions that the emulated processor lacks
    command = [*emulator, sys.executable, str(SCRIPT)]
    done = subprocess.run(command, env=env, check=True, stdout=subprocess.PIPE, text=True)
    return dict(json.loads(done.stdout))


def test_without_the_decoders_vector_code_the_pixels_are_the_same() -> None:
    """libjpeg-turbo takes half as long with it."""
    assert elsewhere(changed={"JSIMD_FORCENONE": "1"}) == jpegs.digests()


@pytest.mark.slow
def test_emulated_processors_decode_and_fit_the_same_pixels() -> None:
    if shutil.which(EMULATOR) is None:
        if os.environ.get("CI") == "true":
            pytest.fail(f"{EMULATOR} is missing; install qemu-user")
        pytest.skip(f"no {EMULATOR} here; Debian's package is qemu-user")
    with ThreadPoolExecutor() as pool:
        found = list(pool.map(lambda name: elsewhere(EMULATOR, "-cpu", name), PROCESSORS))
    assert found == [jpegs.digests()] * len(PROCESSORS)


@pytest.mark.fault(61)
@pytest.mark.parametrize(("form", "size"), jpegs.KINDS)
def test_a_jpeg_that_is_cut_off_anywhere_is_refused(form: str, size: tuple[int, int]) -> None:
    """So is one that would be decoded as reduced; none lacks but the marker of its end."""
    content = jpegs.packed(form, size)
    whole = np.asarray(photo.decode(io.BytesIO(content), "x", least=1))
    assert max(whole.shape) == {jpegs.SMALL: 61, jpegs.LARGE: 640}[size]
    for kept in (*range(0, len(content) - 3, len(content) // 9), len(content) - 3):
        with pytest.raises(UserError, match=r"^x: expected an image, PNG or JPEG, found "):
            photo.decode(io.BytesIO(content[:kept]), "x", least=1)
    try:
        found = np.asarray(photo.decode(io.BytesIO(content[:-2]), "x", least=1))
    except UserError:
        return
    assert np.array_equal(found, whole)
