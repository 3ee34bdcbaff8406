"""Which NVIDIA GPUs this machine has, and which of them a stage may use.

CUDA_VISIBLE_DEVICES (Slurm sets it) and NVIDIA_VISIBLE_DEVICES choose: by index, by UUID, or none.
"""

import re
from collections.abc import Mapping
from contextlib import suppress
from itertools import takewhile
from pathlib import Path

from sealed.engines import query
from sealed.errors import StageError

CUDA, NVIDIA, ORDER = "CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER"
ALL = "all"
NONE = {CUDA: "-1"}  # variables by which a program finds no GPU
CARD = re.compile(r"\d+(:\d+)?|(GPU|MIG)-[\w/-]+")
WINDOWS = Path("/usr/lib/wsl/lib/libcuda.so.1")  # its NVIDIA driver; /dev/dxg is any GPU of Windows


def present(devices: Path = Path("/dev"), windows: Path = WINDOWS) -> bool:
    """Tell whether this machine has an NVIDIA GPU, its own or that of the Windows around it."""
    return (devices / "nvidiactl").exists() or ((devices / "dxg").exists() and windows.exists())


def chosen(environ: Mapping[str, str]) -> list[str] | None:
    """Return the GPUs that the environment chooses, by index or UUID; None where it does not."""
    if CUDA in environ:  # as CUDA reads it: up to the first entry that is none, "" and "-1" too
        return list(takewhile(CARD.fullmatch, environ[CUDA].replace(" ", "").split(",")))
    choice = environ.get(NVIDIA, "")
    return None if choice in {"", ALL} else [] if choice in {"none", "void"} else choice.split(",")


def for_container(environ: Mapping[str, str]) -> str:
    """Return what to ask a container engine for: `all`, cards with commas between, or nothing."""
    cards = chosen(environ)
    if cards is None:
        return ALL
    if CUDA in environ and cards:
        # an index counts what this process sees, not what the engine does
        cards = [_uuid(card, _visible()) for card in cards]
    return ",".join(cards)


def for_host(environ: Mapping[str, str], devices: Path = Path("/dev")) -> dict[str, str]:
    """Return the variables by which a process on the host uses the chosen GPUs alone."""
    if CUDA in environ:
        return {name: environ[name] for name in (CUDA, ORDER) if name in environ}
    cards = chosen(environ)
    here = {path.name.removeprefix("nvidia") for path in devices.glob("nvidia[0-9]*")}
    if cards is None or here <= set(cards):  # in a container that was given these very cards
        return {}
    return {CUDA: ",".join(cards), ORDER: "PCI_BUS_ID"}  # the order that nvidia-smi counts in


def _visible() -> list[str]:
    """Return the UUIDs of the GPUs that this process may use, in the order of their indices."""
    with suppress(OSError, StageError):
        listed = query.ask("nvidia-smi", "-L", advice="").stdout
        return re.findall(r"^GPU \d+: .*\(UUID: (GPU-[\w-]+)\)", listed, re.MULTILINE)
    return []


def _uuid(card: str, visible: list[str]) -> str:
    """Return the UUID of a card named by index or by the start of its UUID, if it is known."""
    if card.isdecimal():
        return visible[int(card)] if int(card) < len(visible) else card
    return next((uuid for uuid in visible if uuid.startswith(card)), card)
