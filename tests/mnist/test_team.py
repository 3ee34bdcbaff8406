"""One worker of several: its shards, its role, what it sees, and whose fault an end is."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf

import test_training as tiny
from mnist.errors import UserError
from mnist.machine import cluster, environment
from mnist.machine.cluster import Cluster
from mnist.training import fingerprint, worker
from mnist.training.worker import Worker

CREW = Cluster(("a:1", "b:2"), 1)


@pytest.mark.parametrize("count", [1, 2, 4])
def test_workers_share_out_the_shards_of_a_batch_among_them(count: int) -> None:
    shards, parts = list(range(4)), []
    for rank in range(count):
        one = Worker()
        one.rank, one.count = rank, count
        parts.append(one.local_shards(shards))
    assert [len(part) for part in parts] == [4 // count] * count
    assert [shard for part in parts for shard in part] == shards


@pytest.mark.fault(91)
@pytest.mark.parametrize(
    ("crew", "environ", "message"),
    [
        (None, {"STAGE_PEER": "1"}, "^TF_CONFIG: expected the workers .*, found none; set it"),
        (CREW, {}, "^worker 1: expected .*`make worker` for the others, found `make repro`$"),
        (CREW._replace(rank=0), {"STAGE_PEER": "1"}, "^worker 0: expected .* found `make worker`$"),
    ],
)
def test_a_training_that_nobody_or_two_would_publish_is_refused(
    crew: Cluster | None, environ: dict[str, str], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        cluster.require_role(crew, environ)


def test_worker_0_and_who_is_alone_publish_and_the_others_do_not() -> None:
    for crew, environ in ((None, {}), (CREW._replace(rank=0), {}), (CREW, {"STAGE_PEER": "1"})):
        cluster.require_role(crew, environ)


@contextmanager
def joined(monkeypatch: pytest.MonkeyPatch) -> Iterator[Worker]:
    """Join workers of whom nobody else is there, nor asked for."""
    one = Worker()
    one.rank, one.count = 1, 2
    monkeypatch.setattr(worker, "_join", lambda _: one)
    monkeypatch.setattr(worker, "_answers", lambda address: address == "b:2")
    with worker.joined(CREW, 4) as found:
        yield found


@pytest.mark.fault(91)
@pytest.mark.parametrize(
    ("error", "message"),
    [
        (tf.errors.UnavailableError, r"^worker 1 \(b:2\): lost worker 0 \(a:1\) \(UnavailableErr"),
        (tf.errors.ResourceExhaustedError, r"^worker 1 \(b:2\): no memory \(ResourceExhaustedErr"),
        (tf.errors.InvalidArgumentError, r"^worker 1 \(b:2\): no memory \(InvalidArgumentError\)$"),
    ],
)
def test_what_a_worker_does_itself_is_no_loss_of_another(
    error: Any, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UserError, match=message), joined(monkeypatch):
        raise error(None, None, "no memory\nand 99 lines more")


def test_each_worker_says_which_it_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with joined(monkeypatch):
        assert capsys.readouterr().out == "worker 1 of 2\n"


@pytest.mark.parametrize("address", ["no..name:1", f"{'x' * 70}.name:1", "127.0.0.1:1"])
def test_a_host_whose_name_is_none_does_not_answer(address: str) -> None:
    assert not worker._answers(address)


@pytest.mark.fault(91)
def test_each_thing_that_bytes_depend_on_is_told_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, code = tmp_path / "data", tmp_path / "code"
    for path in (data, code):
        path.write_text("as it was")
    params = tiny.FEW.model_copy(update={"reproducible": "machine"})
    monkeypatch.setattr(fingerprint, "_code", lambda: [code])
    before = fingerprint.compute([params], [data])

    def changed(of: Any = params) -> list[str]:
        after = fingerprint.compute([of], [data])
        return [name for name in before if after[name] != before[name]]

    assert changed() == []
    assert changed(params.model_copy(update={"seed": 99})) == ["params"]
    data.write_text("other")
    assert changed() == ["data"]
    code.write_text("other")
    assert changed() == ["data", "code"]
    monkeypatch.setattr(fingerprint, "version", lambda _: "0")
    monkeypatch.setattr(environment, "processor", lambda: "another")
    assert changed() == ["data", "code", "packages", "processor"]


def test_the_code_of_a_training_is_what_it_has_imported_of_the_package(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys.modules["__main__"], "__file__", __file__, raising=False)
    found = {path.name for path in fingerprint._code()}
    assert {"loop.py", "trainer.py", "shards.py", "model.py", "worker.py"} <= found
