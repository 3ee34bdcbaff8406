"""Stores that a DVC remote may be in, each a real one on this machine: a folder, an sshd."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

SSHD = """
ListenAddress 127.0.0.1
Port {port}
HostKey {folder}/host
AuthorizedKeysFile {folder}/me.pub
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
Subsystem sftp internal-sftp
"""


@dataclass
class Store:
    """Where it is, how to put bytes where an object is, DVC's options, who may read it."""

    url: str
    put: Callable[[str, bytes], None]
    options: dict[str, str] = field(default_factory=dict)
    own: dict[str, str] = field(default_factory=dict)  # options of a person
    secrets: dict[str, str] = field(default_factory=dict)  # variables of a workflow


def require(*programs: str) -> None:
    """Skip a test where a server is not installed; CI has installed it."""
    path = f"{os.environ['PATH']}:/usr/sbin"
    if missing := [name for name in programs if not shutil.which(name, path=path)]:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"no {', '.join(missing)}")


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@contextmanager
def served(command: list[str], port: int, log: Path) -> Iterator[None]:
    """Keep a server, which answers by now at this port, until the block ends."""
    with log.open("w") as out, subprocess.Popen(command, stdout=out, stderr=out) as server:
        try:
            deadline = time.monotonic() + 30
            while not _answers(port):
                assert server.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.05)
            yield
        finally:
            server.terminate()


def _answers(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def in_folder(folder: Path) -> Store:
    def put(key: str, data: bytes) -> None:
        mode = (folder / key).stat().st_mode
        (folder / key).chmod(0o644)
        (folder / key).write_bytes(data)
        (folder / key).chmod(mode)  # DVC looks into what is writable, if it is in a folder

    return Store(str(folder), put)


@contextmanager
def over_ssh(folder: Path) -> Iterator[Store]:
    """Have sshd serve a folder to who holds a key that is made here."""
    require("sshd", "ssh-keygen")
    folder.mkdir()
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # root's sshd asks for it
    for key in ("host", "me"):
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / key)]
        subprocess.run(command, check=True)
    port = free_port()
    (folder / "sshd.conf").write_text(SSHD.format(port=port, folder=folder))
    command = ["/usr/sbin/sshd", "-D", "-e", "-f", str(folder / "sshd.conf")]
    with served(command, port, folder / "sshd.log"):
        yield Store(
            url=f"ssh://127.0.0.1:{port}{folder}/store",
            put=in_folder(folder / "store").put,
            own={"keyfile": str(folder / "me")},
            secrets={"SSH_KEY": (folder / "me").read_text()},
        )
