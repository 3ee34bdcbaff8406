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

from mnist.errors import UserError
from mnist.source import card, download, mirror, transfer
from mnist.source.bundled import mnist_5k
from mnist.source.card import File
from mnist.source.mirror import Place

CONTENT = random.Random(0).randbytes(409_600)
PACKED = gzip.compress(CONTENT)
FILE = File(
    name="digits",
    split="train",
    holds="labels",
    images=1,
    length=len(CONTENT),
    sha256=hashlib.sha256(CONTENT).hexdigest(),
)
IDX = FILE.model_copy(update={"name": "digits-idx1-ubyte"})
CARDS = Path(__file__).parents[2] / "datasets"
MNIST = card.read("mnist", CARDS)
DIGITS = MNIST.model_copy(
    update={"name": "digits", "files": (IDX,), "mirrors": (), "folders": ("digits", "DIGITS/raw")}
)


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
    monkeypatch.setattr(transfer, "PAUSES", (0.01, 0.01, 0.01))
    monkeypatch.setattr(transfer, "TIMEOUTS", (9, 9))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    servers: list[Server] = []

    def start(*answers: Answer, certificate: Path | None = None) -> Server:
        servers.append(Server(*answers, certificate=certificate))
        return servers[-1]

    yield start
    for server in servers:
        server.http.shutdown()
        server.http.server_close()


def certified(folder: Path) -> tuple[Path, Path]:
    """Make a certificate for this machine; return the file with its key, and that without."""
    certificate, public = folder / "certificate.pem", folder / "public.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=here"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1"]
    command += ["-keyout", str(certificate), "-out", str(public)]
    subprocess.run(command, check=True, capture_output=True)
    with certificate.open("ab") as file:
        file.write(public.read_bytes())
    return certificate, public


def fetch(tmp_path: Path, *mirrors: Server | Place) -> None:
    download.fetch(FILE, [m.url if isinstance(m, Server) else m for m in mirrors], tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["digits"]
    assert (tmp_path / "digits").read_bytes() == CONTENT


def refused(tmp_path: Path, mirror: Server | Place, message: str) -> None:
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
    refused(tmp_path, serve(endless), "expected 475136 bytes at most, found more")


@pytest.mark.fault(5)
def test_a_stalled_server_times_out(
    tmp_path: Path, serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, "TIMEOUTS", (0.3, 0.3))
    refused(tmp_path, serve(stalled), "ReadTimeoutError")


@pytest.mark.fault(7)
def test_a_redirect_is_followed_but_not_from_https_to_http(
    tmp_path: Path, serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, public = certified(tmp_path)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(public))
    out = tmp_path / "out"
    out.mkdir()
    plain = serve(body(PACKED))
    fetch(out, serve(redirect(plain.url)))
    (out / "digits").unlink()
    fetch(out, serve(body(PACKED), certificate=certificate))
    (out / "digits").unlink()
    secure = serve(redirect(plain.url), certificate=certificate)
    refused(out, secure, f"refused a redirect from https to {plain.url}")
    assert plain.requests == 1


def test_certificates_of_an_own_authority_are_those_of_ssl_cert_file(
    tmp_path: Path, serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, public = certified(tmp_path)
    out = tmp_path / "out"
    out.mkdir()
    server = serve(body(PACKED), certificate=certificate)
    for known in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.delenv(known, raising=False)
    monkeypatch.setattr(transfer, "PAUSES", (60.0,))  # none of it is mended by another attempt
    refused(out, server, "CERTIFICATE_VERIFY_FAILED.*; name the file .* in SSL_CERT_FILE")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "nowhere.pem"))
    refused(out, server, "invalid path: .*nowhere.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(public))
    fetch(out, server)


@pytest.mark.fault(9)
def test_a_fetch_killed_halfway_leaves_only_a_temporary_file_and_the_next_succeeds(
    tmp_path: Path, serve: Callable[..., Server]
) -> None:
    killed = threading.Event()

    def halfway(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        request.wfile.write(PACKED[: len(PACKED) // 2])
        killed.wait(60)

    server = serve(halfway, body(PACKED))
    code = (
        "import sys; from pathlib import Path; from mnist.source import download; "
        "from test_download import FILE; download.fetch(FILE, [sys.argv[1]], Path(sys.argv[2]))"
    )
    path = {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", code, server.url, str(tmp_path)]
    with subprocess.Popen(command, env=os.environ | path, stderr=subprocess.DEVNULL) as process:
        while not any(left.stat().st_size for left in tmp_path.iterdir()):
            assert process.poll() is None
            time.sleep(0.02)
        process.kill()
    killed.set()
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
    refused(
        tmp_path, "http://127.0.0.1:9", "http://127.0.0.1:9/digits.gz: NewConnectionError: Failed"
    )
    refused(tmp_path, tmp_path, f"{tmp_path}: no digits, with or without .gz")


@pytest.mark.parametrize("name", ["digits-idx1-ubyte", "digits.idx1-ubyte"])
@pytest.mark.parametrize("end", ["", ".gz"])
@pytest.mark.parametrize("below", ["", "digits", "DIGITS/raw"])
@pytest.mark.parametrize("form", ["{}", "{}/", "file://{}", "file://localhost{}/"])
def test_dataset_mirror_is_a_folder_of_files_packed_or_not_dotted_or_not(
    tmp_path: Path, name: str, end: str, below: str, form: str
) -> None:
    folder = tmp_path / "a mirror" / below
    folder.mkdir(parents=True)
    (folder / f"{name}{end}").write_bytes(PACKED if end else CONTENT)
    (tmp_path / "out").mkdir()
    own = form.format(str(tmp_path / "a mirror").replace(" ", "%20" if ":" in form else " "))
    path = download.fetch(DIGITS.files[0], mirror.places(DIGITS, own), tmp_path / "out")
    assert path.read_bytes() == CONTENT


def test_dataset_mirror_may_start_at_home_or_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mirror").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    for own in ("~/mirror", "mirror", "./mirror"):
        assert mirror.places(DIGITS, own) == [tmp_path / "mirror"]


@pytest.mark.fault(50)
@pytest.mark.parametrize(
    ("own", "found"),
    [
        ("s3://bucket/data", "s3://bucket/data: s3:// is not read here; copy it to a folder first"),
        ("gs://bucket", "gs://bucket: gs:// is not read here"),
        ("ftp://host/data", "ftp://host/data: ftp:// is not read here"),
        ("http:///data", "http:///data: no server is named"),
        ("https://host:port/data", "https://host:port/data: Port could not be cast"),
        ("http://[::1/data", "http://...: Invalid IPv6 URL"),
        ("file://data/sets", "file://data/sets: a server is named; write file:///, then the path"),
        ("file:///no/such%20folder", "file:///no/such%20folder: No such file or directory"),
        ("/no/such/folder", "/no/such/folder: No such file or directory"),
        ("~nobody-here/data", "~nobody-here/data: Could not determine home directory"),
        ("data/sets", "data/sets: no folder in the project's; write the whole path"),
        ("/dev/null", "/dev/null: no folder"),
        (f"/{'long' * 100}", f"/{'long' * 100}: File name too long"),
    ],
)
def test_a_dataset_mirror_that_is_none_is_refused_with_what_is_expected(
    own: str, found: str
) -> None:
    expected = "a folder or URL (http, https, file) that holds mnist/train-images-idx3-ubyte.gz"
    with pytest.raises(UserError) as caught:
        mirror.places(MNIST, own)
    message = f"DATASET_MIRROR: expected {expected} and so on, found {found}"
    assert str(caught.value).startswith(message)


@pytest.mark.fault(50)
def test_the_stage_refuses_a_wrong_dataset_mirror_at_once(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text("fetch: {dataset: mnist}\n", encoding="utf-8")
    (tmp_path / "datasets").symlink_to(CARDS)
    command = [sys.executable, str(Path(__file__).parents[2] / "stages/fetch.py")]
    env = {"PYTHONPATH": os.pathsep.join(sys.path), "DATASET_MIRROR": "s3://bucket/data"}
    started = time.monotonic()
    done = subprocess.run(
        command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False
    )
    assert time.monotonic() - started < 20
    assert done.returncode == 2
    assert done.stderr.endswith("s3:// is not read here; copy it to a folder first\n")
    assert done.stderr.count("\n") == 1


@pytest.mark.fault(50)
def test_a_password_and_a_signature_in_dataset_mirror_are_used_and_never_printed(
    tmp_path: Path, serve: Callable[..., Server], capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[str] = []

    def answer(request: BaseHTTPRequestHandler) -> None:
        asked.append(f"{request.path} {request.headers['Authorization']}")
        body(PACKED if len(asked) == 3 else b"", status=[503, 404, 200][len(asked) - 1])(request)

    own = serve(answer).url.replace("//", "//me:secret@") + "/sets/?sig=secret"
    with pytest.raises(UserError, match="expected status 200, found 404") as caught:
        download.fetch(FILE, mirror.places(DIGITS, own), tmp_path)
    download.fetch(FILE, mirror.places(DIGITS, own), tmp_path)
    assert asked == ["/sets/digits/digits.gz?sig=secret Basic bWU6c2VjcmV0"] * 3
    printed = str(caught.value) + "".join(capsys.readouterr())
    assert "/sets/digits/digits.gz: the server says 503; again" in printed
    assert "secret" not in printed


def test_a_folder_that_lacks_the_file_gives_way_to_the_public_mirrors(
    tmp_path: Path, serve: Callable[..., Server], capsys: pytest.CaptureFixture[str]
) -> None:
    server, own = serve(body(PACKED)), tmp_path / "mirror"
    own.mkdir()
    (tmp_path / "out").mkdir()
    for _ in range(2):
        download.fetch(FILE, [own, server.url], tmp_path / "out")
        said = capsys.readouterr()
        assert said.out == f"digits from {server.url}/digits.gz\n"
        assert said.err in {
            f"fetch: {own}: no digits, with or without .gz\n",
            f"fetch: {own}/digits.gz: the gzip stream ends too early\n",  # told once: not retried
        }
        (own / "digits.gz").write_bytes(PACKED[:-9])


@pytest.mark.fault(51)
@pytest.mark.parametrize("kind", ["fifo", "device", "folder", "broken link", "endless"])
def test_a_file_of_a_mirror_that_is_none_does_not_hang(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "digits.gz"
    match kind:
        case "fifo":
            os.mkfifo(path)
        case "device":
            path.symlink_to("/dev/zero")
        case "folder":
            path.mkdir()
        case "broken link":
            path.symlink_to("nowhere")
        case _:
            path.touch()
            os.truncate(path, 1 << 40)
    found = {"broken link": "No such file or directory", "folder": "Is a directory"}
    found |= {"endless": "expected gzip, found .*"}
    message = found.get(kind, "expected a file, found a FIFO or a device")
    with pytest.raises(UserError, match=f"no mirror has digits:\n  {path}: {message}\nSet DATASET"):
        download.fetch(FILE, [tmp_path], tmp_path)


@pytest.mark.fault(51)
@pytest.mark.parametrize("part", ["head", "body"])
def test_who_drips_is_left_for_the_next_mirror(
    tmp_path: Path, serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    """A byte before each time-out: TIMEOUTS alone would wait for hours."""

    def drip(request: BaseHTTPRequestHandler) -> None:
        if part == "body":
            request.send_response(200)
            request.end_headers()
        for byte in PACKED[:200]:
            request.wfile.write(bytes([byte]) if part == "body" else b"H")
            time.sleep(0.05)

    monkeypatch.setattr(transfer, "WINDOW", 0.3)
    slow = r"digits.gz: expected 1000 bytes per second, found \d+ bytes in 0.3 s"
    started = time.monotonic()
    refused(tmp_path, serve(drip), slow)
    assert time.monotonic() - started < 8  # of the ten that it would take
    fetch(tmp_path, serve(drip), serve(body(PACKED)))


@pytest.mark.fault(51)
def test_a_file_system_that_does_not_answer_is_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A pipe that nobody writes to stands for it: to read from either blocks in the kernel."""
    reading, writing = os.pipe()
    monkeypatch.setattr(transfer, "WINDOW", 0.3)
    with os.fdopen(reading, "rb") as file, os.fdopen(writing, "wb"):
        chunks = transfer._timely(iter(lambda: file.read1(9), b""))
        with pytest.raises(transfer.InterruptedTransferError, match=r"found 0 bytes in 0\.3 s"):
            next(chunks)


def test_a_refusal_by_four_mirrors_has_a_line_for_each(
    tmp_path: Path, serve: Callable[..., Server]
) -> None:
    lacking = serve(body(b"", status=404))
    with pytest.raises(UserError) as caught:
        fetch(tmp_path, lacking, "http://127.0.0.1:9", "http://no-such-host.invalid", tmp_path)
    first, *lines, last = str(caught.value).split("\n")
    assert first == "fetch: no mirror has digits:"
    assert lines[0] == f"  {lacking.url}/digits.gz: expected status 200, found 404"
    refused = "NewConnectionError: Failed to establish a new connection: [Errno 111]"
    assert lines[1].startswith(f"  http://127.0.0.1:9/digits.gz: {refused} Connection refused")
    assert lines[2].startswith(
        "  http://no-such-host.invalid/digits.gz: NameResolutionError: Failed"
    )
    assert lines[3] == f"  {tmp_path}: no digits, with or without .gz"
    assert last.startswith("Set DATASET_MIRROR to a folder or URL that holds")
    assert max(map(len, lines)) < 200


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
    places = mirror.places(MNIST, "http://here/sets/")
    assert places == ["http://here/sets/mnist", *MNIST.mirrors]
    assert mirror.places(MNIST, None) == list(MNIST.mirrors)


def test_the_bundled_digits_are_those_of_their_card() -> None:
    contents = mnist_5k()
    for file in card.read("mnist-5k", CARDS).files:
        assert hashlib.sha256(contents[file.name]).hexdigest() == file.sha256
        assert len(contents[file.name]) == file.length


@pytest.mark.fault(116)
def test_own_pictures_are_found_beside_a_dataset_mirror_that_lacks_them(tmp_path: Path) -> None:
    for name in ("archives", "mirror"):
        (tmp_path / name).mkdir()
    own = [str(tmp_path / "archives"), str(tmp_path / "mirror")]
    assert mirror.places(DIGITS, *own)[:2] == [tmp_path / "archives", tmp_path / "mirror"]
    assert mirror.places(DIGITS, None, own[1])[0] == tmp_path / "mirror"


class Ranges:
    """Answers with a part of its content, cut off after so many bytes, as a real server does."""

    def __init__(self, content: bytes, *cuts: int, tag: str = '"one"') -> None:
        self.content, self.cuts, self.tag = content, list(cuts), tag
        self.changed: dict[str, str] = {}  # headers of a part
        self.asked: list[str | None] = []

    def __call__(self, request: BaseHTTPRequestHandler) -> None:
        asked = request.headers["Range"]
        self.asked.append(asked)
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
        if asked and request.headers["If-Range"] not in {None, self.tag}:
            start, asked = 0, None
        rest = self.content[start:]
        end = len(self.content) - 1
        headers = {"Content-Length": str(len(rest)), "Accept-Ranges": "bytes"}
        headers |= {"ETag": self.tag} if self.tag else {}
        if asked:
            headers |= {"Content-Range": f"bytes {start}-{end}/{end + 1}"} | self.changed
        request.send_response(206 if asked else 200)
        for key, value in headers.items():
            request.send_header(key, value)
        request.end_headers()
        request.wfile.write(rest[: self.cuts.pop(0)] if self.cuts else rest)


@pytest.mark.fault(147)
@pytest.mark.parametrize("tag", ['"one"', 'W/"one"', ""])
def test_a_body_that_breaks_off_is_resumed_where_it_broke_off(
    tmp_path: Path,
    serve: Callable[..., Server],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tag: str,
) -> None:
    """Progress counts: more breaks than there are attempts without any."""
    monkeypatch.setattr(transfer, "PROGRESS", 1000)
    answer = Ranges(PACKED, *[50_000] * 7, tag=tag)
    server = serve(answer)
    fetch(tmp_path, server)
    assert answer.asked == [None, *(f"bytes={50_000 * count}-" for count in range(1, 8))]
    assert capsys.readouterr().err.count("; again in 0.01 s") == 7


@pytest.mark.fault(147)
def test_a_server_that_makes_no_progress_is_given_up(
    tmp_path: Path, serve: Callable[..., Server]
) -> None:
    answer = Ranges(PACKED, 50_000, *[10] * 99)
    refused(tmp_path, serve(answer), "IncompleteRead")
    assert answer.asked == [None, "bytes=50000-", "bytes=50010-", "bytes=50020-"]


@pytest.mark.fault(147)
def test_a_slow_hour_does_not_end_a_large_download(
    tmp_path: Path, serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is no limit on the whole: only a rate below the least one counts."""
    monkeypatch.setattr(transfer, "WINDOW", 0.05)

    def slow(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        for start in range(0, len(PACKED), 20_000):
            request.wfile.write(PACKED[start : start + 20_000])
            time.sleep(0.02)

    server = serve(slow)
    fetch(tmp_path, server)
    assert server.requests == 1


@pytest.mark.fault(148)
@pytest.mark.parametrize(
    "changed",
    [
        {"Content-Range": "bytes 0-9/10"},
        {"Content-Range": f"bytes 60000-{len(PACKED)}/{len(PACKED) + 1}"},
        {"ETag": '"two"'},
        {"Content-Range": ""},
    ],
)
def test_what_is_not_the_rest_of_the_same_file_starts_the_download_over(
    tmp_path: Path, serve: Callable[..., Server], changed: dict[str, str]
) -> None:
    answer = Ranges(PACKED, 60_000)
    answer.changed = changed
    fetch(tmp_path, serve(answer))
    assert answer.asked == [None, "bytes=60000-", None]


@pytest.mark.fault(148)
@pytest.mark.parametrize("status", [200, 416])
def test_a_file_that_was_replaced_meanwhile_starts_the_download_over(
    tmp_path: Path, serve: Callable[..., Server], status: int
) -> None:
    old = Ranges(gzip.compress(CONTENT[::-1]), 60_000, tag='"old"')
    new = Ranges(PACKED, tag='"new"')
    fetch(tmp_path, serve(old, new if status == 200 else body(b"", status=416), new))
    assert new.asked == (["bytes=60000-", None] if status == 200 else [None])


def test_a_download_takes_one_thread_and_leaves_none(
    tmp_path: Path, serve: Callable[..., Server]
) -> None:
    before = set(threading.enumerate())

    def readers() -> set[threading.Thread]:
        return {one for one in threading.enumerate() if "_take" in one.name} - before

    taken: set[threading.Thread] = set()
    for _ in transfer.read(f"{serve(body(PACKED)).url}/x", bound=10**9, pauses=iter(())):
        taken |= readers()
    assert len(taken) == 1
    refused(tmp_path, serve(body(bytes(400_000))), "expected gzip, found")
    until = time.monotonic() + 9
    while readers() and time.monotonic() < until:
        time.sleep(0.01)
    assert not readers()
