"""Rows 1 to 11 of the faults: real servers on this machine that misbehave, real files cut short."""

import gzip
import hashlib
import os
import random
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from mnist import catalog, download
from mnist.bundled import mnist_5k
from mnist.catalog import File
from mnist.errors import UserError

CONTENT = random.Random(0).randbytes(409_600)
PACKED = gzip.compress(CONTENT)
FILE = File("digits", len(CONTENT), hashlib.sha256(CONTENT).hexdigest())

Answer = Callable[[BaseHTTPRequestHandler], None]


def body(content: bytes, *, status: int = 200, claimed: int | None = None) -> Answer:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        request.send_header("Content-Length", str(claimed or len(content)))
        request.end_headers()
        request.wfile.write(content)

    return answer


def endless(request: BaseHTTPRequestHandler) -> None:
    request.send_response(200)
    request.end_headers()
    request.wfile.write(b"\x1f\x8b\x08\x08" + bytes(6))  # gzip, a file name follows: it never ends
    for _ in range(10_000):
        request.wfile.write(b"a" * 65_536)


def redirect(address: str) -> Answer:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(302)
        request.send_header("Location", f"{address}/digits.gz")
        request.end_headers()

    return answer


def stalled(request: BaseHTTPRequestHandler) -> None:
    request.send_response(200)
    request.send_header("Content-Length", "1000")
    request.end_headers()
    request.wfile.write(PACKED[:20])
    time.sleep(1)


class Server:
    """Answers each request with the next of its answers, the last one for ever."""

    def __init__(self, *answers: Answer, certificate: Path | None = None) -> None:
        self.answers, self.requests = list(answers), 0
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.requests += 1
                answer = server.answers[min(server.requests, len(server.answers)) - 1]
                answer(self)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

            def handle(self) -> None:
                try:
                    super().handle()
                except ConnectionError:  # the client hung up, as it should
                    self.close_connection = True

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self.http.socket = context.wrap_socket(self.http.socket, server_side=True)
            self.url = self.url.replace("http:", "https:")
        threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True).start()


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Server]]:
    monkeypatch.setattr(download, "PAUSES", (0.01, 0.01, 0.01))
    monkeypatch.setattr(download, "TIMEOUTS", (0.3, 0.3))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    servers: list[Server] = []

    def start(*answers: Answer, certificate: Path | None = None) -> Server:
        servers.append(Server(*answers, certificate=certificate))
        return servers[-1]

    yield start
    for server in servers:
        server.http.shutdown()
        server.http.server_close()


def fetch(tmp_path: Path, *mirrors: Server | str) -> None:
    addresses = [mirror if isinstance(mirror, str) else mirror.url for mirror in mirrors]
    download.fetch(FILE, addresses, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["digits"]
    assert (tmp_path / "digits").read_bytes() == CONTENT


def refused(tmp_path: Path, mirror: Server | str, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        fetch(tmp_path, mirror)
    assert "Set DATASET_MIRROR to a folder or URL" in str(caught.value)
    assert "mnist-5k" in str(caught.value)
    assert not list(tmp_path.glob("*digits*"))


@pytest.mark.fault(1, 4)
def test_a_cut_body_and_three_times_503_are_retried(
    tmp_path: Path, serve: Callable[..., Server]
) -> None:
    cut = serve(body(PACKED[:99], claimed=len(PACKED)), body(PACKED))
    fetch(tmp_path, cut)
    assert cut.requests == 2
    busy = serve(*[body(b"", status=503)] * 3, body(PACKED))
    fetch(tmp_path, busy)
    assert busy.requests == 4


@pytest.mark.fault(2, 3, 6, 11)
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<html>Please log in</html>", "expected gzip, found"),
        (gzip.compress(CONTENT[::-1]), "expected SHA-256 .*, found"),
        (gzip.compress(CONTENT[1:]), "expected 409600 bytes of content, found 409599"),
        (gzip.compress(bytes(10**8)), "expected 409600 bytes of content, found more"),
        (PACKED[:-8] + b"\0\0\0\0" + PACKED[-4:], "expected gzip, found .*incorrect data check"),
        (PACKED + PACKED, "found bytes after the end of the gzip member"),
        (PACKED + bytes(9), "found bytes after the end of the gzip member"),
        (PACKED[:-9], "the gzip stream ends too early"),
        (b"", "the gzip stream ends too early"),
    ],
)
def test_wrong_content_is_refused_and_the_next_mirror_used(
    tmp_path: Path,
    serve: Callable[..., Server],
    capsys: pytest.CaptureFixture[str],
    content: bytes,
    message: str,
) -> None:
    bad, good = serve(body(content)), serve(body(PACKED))
    refused(tmp_path, bad, message)
    capsys.readouterr()
    fetch(tmp_path, bad, good)
    assert f"fetch: {bad.url}/digits.gz: " in capsys.readouterr().err


@pytest.mark.fault(6)
def test_an_endless_body_stops_at_the_bound(tmp_path: Path, serve: Callable[..., Server]) -> None:
    refused(tmp_path, serve(endless), "the body is longer than 475136 bytes")


@pytest.mark.fault(5)
def test_a_stalled_server_times_out(tmp_path: Path, serve: Callable[..., Server]) -> None:
    refused(tmp_path, serve(stalled), "ReadTimeoutError")


@pytest.mark.fault(7)
def test_a_redirect_is_followed_but_not_from_https_to_http(
    tmp_path: Path, serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, out = tmp_path / "certificate.pem", tmp_path / "out"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=here"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1"]
    command += ["-keyout", str(certificate), "-out", str(tmp_path / "public.pem")]
    subprocess.run(command, check=True, capture_output=True)
    with certificate.open("ab") as file:
        file.write((tmp_path / "public.pem").read_bytes())
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "public.pem"))
    out.mkdir()
    plain = serve(body(PACKED))
    fetch(out, serve(redirect(plain.url)))
    (out / "digits").unlink()
    fetch(out, serve(body(PACKED), certificate=certificate))
    (out / "digits").unlink()
    secure = serve(redirect(plain.url), certificate=certificate)
    refused(out, secure, f"refused a redirect from https to {plain.url}")
    assert plain.requests == 1


@pytest.mark.fault(9)
def test_a_fetch_killed_halfway_leaves_only_a_temporary_file_and_the_next_succeeds(
    tmp_path: Path, serve: Callable[..., Server]
) -> None:
    def halfway(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        request.wfile.write(PACKED[: len(PACKED) // 2])
        time.sleep(20)

    server = serve(halfway, body(PACKED))
    code = (
        "import sys; from pathlib import Path; from mnist import download; from test_download "
        "import FILE; download.fetch(FILE, [sys.argv[1]], Path(sys.argv[2]))"
    )
    path = {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", code, server.url, str(tmp_path)]
    with subprocess.Popen(command, env=os.environ | path, stderr=subprocess.DEVNULL) as process:
        while not any(left.stat().st_size for left in tmp_path.iterdir()):
            assert process.poll() is None
            time.sleep(0.02)
        process.kill()
    assert not (tmp_path / "digits").exists()
    [left] = tmp_path.iterdir()
    assert left.name.startswith(".digits.")
    left.unlink()
    fetch(tmp_path, server)


@pytest.mark.fault(8)
def test_a_server_that_is_down_or_lacks_the_file_is_named(
    tmp_path: Path, serve: Callable[..., Server]
) -> None:
    refused(tmp_path, serve(body(b"", status=404)), "expected status 200, found 404")
    refused(tmp_path, "http://127.0.0.1:9", "http://127.0.0.1:9/digits.gz: ConnectionError")
    refused(tmp_path, str(tmp_path / "nowhere"), "nowhere/digits.gz: No such file or directory")


def test_a_folder_is_a_mirror(tmp_path: Path) -> None:
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    (mirror / "digits.gz").write_bytes(PACKED)
    (tmp_path / "out").mkdir()
    fetch(tmp_path / "out", str(mirror))


@pytest.mark.fault(10)
def test_two_fetches_at_once_leave_one_valid_file(
    tmp_path: Path, serve: Callable[..., Server]
) -> None:
    server = serve(body(PACKED))
    threads = [
        threading.Thread(target=download.fetch, args=(FILE, [server.url], tmp_path))
        for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [path.name for path in tmp_path.iterdir()] == ["digits"]
    assert (tmp_path / "digits").read_bytes() == CONTENT


def test_the_mirror_of_the_environment_comes_first() -> None:
    mirrors = download.mirrors_of(catalog.MNIST, "/mirror/")
    assert mirrors == ["/mirror/mnist", *catalog.MNIST.mirrors]
    assert download.mirrors_of(catalog.MNIST, None) == list(catalog.MNIST.mirrors)


def test_the_bundled_digits_are_those_of_the_catalog() -> None:
    contents = mnist_5k()
    for file in catalog.MNIST_5K.files:
        assert hashlib.sha256(contents[file.name]).hexdigest() == file.sha256
        assert len(contents[file.name]) == file.length
