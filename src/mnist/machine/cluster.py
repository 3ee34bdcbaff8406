"""Who trains together: the workers that TF_CONFIG or a step of Slurm names; else nobody.

How many they are is the machine's business, as threads are: it changes the time alone.
"""

import os
from collections.abc import Mapping
from typing import Annotated, Literal, NamedTuple

from pydantic import BaseModel, Field, StringConstraints, ValidationError

from mnist.errors import UserError

PEER = "STAGE_PEER"  # the launcher's: another run publishes
TF_CONFIG, TASKS, SECONDS = "TF_CONFIG", "SLURM_STEP_NUM_TASKS", "WORKERS_TIMEOUT"
FIRST_PORT, A_JOB = 12000, 64  # Slurm gives none: so many ports for each of 300 jobs of a node

Address = Annotated[str, StringConstraints(pattern=r"^[^\s/:]+:\d+$|^\[[0-9a-fA-F:]+\]:\d+$")]


class Cluster(NamedTuple):
    """All workers, and which of them this process is."""

    addresses: tuple[str, ...]  # host:port, by rank
    rank: int
    seconds: float = 60  # the longest that one waits for another

    def name(self, rank: int) -> str:
        """Name a worker to the user."""
        return f"worker {rank} ({self.addresses[rank]})"


class _Workers(BaseModel):
    worker: list[Address] = Field(min_length=1)


class _Task(BaseModel):
    type: Literal["worker"]
    index: int = Field(ge=0)


class _Config(BaseModel):
    cluster: _Workers
    task: _Task


def find(environ: Mapping[str, str] = os.environ) -> Cluster | None:
    """Return the cluster that this process is part of; None: it works alone. Raises UserError."""
    seconds = _seconds(environ.get(SECONDS) or "60")
    if environ.get(TF_CONFIG):
        found = _given(environ[TF_CONFIG], seconds)
    elif (environ.get(TASKS) or "1") != "1":
        found = _of_slurm(environ, seconds)
    else:
        return None
    return found if len(found.addresses) > 1 else None


def require_role(cluster: Cluster | None, environ: Mapping[str, str] = os.environ) -> None:
    """Raise UserError where this process does not publish, and worker 0 does, or the reverse."""
    rank = cluster.rank if cluster else 0
    if environ.get(PEER) and cluster is None:
        raise UserError(
            f"{TF_CONFIG}: expected the workers that this one trains with, or a step of Slurm, "
            "found none; set it, or train alone with `make repro`"
        )
    if bool(environ.get(PEER)) != (rank > 0):
        found = "worker" if environ.get(PEER) else "repro"
        raise UserError(
            f"worker {rank}: expected `make repro`, which publishes, for worker 0 and "
            f"`make worker` for the others, found `make {found}`"
        )


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0
    if not 1 <= seconds <= 86400:  # a day
        raise UserError(f"{SECONDS}: expected 1 to 86400 seconds, found {text}")
    return seconds


def _given(text: str, seconds: float) -> Cluster:
    try:
        config = _Config.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "all of it"
        raise UserError(
            f'{TF_CONFIG}: expected {{"cluster": {{"worker": ["host:port", ...]}}, "task": '
            f'{{"type": "worker", "index": 0}}}}, found in {where}: {first["msg"]}'
        ) from None
    addresses, rank = config.cluster.worker, config.task.index
    if rank >= len(addresses) or len(set(addresses)) < len(addresses):
        raise UserError(
            f"{TF_CONFIG}: expected different addresses and an index below their number, found "
            f"index {rank} and {', '.join(addresses)}"
        )
    return Cluster(tuple(addresses), rank, seconds)


def _of_slurm(environ: Mapping[str, str], seconds: float) -> Cluster:
    """Let TensorFlow's own resolver say who is where; which GPU is whose, Slurm has said."""
    import tensorflow as tf  # noqa: PLC0415  # slow, and TF_CONFIG needs none of it

    try:
        port = FIRST_PORT + A_JOB * (int(environ.get("SLURM_JOB_ID", "0")) % 300)
        tasks = int(environ[TASKS])
        resolver = tf.distribute.cluster_resolver.SlurmClusterResolver(
            port_base=port, gpus_per_node=tasks, gpus_per_task=1, auto_set_gpu=False
        )
        addresses = tuple(resolver.cluster_spec().job_tasks("worker"))
        rank = int(environ["SLURM_PROCID"])
        host = dict(enumerate(addresses))[rank].rpartition(":")[0]  # no worker is number -1
    except (LookupError, ValueError, RuntimeError) as error:
        raise UserError(
            f"Slurm: expected the variables of a step (`srun`), found {error}; unset {TASKS} to "
            "train alone"
        ) from None
    node = environ.get("SLURMD_NODENAME")
    if node and node != host:  # the resolver sorts node10 before node9, Slurm does not
        raise UserError(
            f"Slurm: expected task {rank} on {host}, where TensorFlow's resolver looks for it, "
            f"found it on {node}; set {TF_CONFIG} instead, or take nodes that sort as text"
        )
    return Cluster(addresses, rank, seconds)
