"""The workers that train together, as TF_CONFIG or a Slurm step lists them.

Like the number of threads, the number of workers changes only the time that a training takes.
"""

import os
from collections.abc import Mapping
from typing import Annotated, Literal, NamedTuple

from pydantic import BaseModel, Field, StringConstraints, ValidationError

from mnist.errors import UserError

PEER = "STAGE_PEER"  # set by the launcher if another run of the stage writes the outputs
TF_CONFIG, TASKS, SECONDS = "TF_CONFIG", "SLURM_STEP_NUM_TASKS", "WORKERS_TIMEOUT"
FIRST_PORT, PORTS_PER_JOB = 12000, 64  # Slurm assigns no ports; enough for 300 jobs of a node

Address = Annotated[str, StringConstraints(pattern=r"^[^\s/:]+:\d+$|^\[[0-9a-fA-F:]+\]:\d+$")]


class Cluster(NamedTuple):
    """All workers, and the rank of this one."""

    addresses: tuple[str, ...]  # host:port, by rank
    rank: int
    seconds: float = 60  # that a worker waits for another

    def name(self, rank: int) -> str:
        """Return the name of a worker in messages."""
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
    """Return the cluster that this process belongs to, None for a single worker.

    Raises UserError for invalid variables.
    """
    seconds = _seconds(environ.get(SECONDS) or "60")
    if environ.get(TF_CONFIG):
        cluster = _from_tf_config(environ[TF_CONFIG], seconds)
    elif (environ.get(TASKS) or "1") != "1":
        cluster = _from_slurm(environ, seconds)
    else:
        return None
    return cluster if len(cluster.addresses) > 1 else None


def require_role(cluster: Cluster | None, environ: Mapping[str, str] = os.environ) -> None:
    """Raise UserError unless worker 0 runs as `make repro` and the others as `make worker`."""
    rank = cluster.rank if cluster else 0
    if environ.get(PEER) and cluster is None:
        raise UserError(
            f"{TF_CONFIG}: expected the workers that this one trains with, or a step of Slurm, "
            "found none; set it, or train alone with `make repro`"
        )
    if bool(environ.get(PEER)) != (rank > 0):
        target = "worker" if environ.get(PEER) else "repro"
        raise UserError(
            f"worker {rank}: expected `make repro`, which publishes, for worker 0 and "
            f"`make worker` for the others, found `make {target}`"
        )


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0
    if not 1 <= seconds <= 86400:  # a day
        raise UserError(f"{SECONDS}: expected 1 to 86400 seconds, found {text}")
    return seconds


def _from_tf_config(text: str, seconds: float) -> Cluster:
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


def _from_slurm(environ: Mapping[str, str], seconds: float) -> Cluster:
    """Ask TensorFlow's resolver for the addresses; Slurm has assigned the GPUs already."""
    import tensorflow as tf  # noqa: PLC0415  # slow, and TF_CONFIG needs none of it

    try:
        port = FIRST_PORT + PORTS_PER_JOB * (int(environ.get("SLURM_JOB_ID", "0")) % 300)
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
