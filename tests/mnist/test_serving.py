"""The server reads as `make predict` does, says what it serves, and stops in good order."""

import asyncio
import base64
import io
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import in_process
import photographs
import servers
import small_model
from mnist import predict
from mnist.arrays.dataset import Examples
from mnist.machine import cores, processor
from mnist.serving import limits, preparing
from mnist.serving.batching import Batcher
from mnist.serving.neighbours import Neighbours
from mnist.serving.preparing import Preparers
from mnist.serving.worker import LENGTH, READY
from mnist.task import Task, words
from servers import Server

OPENAPI = json.loads((servers.SOURCE / "mnist/serving/static/openapi.json").read_text())


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("a project, à moi")
    model = small_model.copy(folder)
    servers.save_test_set(folder, servers.digits()[1])
    servers.evaluated(folder, servers.digest(model))
    return folder


@pytest.fixture(scope="module")
def server(project: Path) -> Iterator[Server]:
    with servers.serve(project) as server:
        yield server


@pytest.fixture(scope="module")
def photos() -> list[bytes]:
    images, random = servers.digits()[1].images[:], np.random.default_rng(5)
    kinds = ("plain", "coloured", "deep", "transparent")
    return [photographs.KINDS[kind](images[random.integers(1000)], random, 0.2) for kind in kinds]


def fits(value: Any, schema: dict[str, Any]) -> None:
    """Assert that a value is what a schema of openapi.json says; what it uses of JSON Schema."""
    if "$ref" in schema:
        schema = OPENAPI["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    kinds: dict[str, Any] = {
        "object": dict,
        "array": list,
        "string": str,
        "integer": int,
        "boolean": bool,
    }
    kinds |= {"number": (int, float), "null": type(None)}
    wanted = schema.get("type", [])
    wanted = [wanted] if isinstance(wanted, str) else wanted
    assert not wanted or any(isinstance(value, kinds[kind]) for kind in wanted), (value, schema)
    assert value in schema.get("enum", [value])
    if isinstance(value, dict):
        assert set(schema.get("required", value)) <= value.keys()
        assert value.keys() <= schema["properties"].keys()
        for key, item in value.items():
            fits(item, schema["properties"][key])
    elif isinstance(value, list):
        for item in value:
            fits(item, schema["items"])


def answer(path: str, method: str = "get") -> Any:
    found = OPENAPI["paths"][path][method]["responses"]["200"]["content"]
    return found["application/json"]["schema"]


def test_it_reads_as_make_predict_does(
    server: Server,
    project: Path,
    photos: list[bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for number, content in enumerate(photos):
        (tmp_path / f"{number}.png").write_bytes(content)
    monkeypatch.setattr(processor, "prepare", lambda **_: None)  # would last for this process
    done = in_process.call(predict.main, "--json", str(tmp_path), folder=project)
    for told, content in zip(json.loads(done.stdout), photos, strict=True):
        reply = server.send(content).json()
        fits(reply, answer("/predict", "post"))
        [read] = reply["pictures"]
        assert (read["sure"], read["why"]) == (told["sure"], told["why"])
        assert [one["class"] for one in read["classes"]] == [
            one["class"] for one in told["classes"]
        ]
        ours, theirs = ([one["probability"] for one in all_["classes"]] for all_ in (read, told))
        assert ours == pytest.approx(theirs, abs=2e-6)  # a batch of another size rounds otherwise


def test_a_picture_several_files_and_base64_are_read_alike(
    server: Server, photos: list[bytes]
) -> None:
    single = [server.send(content).json()["pictures"][0]["classes"][0] for content in photos]
    files = [("any", (f"{number}", content)) for number, content in enumerate(photos)]
    form = server.http.post(server.url + "/predict", files=files, timeout=60).json()
    texts = [base64.b64encode(content).decode() for content in photos]
    body = server.http.post(server.url + "/predict", json={"images": texts}, timeout=60).json()
    for reply in (form, body):
        found = [picture["classes"][0] for picture in reply["pictures"]]
        assert [one["class"] for one in found] == [one["class"] for one in single]


def test_it_shows_what_the_model_sees_and_the_test_images_most_like_it(
    server: Server, tmp_path: Path
) -> None:
    test = servers.digits()[1]
    for index in (3, 704):
        path = tmp_path / "x.png"
        Image.fromarray(test.images[:][index, ..., 0]).save(path)
        reply = server.send(path.read_bytes(), path="/predict?show=1").json()
        fits(reply, answer("/predict", "post"))
        [told] = reply["pictures"]
        assert np.array_equal(
            pixels(told["seen"]), predict.look(path, servers.DIGITS).pixels[..., 0]
        )
        first = told["nearest"][0]
        assert (first["index"], first["class"]) == (index, str(test.labels[index]))
        assert first["likeness"] == pytest.approx(1, abs=1e-4)
        assert np.array_equal(pixels(first["image"]), test.images[:][index, ..., 0])


def pixels(text: str) -> NDArray[np.uint8]:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(text))))


def test_neighbours_of_a_large_test_set_are_bounded() -> None:
    image = np.random.default_rng(0).integers(0, 255, (1, 224, 224, 3), np.uint8)
    task = Task((224, 224, 3), ("a", "b"), "crop")
    many = Examples(np.broadcast_to(image, (1000, 224, 224, 3)), np.zeros(1000, np.uint16), task)
    known = Neighbours.of(many)
    assert known.directions.nbytes <= 256 << 20
    assert len(known.labels) == 445


def test_it_says_what_it_serves(server: Server, project: Path) -> None:
    told = server.get("/model").json()
    fits(told, answer("/model"))
    assert told["md5"] == servers.digest(project / "models/model.keras")
    assert told["classes"] == list("0123456789")
    assert told["test"] == servers.evaluated(project, told["md5"])
    assert server.get("/health").json() == {"status": "ok"}
    assert server.get("/openapi.json").json() == OPENAPI
    assert set(OPENAPI["paths"]) == {"/predict", "/model", "/health", "/metrics"}
    assert server.get("/").headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in server.get("/").headers["content-security-policy"]
    assert server.get("/nothing").status_code == 404
    assert server.get("/predict").status_code == 405


def test_it_answers_this_machine_alone(server: Server) -> None:
    assert re.fullmatch(r"digits: http://127\.0\.0\.1:\d+ \(Ctrl-C stops it\)\n", server.line)


def test_requests_are_counted_by_path_and_status(server: Server, photos: list[bytes]) -> None:
    server.send(photos[0])
    name = 'http_requests_total{path="/predict",status="200"}'
    before, read = server.counted(name), server.counted("pictures_read")
    server.send(photos[0])
    server.get("/no/path/of/ours")
    assert server.counted(name) == before + 1
    assert server.counted("pictures_read") == read + 1
    assert server.counted('http_requests_total{path="other",status="404"}') >= 1
    assert server.counted("pictures_waiting") == server.counted("body_bytes") == 0


def test_what_comes_together_is_read_together_and_each_gets_its_own() -> None:
    sizes: list[int] = []

    def slow(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        sizes.append(len(images))
        time.sleep(0.05)
        return images[:, :1].astype(np.float32)

    async def ask() -> list[NDArray[np.float32]]:
        batcher = Batcher(slow, most=8)
        asked = [batcher.read(np.array([number], np.uint8)) for number in range(20)]
        rows = await asyncio.gather(*asked)
        await batcher.stop()
        return rows

    assert [float(row[0]) for row in asyncio.run(ask())] == list(range(20))
    assert sizes == [8, 8, 4]


@pytest.mark.fault(96)
def test_requests_given_up_at_any_moment_cost_no_process(photos: list[bytes]) -> None:
    async def ask() -> int:
        preparers = Preparers()
        await preparers.start()
        preparers.instruct(servers.DIGITS)
        many = len(servers.children(os.getpid()))
        await preparers.prepare(photos[0])
        for moment in (0, 0.001, 0.01, 0.03, 0.1):
            asked = [asyncio.create_task(preparers.prepare(photos[0])) for _ in range(6)]
            await asyncio.sleep(moment)
            for task in asked:
                task.cancel()
            await asyncio.gather(*asked, return_exceptions=True)
        for _ in range(4):
            look = await asyncio.wait_for(preparers.prepare(photos[0]), 60)
            assert look.pixels.shape == (28, 28, 1)
        while len(servers.children(os.getpid())) != many:
            await asyncio.sleep(0.05)
        await preparers.stop()
        return preparers.replaced

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(servers.SOURCE))
        patch.setattr(limits, "PICTURE_SECONDS", 60)
        assert asyncio.run(asyncio.wait_for(ask(), 120)) > 0


@pytest.mark.slow
@pytest.mark.fault(96)
def test_a_process_that_starts_slowly_costs_no_picture_and_one_that_hangs_is_replaced(
    photos: list[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first of all hangs, as each does that the machine has no time for."""
    code = f"""
import time
from pathlib import Path
try:
    Path({str(tmp_path / "hangs")!r}).mkdir()
    time.sleep(600)
except FileExistsError:
    time.sleep(4)
from mnist.serving.worker import main
main()
"""
    monkeypatch.setenv("PYTHONPATH", str(servers.SOURCE))
    monkeypatch.setattr(preparing, "COMMAND", (sys.executable, "-P", "-c", code))
    monkeypatch.setattr(cores, "count", lambda: 1)
    monkeypatch.setattr(limits, "PICTURE_SECONDS", 3)
    monkeypatch.setattr(limits, "START_SECONDS", 10)

    async def ask() -> int:
        preparers = Preparers()
        await preparers.start()
        preparers.instruct(servers.DIGITS)
        try:
            look = await asyncio.wait_for(preparers.prepare(photos[0]), 120)
        finally:
            await preparers.stop()
        assert look.pixels.shape == (28, 28, 1)
        return preparers.replaced

    assert asyncio.run(ask()) == 1


def test_a_network_that_fails_is_told_to_each_who_asked_and_to_no_one_after() -> None:
    def fails(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        if images.any():
            raise ValueError("no such image")
        return np.zeros((len(images), 10), np.float32)

    async def ask() -> None:
        batcher = Batcher(fails, most=8)
        both = (batcher.read(np.array([1], np.uint8)) for _ in range(2))
        found = await asyncio.gather(*both, return_exceptions=True)
        assert [str(error) for error in found] == ["no such image"] * 2
        assert len(await batcher.read(np.array([0], np.uint8))) == 10
        await batcher.stop()

    asyncio.run(ask())


def test_what_is_being_answered_when_a_signal_comes_is_answered(
    project: Path, photos: list[bytes]
) -> None:
    found = []
    with servers.serve(project, network=False) as server:
        files = [("x", ("x", content)) for content in photos * 8]
        asked = threading.Thread(
            target=lambda: found.append(
                server.http.post(server.url + "/predict", files=files, timeout=60)
            )
        )
        asked.start()
        while server.counted_elsewhere("pictures_waiting") == 0:
            assert asked.is_alive()
            time.sleep(0.01)
        server.process.send_signal(signal.SIGTERM)
        asked.join(60)
        server.process.wait(60)
    [reply] = found
    assert reply.status_code == 200
    assert len(reply.json()["pictures"]) == 32


def test_ctrl_c_while_it_loads_its_model_ends_in_a_line(project: Path) -> None:
    pipe = subprocess.PIPE
    heard = ("env", "--default-signal=INT")  # which a job in the background has ignored
    command = [*heard, sys.executable, "-P", "-m", "mnist.serving", "--port=0"]
    env = os.environ | {"PYTHONPATH": str(servers.SOURCE)}
    with subprocess.Popen(command, cwd=project, env=env, stdout=pipe, stderr=pipe) as process:
        while not (mine := servers.children(process.pid)):  # the first thing that it starts
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=60)
    lines = said[1].splitlines(keepends=True)
    assert (process.returncode, said[0], lines[-1:]) == (130, b"", [b"interrupted\n"])
    assert not [line for line in lines if b"Traceback" in line]
    await_end(mine)


def test_its_processes_end_with_it_whatever_ends_it(project: Path) -> None:
    with servers.serve(project, network=False) as server:
        mine = servers.children(server.process.pid)
        assert mine
        server.process.kill()
        server.process.wait(60)
        await_end(mine)
        server.killed = True


WORDS = json.dumps({"shape": servers.DIGITS.shape} | words(servers.DIGITS)).encode()
TOLD = LENGTH.pack(len(WORDS)) + WORDS


@pytest.mark.parametrize(
    "sent",
    [b"", TOLD[:2], TOLD[:-1], TOLD, TOLD + b"\1", TOLD + LENGTH.pack(9) + b"half"],
    ids=["nothing", "half a length", "half a task", "a task", "half of another", "half a picture"],
)
def test_a_process_whose_server_is_gone_ends_and_says_nothing(sent: bytes) -> None:
    with preparer() as process:
        answer, said = process.communicate(sent, timeout=60)
    assert (process.returncode, answer, said) == (0, READY if sent >= TOLD else b"", b"")


def test_a_process_whose_server_is_gone_when_it_answers_says_nothing() -> None:
    with preparer() as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write(TOLD)
        process.stdin.flush()
        assert process.stdout.read(1) == READY
        process.stdout.close()
        process.stdin.write(LENGTH.pack(4) + b"none")
        process.stdin.flush()
        assert process.wait(60) == -signal.SIGPIPE
        assert process.stderr
        assert process.stderr.read() == b""


def preparer() -> "subprocess.Popen[bytes]":
    env = os.environ | {"PYTHONPATH": str(servers.SOURCE)}
    pipe = subprocess.PIPE
    return subprocess.Popen(preparing.COMMAND, env=env, stdin=pipe, stdout=pipe, stderr=pipe)


def await_end(pids: list[int]) -> None:
    deadline = time.monotonic() + 30
    while any(map(running, pids)):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model=models/none.keras"], "models/none.keras: no such file; run `make repro`"),
        pytest.param(
            ["--model=no-model"],
            "no-model: expected a Keras model, found ",
            marks=pytest.mark.slow,  # TensorFlow starts to read it
        ),
        (["--port=99999"], "127.0.0.1, port 99999: expected a free port, found "),
        (["--host=no.such.host.invalid"], "no.such.host.invalid, port 0: expected a free port"),
    ],
)
def test_what_cannot_be_served_is_said_in_a_line(
    project: Path, arguments: list[str], message: str
) -> None:
    (project / "no-model").write_text("{}")
    command = [sys.executable, "-P", "-m", "mnist.serving", "--port=0", *arguments]
    env = {"PYTHONPATH": str(servers.SOURCE)}
    done = subprocess.run(
        command, cwd=project, env=env, check=False, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert message in done.stderr
