"""Whatever comes in ends in 4xx or 503, and the next caller is answered as if nothing had been."""

import contextlib
import io
import json
import os
import random
import signal
import socket
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import requests
from PIL import Image

import photographs
import samples
import servers
import small_model
from servers import Server

LIMITS = (
    "BODY_SECONDS = 3.0",
    "CONNECTION_SECONDS = 15.0",
    "PICTURE_SECONDS = 5.0",
    "MOST_CONNECTIONS = 40",
    "MOST_WAITING = 40",
)
IMPATIENT = ("BODY_SECONDS = 1.0", "CONNECTION_SECONDS = 4.0")
HEAD = "POST /predict HTTP/1.1\r\nhost: x\r\ncontent-type: image/png\r\n"
CHUNKED = "transfer-encoding: chunked\r\n\r\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Serve with bounds that a test reaches in seconds; at the end it stops without a word."""
    folder = tmp_path_factory.mktemp("hostile")
    small_model.copy(folder)
    with servers.serve(folder, *LIMITS) as server:
        yield server


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Serve with bounds that who is slow on purpose reaches at once."""
    folder = tmp_path_factory.mktemp("impatient")
    small_model.copy(folder)
    with servers.serve(folder, *IMPATIENT, network=False) as server:
        yield server


@pytest.fixture(scope="module")
def digit() -> bytes:
    return photographs.KINDS["plain"](
        servers.digits()[1].images[:][7], np.random.default_rng(0), 0.1
    )


@pytest.fixture(autouse=True)
def _answers_afterwards(server: Server, digit: bytes) -> Iterator[None]:
    yield
    assert server.send(digit).status_code == 200
    assert server.counted("pictures_waiting") == server.counted("body_bytes") == 0


def corpus(count: int) -> Iterator[bytes]:
    """Yield pictures of all formats with a few bytes changed, cut short or put in twice."""
    rng, numbers = random.Random(0), np.random.default_rng(0)
    image = Image.fromarray(numbers.integers(0, 255, (60, 50, 3), np.uint8))
    whole = []
    for format_ in ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM"):
        file = io.BytesIO()
        image.save(file, format_)
        whole.append(file.getvalue())
    for number in range(count):
        content = bytearray(whole[number % len(whole)])
        for _ in range(rng.randint(1, 4)):
            at = rng.choice([rng.randrange(len(content)), rng.randrange(64)])
            new = rng.choice([b"\xff" * 4, b"\0" * 4, rng.randbytes(2)])
            content[at : at + rng.choice([0, len(new), 40])] = new
        if rng.random() < 0.2:
            del content[rng.randrange(len(content)) :]
        yield bytes(content)


@pytest.mark.fault(92)
def test_pictures_that_are_broken_are_refused_each_in_a_line(server: Server) -> None:
    statuses = Counter[int]()
    for content in corpus(280):
        reply = server.send(content)
        statuses[reply.status_code] += 1
        if reply.status_code != 200:
            assert reply.json()["error"].startswith("picture 1: expected "), reply.text
            assert "\n" not in reply.json()["error"]
            assert "/proc/" not in reply.json()["error"]
    assert statuses.keys() <= {200, 422}
    assert statuses[422] > 50


@pytest.mark.fault(92)
def test_a_picture_of_many_pixels_is_refused_and_takes_no_memory_of_the_server(
    server: Server,
) -> None:
    before = server.memory()
    for side, said in ((9000, "at most 80 megapixels, found"), (8900, "")):
        file = io.BytesIO()
        Image.new("L", (side, side), 255).save(file, "png")
        reply = server.send(file.getvalue())
        assert reply.status_code == 422
        assert said in reply.json()["error"]
    assert server.memory() - before < 1 << 30


@pytest.mark.fault(93)
@pytest.mark.parametrize(
    ("kind", "body", "status", "said"),
    [
        ("text/plain", b"hello", 415, "expected multipart/form-data, application/json or image/*"),
        ("", b"hello", 415, "found no content-type"),
        ("application/json", b"{", 400, "Expecting property name"),
        ("application/json", b"[]", 400, 'expected {"images": [BASE64, ...]}'),
        ("application/json", b'{"images": [1]}', 400, 'expected {"images": [BASE64, ...]}'),
        ("application/json", b'{"images": ["*"]}', 400, "expected base64"),
        ("application/json", b'{"images": ["\xff"]}', 400, "expected base64 and UTF-8"),
        ("application/json", b'{"images": ["\\u00e9"]}', 400, "expected base64"),
        ("application/json", b'{"images": []}', 400, "expected 1 to 32 pictures, found 0"),
        ("application/json", b"[" * 100_000, 400, "levels"),
        ("application/json", b'{"images": ["' + b'", "' * 40 + b'"]}', 413, "found 41"),
        ("multipart/form-data", b"x", 400, "Missing boundary"),
        ("multipart/form-data; boundary=a", b"x", 400, "multipart/form-data: "),
        ("multipart/form-data; boundary=a", b"--a\r\n\r\nx\r\n--a--\r\n", 400, "name"),
        (
            "multipart/form-data; boundary=a",
            b'--a\r\ncontent-disposition: form-data; name="x"\r\n\r\n1\r\n--a--\r\n',
            400,
            "Too many fields",
        ),
        ("image/png", b"", 422, "picture 1: expected an image"),
        ("image/png", b"<svg></svg>", 422, "an SVG drawing; save it as PNG"),
    ],
)
def test_a_body_of_another_kind_is_refused(
    server: Server, kind: str, body: bytes, status: int, said: str
) -> None:
    reply = server.send(body, kind)
    assert (reply.status_code, said in reply.json()["error"]) == (status, True), reply.text


@pytest.mark.fault(93)
def test_a_body_that_is_too_long_is_refused_whether_it_says_so_or_not(server: Server) -> None:
    reply = server.send(bytes(11 << 20))
    assert reply.status_code == 413
    assert reply.json() == {"error": "expected a body of at most 10 MiB"}
    chunk = b"100000\r\n" + bytes(1 << 20) + b"\r\n"
    assert b" 413 " in talk(server, (HEAD + CHUNKED).encode(), *[chunk] * 10, b"1\r\nx\r\n")


@pytest.mark.fault(93)
def test_a_body_of_headers_alone_holds_no_one_up(server: Server, digit: bytes) -> None:
    """A part of a form may have headers of its own, here a million of them."""
    body = b"--a\r\n" + b"x:1\r\n" * 1_000_000 + b"\r\n\r\n--a--\r\n"
    kind = "multipart/form-data; boundary=a"
    with ThreadPoolExecutor(2) as pool:
        refused = pool.submit(servers.post, server.url, body, kind)
        start = time.monotonic()
        assert servers.post(server.url, digit, "image/png").status_code == 200
        assert time.monotonic() - start < 60
        assert refused.result().status_code == 400


def talk(server: Server, *pieces: bytes, pause: float = 0, wait: float = 30) -> bytes:
    """Send pieces on a connection until it is closed; return what came back."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=wait) as line:
        said = b""
        with contextlib.suppress(ConnectionError):
            for piece in pieces:
                line.sendall(piece)
                time.sleep(pause)
            while piece := line.recv(65536):
                said += piece
        return said


@pytest.mark.fault(94)
def test_a_slow_loris_is_cut_while_others_are_answered(impatient: Server, digit: bytes) -> None:
    """Thirty connections send a byte of a header now and then, or nothing at all."""
    with ThreadPoolExecutor(32) as pool:
        start = time.monotonic()
        drip = [HEAD.encode(), *[b"x"] * 40]
        slow = [pool.submit(talk, impatient, *drip, pause=0.2) for _ in range(15)]
        silent = [pool.submit(talk, impatient) for _ in range(15)]
        time.sleep(0.5)
        assert servers.post(impatient.url, digit, "image/png").status_code == 200
        assert [one.result() for one in slow + silent] == [b""] * 30
        assert time.monotonic() - start < 60


@pytest.mark.fault(94)
def test_a_body_that_comes_too_slowly_is_told_so(impatient: Server) -> None:
    head = HEAD + "content-length: 1000\r\n\r\n"
    said = talk(impatient, head.encode(), *[b"x"] * 20, pause=0.1)
    assert b" 408 " in said
    assert b"expected the whole body within 1 s" in said


@pytest.mark.fault(94)
@pytest.mark.parametrize(
    "pieces",
    [
        [b"GET /health HTTP/1.1\r\nhost: x\r\n", *[b"x: " + b"1" * 9000 + b"\r\n"] * 8],
        [b"GET /health HTTP/1.1\r\nhost: ", *[b"x" * 9000] * 8],
        [b"GET /", *[b"x" * 9000] * 8],
        [(HEAD + CHUNKED).encode() + b"0\r\n", *[b"x: " + b"1" * 9000 + b"\r\n"] * 8],
        [b"\x16\x03\x01 no HTTP at all\r\n\r\n"],
    ],
)
def test_headers_without_end_and_what_is_no_http_are_refused(
    server: Server, pieces: list[bytes]
) -> None:
    assert talk(server, *pieces, pause=0.01).startswith(b"HTTP/1.1 400 ")


@pytest.mark.fault(95)
def test_too_many_connections_are_refused_at_once(server: Server) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(60):
            line = socket.create_connection(("127.0.0.1", server.port), timeout=30)
            stack.enter_context(line)
        assert line.recv(100).startswith(b"HTTP/1.1 503 ")


@pytest.mark.fault(95)
def test_a_flood_is_answered_or_sent_away_and_leaves_nothing_behind(
    server: Server, digit: bytes
) -> None:
    """Forty callers send three pictures each, several times; thirteen such requests fit."""
    texts = [servers.base64_of(digit)] * 3
    body = json.dumps({"images": texts}).encode()

    def ask(_: int) -> Counter[int]:
        found = Counter[int]()
        for _ in range(samples.many(3)):
            with contextlib.suppress(requests.ConnectionError):
                reply = servers.post(server.url, body, "application/json")
                found[reply.status_code] += 1
                if reply.status_code == 503:
                    assert reply.headers["retry-after"] == "1"
        return found

    with ThreadPoolExecutor(39) as pool:
        warm = sum(pool.map(ask, range(39)), Counter[int]())
        before, files = server.memory(), server.counted("process_open_fds")
        statuses = sum(pool.map(ask, range(39)), Counter[int]())
    assert statuses.keys() | warm.keys() == {200, 503}
    assert server.memory() - before < 60 << 20
    assert server.counted("process_open_fds") <= files + 5


@pytest.mark.fault(96)
def test_a_process_that_dies_hangs_or_is_told_nonsense_is_replaced(
    server: Server, digit: bytes
) -> None:
    before = server.counted("preparers_replaced")
    for pid in servers.children(server.process.pid):
        os.kill(pid, signal.SIGKILL)
    assert server.send(digit).status_code == 200
    stopped = servers.children(server.process.pid)
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    reply = server.send(digit)
    assert reply.status_code == 422
    assert reply.json()["error"] == "picture 1: expected a picture, found one that takes too long"
    for pid in stopped:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
    assert server.send(digit).status_code == 200
    assert server.counted("preparers_replaced") > before
    assert all(Path(f"/proc/{pid}").exists() for pid in servers.children(server.process.pid))
