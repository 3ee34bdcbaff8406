"""A real cluster of Slurm on this machine: one controller, one node, in a folder of its own."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch")
MEMORY = Path("/sys/fs/cgroup/memory")  # of cgroups v1: by it Slurm bounds what a job takes
SECONDS = 120  # for the daemons to come up
CONFIG = """\
ClusterName=test
SlurmctldHost={node}(127.0.0.1)
SlurmctldPort={controller}
SlurmdPort={daemon}
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
CredType=cred/munge
SlurmUser=root
SlurmdUser=root
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/{task}
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
PreemptType=preempt/partition_prio
PreemptMode=CANCEL
GresTypes=gpu
KillWait=3
ReturnToService=2
SchedulerParameters=batch_sched_delay=0
NodeName={node} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory=4000 Gres=gpu:1 State=UNKNOWN
PartitionName=low Nodes=ALL Default=YES PriorityTier=1 DefMemPerNode=1000 MaxTime=60
PartitionName=high Nodes=ALL PriorityTier=2 PreemptMode=OFF DefMemPerNode=1000
"""


class Cluster:
    """Its daemons, and how it is asked."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.node = socket.gethostname().partition(".")[0]
        self.unseen = folder / "unseen"  # which the node does not see
        self.processes: list[subprocess.Popen[bytes]] = []
        self.config = folder / "slurm.conf"
        for name in ("munge", "state", "spool", "unseen"):
            (folder / name).mkdir(mode=0o755 if name == "unseen" else 0o700)
        self._configure()

    def _configure(self) -> None:
        controller, daemon = free_ports()
        task = "cgroup" if MEMORY.exists() else "none"
        text = CONFIG.format(
            node=self.node,
            controller=controller,
            daemon=daemon,
            folder=self.folder,
            task=task,
            cpus=os.cpu_count(),
        )
        self.config.write_text(text, encoding="utf-8")
        (self.folder / "gres.conf").write_text("Name=gpu File=/dev/null\n", encoding="utf-8")
        bounds = "CgroupPlugin=cgroup/v1\nCgroupMountpoint=/sys/fs/cgroup\nConstrainRAMSpace=yes\n"
        (self.folder / "cgroup.conf").write_text(bounds, encoding="utf-8")

    @property
    def environment(self) -> dict[str, str]:
        return {"SLURM_CONF": str(self.config)}

    def start(self) -> None:
        munge = self.folder / "munge"
        (munge / "key").write_bytes(os.urandom(1024))
        (munge / "key").chmod(0o600)
        files = ("socket", "key-file", "pid-file", "log-file", "seed-file")
        names = {"key-file": "key"}
        options = [f"--{name}={munge}/{names.get(name, name)}" for name in files]
        self._start("munged", "--foreground", "--force", *options)
        wait_for((munge / "socket").exists)
        self._start("slurmctld", "-D")
        hides = f'mount -t tmpfs none "{self.unseen}" && exec slurmd -D'
        self._start("unshare", "--mount", "sh", "-c", hides)
        wait_for(lambda: "idle" in self.ask("sinfo", "--noheader", "--format=%t"))

    def _start(self, *command: str) -> None:
        with (self.folder / f"{command[0]}.out").open("wb") as out:
            process = subprocess.Popen(
                command, env=os.environ | self.environment, stdout=out, stderr=out
            )
        self.processes.append(process)

    def restart(self, *, after: float) -> None:
        """End the controller, start it again after some seconds."""
        controller = self.processes[1]
        controller.terminate()
        controller.wait(SECONDS)
        time.sleep(after)
        self._start("slurmctld", "-D")
        self.processes[1] = self.processes.pop()

    def ask(self, *command: str) -> str:
        done = subprocess.run(
            command, env=os.environ | self.environment, capture_output=True, text=True, check=False
        )
        return done.stdout

    def jobs(self) -> str:
        """Return the jobs that are in the queue or run, a line each: number, state, name."""
        return self.ask("squeue", "--noheader", "--format=%i %T %j").strip()

    def stop(self) -> None:
        self.ask("scancel", "--state=RUNNING")
        for process in reversed(self.processes):
            process.terminate()
            process.wait(SECONDS)
        for folder in Path("/sys/fs/cgroup").glob(f"*/slurm_{self.node}"):
            for left in sorted([folder, *folder.rglob("*/")], reverse=True):
                with suppress(OSError):  # in use: another cluster's on this machine
                    left.rmdir()


@contextmanager
def running(folder: Path) -> Iterator[Cluster]:
    """Bring a cluster up, end it in the end; skip a test where it cannot be.

    Where CI has installed it, it has to be.
    """
    lacking = [name for name in PROGRAMS if shutil.which(name) is None]
    if lacking or os.getuid():
        why = f"{', '.join(lacking)}: not on PATH" if lacking else "Slurm's daemons take root here"
        must = os.environ.get("CI") and shutil.which("slurmctld")
        (pytest.fail if must else pytest.skip)(f"{why}; install slurm-wlm")
    cluster = Cluster(folder)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


def free_ports() -> list[int]:
    """Return two ports that nobody listens at."""
    with (
        socket.create_server(("127.0.0.1", 0)) as one,
        socket.create_server(("127.0.0.1", 0)) as two,
    ):
        return [one.getsockname()[1], two.getsockname()[1]]


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end, "Slurm does not come up; see its logs in the test's folder"
        time.sleep(0.1)
