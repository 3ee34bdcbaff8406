"""The workers of a training: how they communicate, and how they fail together.

TensorFlow connects them (`MultiWorkerMirroredStrategy`: servers, heartbeats, collectives). Each
runs the same steps on its own shards and holds the whole state. A single worker needs no strategy,
so nothing of TensorFlow's is set up for it.
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

LOCAL_ERRORS = (  # raised by TensorFlow for a fault of this worker
    *(tf.errors.ResourceExhaustedError, tf.errors.InvalidArgumentError),
    *(tf.errors.UnimplementedError, tf.errors.OutOfRangeError, tf.errors.NotFoundError),
)
GROUP = 1_000_000  # a key that the strategy's own collectives do not use


class Worker:
    """One worker, the only one by default."""

    rank, count = 0, 1

    def local_shards(self, shards: list[Any]) -> list[Any]:
        """Return this worker's shards of a batch: neighbours, by rank."""
        count = len(shards) // self.count
        return shards[self.rank * count : (self.rank + 1) * count]

    def gather(self, vector: Any) -> Any:
        """Return the vectors of all workers, `[workers, n]`, in the order of their ranks."""
        return vector[None]

    def broadcast(self, array: NDArray[Any]) -> NDArray[Any]:
        """Return the array of worker 0; the others pass one of its shape and dtype."""
        return array

    def require_same(self, fingerprint: Mapping[str, bytes]) -> None:
        """Raise UserError on every worker if one of them differs from worker 0."""

    def leave(self) -> None:
        """Stop depending on the other workers."""


SINGLE_WORKER = Worker()


class ClusterWorker(Worker):
    """One of several workers."""

    def __init__(self, cluster: Cluster) -> None:
        """Start this worker's server; its collectives wait for the other workers."""
        self.cluster, self.rank, self.count = cluster, cluster.rank, len(cluster.addresses)
        self._calls = 0
        # TensorFlow's coordination service waits for an hour, and no Python thread can stop it.
        # Without it, the health check below waits, and collectives find dead workers.
        context.context().configure_coordination_service(service_type="")
        # The check must find a worker that hangs within `seconds`. The time-out of a collective is
        # the last resort only: it frees memory that other threads of TensorFlow still use.
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
        """Gather in one collective; the `gather` of the strategy sends the shapes first."""
        table = tf.raw_ops.CollectiveGatherV2(input=vector[None], ordering_token=[], **self._call())
        return tf.ensure_shape(table, (self.count, *vector.shape))

    def broadcast(self, array: NDArray[Any]) -> NDArray[Any]:
        """Send or receive a vector; TensorFlow crashes on an array without values."""
        if array.size == 0:
            return array
        if self.rank == 0:
            vector = tf.raw_ops.CollectiveBcastSendV2(input=array.reshape(-1), **self._call())
        else:
            like = {"T": tf.as_dtype(array.dtype), "shape": [array.size]}
            vector = tf.raw_ops.CollectiveBcastRecvV2(**like, **self._call())
        return np.asarray(vector.numpy()).reshape(array.shape)

    def require_same(self, fingerprint: Mapping[str, bytes]) -> None:
        """Compare the digests of all workers."""
        digests = [
            np.frombuffer(sha256(value).digest(), np.int32) for value in fingerprint.values()
        ]
        table = self.gather(tf.constant(np.concatenate(digests))).numpy()
        table = table.reshape(self.count, len(fingerprint), -1)
        different = (table != table[0]).any(axis=2)
        if different.any():
            rank = int(different.any(axis=1).argmax())
            names = [name for name, d in zip(fingerprint, different[rank], strict=True) if d]
            raise UserError(
                f"{self.cluster.name(rank)}: expected what {self.cluster.name(0)} sees, found "
                f"other {', '.join(names)}; bring all workers to one state and start them again"
            )

    def leave(self) -> None:
        """Stop checking whether the others are alive."""
        self._strategy.extended._check_health_thread_should_stop.set()

    def _call(self) -> dict[str, Any]:
        """Return the arguments that identify a collective on all workers."""
        self._calls += 1
        return {
            "group_size": self.count,
            "group_key": GROUP,
            "instance_key": self._calls,
            "timeout_seconds": 2 * self.cluster.seconds,
        }


@contextmanager
def joined(cluster: Cluster | None, shards: int) -> Iterator[Worker]:
    """Connect the workers, if there are several; if one fails, all raise UserError."""
    if cluster is None:
        yield SINGLE_WORKER
        return
    if shards % len(cluster.addresses):
        raise UserError(
            f"params.yaml: train.shards: expected a multiple of the {len(cluster.addresses)} "
            f"workers, found {shards}"
        )
    try:
        with _start_deadline(cluster):
            worker = _join(cluster)
            print(f"worker {worker.rank} of {worker.count}", flush=True)
        yield worker
        worker.leave()
    except LOCAL_ERRORS as error:
        reason = error.message.partition("\n")[0][:300]
        raise UserError(
            f"{cluster.name(cluster.rank)}: {reason} ({type(error).__name__})"
        ) from None
    except tf.errors.OpError as error:
        raise UserError(
            f"{cluster.name(cluster.rank)}: lost {_lost(cluster, error)} ({type(error).__name__}); "
            "start all of them again, any number: they go on from worker 0's last checkpoint"
        ) from None


def _join(cluster: Cluster) -> ClusterWorker:
    try:
        return ClusterWorker(cluster)
    except tf.errors.UnknownError:
        raise UserError(
            f"{cluster.name(cluster.rank)}: expected a port of its own to listen on, found that it "
            "cannot; another program has it, or a worker of a run before: choose another"
        ) from None


@contextmanager
def _start_deadline(cluster: Cluster) -> Iterator[None]:
    """End the process if the cluster does not come up; the wait cannot be interrupted."""

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
    """Name the worker that hangs, if TensorFlow knows it, or those that do not answer."""
    hanging = re.search(r"task:(\d+) is down", error.message)
    return cluster.name(int(hanging[1])) if hanging else _silent(cluster)


def _silent(cluster: Cluster) -> str:
    """Name the workers that do not answer, as far as can be known."""
    time.sleep(1)  # a worker that is just being killed still holds its port
    others = [rank for rank in range(len(cluster.addresses)) if rank != cluster.rank]
    silent = [cluster.name(rank) for rank in others if not _answers(cluster.addresses[rank])]
    return ", ".join(silent) or "one of the others"


def _answers(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=3):
            return True
    except (OSError, ValueError):  # UnicodeError for an invalid host name
        return False
