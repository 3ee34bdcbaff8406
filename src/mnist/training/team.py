"""The workers of a training: what they tell each other, and what ends them.

TensorFlow brings them together (`MultiWorkerMirroredStrategy`: servers, heartbeats, collectives).
Each runs the same steps on shards of its own and holds all of the state. A worker that is alone has
no strategy, and nothing of TensorFlow's is set up for it.
"""

import os
import re
import socket
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from tensorflow.python.distribute import collective_all_reduce_strategy
from tensorflow.python.eager import context

from mnist.errors import UserError
from mnist.machine.cluster import Cluster

OWN = (  # what TensorFlow raises of a worker's own doing
    *(tf.errors.ResourceExhaustedError, tf.errors.InvalidArgumentError),
    *(tf.errors.UnimplementedError, tf.errors.OutOfRangeError, tf.errors.NotFoundError),
)
GROUP = 1_000_000  # a key that no collective of the strategy's own has


class Team:
    """One worker among all, this one; alone by default."""

    rank, count = 0, 1

    def own(self, shards: list[Any]) -> list[Any]:
        """Return the shards of a batch that are this worker's: neighbours, by rank."""
        each = len(shards) // self.count
        return shards[self.rank * each : (self.rank + 1) * each]

    def gather(self, vector: Any) -> Any:
        """Return the vectors of all workers, `[workers, n]`, in the order of their ranks."""
        return vector[None]

    def share(self, array: NDArray[Any]) -> NDArray[Any]:
        """Return the array of worker 0; that of another gives shape and dtype alone."""
        return array

    def require_same(self, seen: Mapping[str, bytes]) -> None:
        """Raise UserError, on every worker, where one of them sees other things than worker 0."""

    def leave(self) -> None:
        """Need the others no more."""


ALONE = Team()


class Joined(Team):
    """One of several workers."""

    def __init__(self, cluster: Cluster) -> None:
        """Start this worker's server; its collectives wait for the others."""
        self.cluster, self.rank, self.count = cluster, cluster.rank, len(cluster.addresses)
        self._calls = 0
        # TensorFlow's coordination service waits for an hour, and no thread of Python's can end
        # it; without it the strategy's own check waits, and collectives find who is dead
        context.context().configure_coordination_service(service_type="")
        # that check has to have found within `seconds` who hangs: a time-out of the collective's
        # own, which is left as the last resort, frees what TensorFlow's other threads still use
        check = collective_all_reduce_strategy.CollectiveAllReduceExtended
        quarter = max(1, int(cluster.seconds) // 4)
        check._check_health_interval = check._check_health_timeout = quarter
        check._check_health_retry_limit = 2
        self._strategy = tf.distribute.MultiWorkerMirroredStrategy(
            tf.distribute.cluster_resolver.SimpleClusterResolver(
                tf.train.ClusterSpec({"worker": list(cluster.addresses)}),
                task_type="worker",
                task_id=cluster.rank,
                num_accelerators={"GPU": len(tf.config.list_physical_devices("GPU"))},
                rpc_layer="grpc",
            )
        )

    def gather(self, vector: Any) -> Any:
        """Gather in one collective; the strategy's own `gather` first sends the shapes."""
        table = tf.raw_ops.CollectiveGatherV2(input=vector[None], ordering_token=[], **self._call())
        return tf.ensure_shape(table, (self.count, *vector.shape))

    def share(self, array: NDArray[Any]) -> NDArray[Any]:
        """Send, or receive: as a vector, since TensorFlow crashes on an array without values."""
        if array.size == 0:
            return array
        if self.rank == 0:
            found = tf.raw_ops.CollectiveBcastSendV2(input=array.reshape(-1), **self._call())
        else:
            of = {"T": tf.as_dtype(array.dtype), "shape": [array.size]}
            found = tf.raw_ops.CollectiveBcastRecvV2(**of, **self._call())
        return np.asarray(found.numpy()).reshape(array.shape)

    def require_same(self, seen: Mapping[str, bytes]) -> None:
        """Gather digests: a table of the same size whatever is seen."""
        digests = [np.frombuffer(sha256(value).digest(), np.int32) for value in seen.values()]
        table = self.gather(tf.constant(np.concatenate(digests))).numpy()
        table = table.reshape(self.count, len(seen), -1)
        other = (table != table[0]).any(axis=2)
        if other.any():
            rank = int(other.any(axis=1).argmax())
            names = [name for name, differs in zip(seen, other[rank], strict=True) if differs]
            raise UserError(
                f"{self.cluster.name(rank)}: expected what {self.cluster.name(0)} sees, found "
                f"other {', '.join(names)}; bring all workers to one state and start them again"
            )

    def leave(self) -> None:
        """Look no more whether they live."""
        self._strategy.extended._check_health_thread_should_stop.set()

    def _call(self) -> dict[str, Any]:
        """Return what a collective has in common with the same call on the other workers."""
        self._calls += 1
        return {
            "group_size": self.count,
            "group_key": GROUP,
            "instance_key": self._calls,
            "timeout_seconds": 2 * self.cluster.seconds,
        }


@contextmanager
def joined(cluster: Cluster | None, shards: int) -> Iterator[Team]:
    """Join the workers, if there are any; what ends one of them ends all, in a line each."""
    if cluster is None:
        yield ALONE
        return
    if shards % len(cluster.addresses):
        raise UserError(
            f"params.yaml: train.shards: expected a multiple of the {len(cluster.addresses)} "
            f"workers, found {shards}"
        )
    try:
        with _bounded(cluster):
            team = _join(cluster)
            print(f"worker {team.rank} of {team.count}", flush=True)
        yield team
        team.leave()
    except OWN as error:  # no fault of another's
        reason = error.message.partition("\n")[0][:300]
        raise UserError(
            f"{cluster.name(cluster.rank)}: {reason} ({type(error).__name__})"
        ) from None
    except tf.errors.OpError as error:
        raise UserError(
            f"{cluster.name(cluster.rank)}: lost {_lost(cluster, error)} ({type(error).__name__}); "
            "start all of them again, any number: they go on from worker 0's last checkpoint"
        ) from None


def _join(cluster: Cluster) -> Joined:
    try:
        return Joined(cluster)
    except tf.errors.UnknownError:
        raise UserError(
            f"{cluster.name(cluster.rank)}: expected a port of its own to listen on, found that it "
            "cannot; another program has it, or a worker of a run before: choose another"
        ) from None


@contextmanager
def _bounded(cluster: Cluster) -> Iterator[None]:
    """End the process where the cluster does not come up: what waits cannot be interrupted."""

    def end() -> None:
        try:
            print(
                f"{cluster.name(cluster.rank)}: expected all {len(cluster.addresses)} workers "
                f"within {cluster.seconds:g} s, found no answer from {_silent(cluster)}; start "
                "them all",
                file=sys.stderr,
                flush=True,
            )
        finally:
            os._exit(2)

    watch = threading.Timer(cluster.seconds, end)
    watch.daemon = True
    watch.start()
    try:
        yield
    finally:
        watch.cancel()


def _lost(cluster: Cluster, error: Any) -> str:
    """Name who hangs, if TensorFlow says so, or who does not answer."""
    hangs = re.search(r"task:(\d+) is down", error.message)
    return cluster.name(int(hangs[1])) if hangs else _silent(cluster)


def _silent(cluster: Cluster) -> str:
    """Name the workers that do not answer, as far as can be told."""
    time.sleep(1)  # one that is just being killed still holds its port
    others = [rank for rank in range(len(cluster.addresses)) if rank != cluster.rank]
    silent = [cluster.name(rank) for rank in others if not _answers(cluster.addresses[rank])]
    return ", ".join(silent) or "one of the others"


def _answers(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=3):
            return True
    except (OSError, ValueError):  # a name that is none: UnicodeError
        return False
