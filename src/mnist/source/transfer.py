"""Address -> the bytes that lie there, bounded in number, at a least rate, whatever answers."""

import os
import re
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, Queue
from threading import Event, Thread

import requests
import urllib3
from tqdm import tqdm

from mnist.errors import printable
from mnist.source.mirror import Address, shown

CHUNK = 1 << 16  # bytes
AHEAD = 16  # chunks that are received before they are used
TIMEOUTS = (10.0, 30.0)  # seconds: to connect, between two pieces
LEAST_RATE = 1000  # bytes per second, or the server has stalled
WINDOW = 60.0  # seconds over which the rate is averaged
PAUSES = (0.5, 1.0, 2.0, 4.0)  # seconds before each new attempt
PROGRESS = 1 << 20  # bytes after which the attempts are counted anew
REDIRECTS = 5


class UnfitError(Exception):
    """What lies here is not the file: on to the next place."""


class InterruptedTransferError(Exception):
    """The server may do better on a second attempt."""


def attempts(address: Address) -> Iterator[float]:
    """Return the pauses before the new attempts at an address; a folder gets none."""
    return iter(PAUSES if isinstance(address, str) else ())


def wait(pauses: Iterator[float], address: Address, error: InterruptedTransferError) -> None:
    """Wait for the next attempt. Raises the error where there have been enough."""
    pause = next(pauses, None)
    if pause is None:
        raise error
    line = printable(f"fetch: {shown(address)}: {error}; again in {pause} s")
    tqdm.write(line, file=sys.stderr)
    time.sleep(pause)


def read(address: Address, *, bound: int, pauses: Iterator[float]) -> Iterator[bytes]:
    """Yield the bytes of a URL or file, `bound` of them at most.

    Raises UnfitError for what is not the file, and InterruptedTransferError where it has to be
    read from its start again.
    """
    size = 0
    web = isinstance(address, str)
    for chunk in _read_url(str(address), pauses) if web else _timely(_read_file(Path(address))):
        size += len(chunk)
        if size > bound:
            raise UnfitError(f"expected {bound} bytes at most, found more")
        yield chunk


@dataclass
class _Copy:
    """What a server says of its file, by which the rest of it can be asked for."""

    length: int = 0  # bytes
    tag: str = ""  # its ETag, unless a weak one, which other bytes may have too
    has_ranges: bool = False

    def note(self, response: requests.Response) -> None:
        length, tag = (response.headers.get(key, "") for key in ("Content-Length", "ETag"))
        self.length = int(length) if length.isdecimal() else 0
        self.tag = "" if tag.startswith("W/") else tag
        self.has_ranges = bool(self.length) and response.headers.get("Accept-Ranges") == "bytes"

    def ask_from(self, start: int) -> dict[str, str]:
        """Return the headers that ask for what follows the first `start` bytes."""
        if not start:
            return {}
        return {"Range": f"bytes={start}-"} | ({"If-Range": self.tag} if self.tag else {})

    def require_rest(self, response: requests.Response, start: int) -> None:
        """Raise InterruptedTransferError for an answer that is not the rest of the same file."""
        expected = f"bytes {start}-{self.length - 1}/{self.length}"
        same = response.headers.get("ETag", self.tag) == self.tag or not self.tag
        found = response.headers.get("Content-Range")
        if response.status_code != 206 or found != expected or not same:
            self.has_ranges = False
            raise InterruptedTransferError("the server does not send the rest of the same file")


def _read_url(address: str, pauses: Iterator[float]) -> Iterator[bytes]:
    """Yield a body; where it breaks off, ask for the rest, if the server has ranges."""
    copy, received = _Copy(), 0
    while True:
        began = received
        try:
            for chunk in _timely(_receive(address, copy, received)):
                received += len(chunk)
                yield chunk
        except InterruptedTransferError as error:
            if received and not copy.has_ranges:
                raise
            if received - began >= PROGRESS:
                pauses = attempts(address)
            wait(pauses, address, error)
        else:
            return


def _timely(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Pass on what comes at the least rate. Raises InterruptedTransferError for less.

    A thread reads: a name server, the head of an answer, or a file on a disk that is gone can
    block for ever, and then the thread is left behind, to end with the process.
    """
    coming: Queue[bytes | Exception] = Queue(AHEAD)
    left = Event()
    Thread(target=_take, args=(chunks, coming, left), daemon=True).start()
    try:
        yield from _at_least_rate(coming)
    finally:
        left.set()
        with suppress(Empty):  # the thread may wait for room
            while True:
                coming.get_nowait()


def _take(chunks: Iterator[bytes], coming: "Queue[bytes | Exception]", left: Event) -> None:
    """Hand over all chunks, then an empty one, or the error."""
    try:
        for chunk in chunks:
            if left.is_set():
                return
            coming.put(chunk)
        coming.put(b"")
    except Exception as error:  # raised again where it is waited for
        coming.put(error)


def _at_least_rate(coming: "Queue[bytes | Exception]") -> Iterator[bytes]:
    """Yield the chunks. Only the time that is spent waiting for them counts."""
    waited, size = 0.0, 0
    while True:
        began = time.monotonic()
        try:
            chunk = coming.get(timeout=max(WINDOW - waited, 0))
        except Empty:
            chunk = None
        waited += time.monotonic() - began
        if isinstance(chunk, Exception):
            raise chunk
        if chunk == b"":
            return
        if chunk:
            size += len(chunk)
            yield chunk
        if waited >= WINDOW:
            if size < LEAST_RATE * WINDOW:
                raise InterruptedTransferError(
                    f"expected {LEAST_RATE} bytes per second, found {size} bytes in {WINDOW:g} s"
                )
            waited, size = 0.0, 0


def _read_file(path: Path) -> Iterator[bytes]:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # a FIFO is opened without waiting
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise UnfitError("expected a file, found a FIFO or a device")
            while chunk := file.read(CHUNK):
                yield chunk
    except OSError as error:
        raise UnfitError(error.strerror or str(error)) from None


def _receive(address: str, copy: _Copy, start: int) -> Iterator[bytes]:
    """Yield what follows the first `start` bytes of a body, as it comes."""
    try:
        with (
            requests.Session() as session,
            _open(session, address, copy.ask_from(start)) as response,
        ):
            if start:
                copy.require_rest(response, start)
            else:
                copy.note(response)
            while chunk := response.raw.read1(CHUNK, decode_content=False):
                yield chunk
    except (OSError, urllib3.exceptions.HTTPError) as error:  # urllib3's come out of raw.read1
        raise _verdict(error) from None


def _verdict(error: Exception) -> UnfitError | InterruptedTransferError:
    """Tell what a second attempt may mend from what it cannot."""
    reason = _reason(error)
    if "CERTIFICATE_VERIFY_FAILED" in reason:
        advice = "name the file with your authority's certificates in SSL_CERT_FILE"
        return UnfitError(f"{reason}; {advice}")
    ours = isinstance(error, requests.RequestException | urllib3.exceptions.HTTPError)
    if isinstance(error, ValueError) or not ours:  # an address that is none; no such certificates
        return UnfitError(reason)
    return InterruptedTransferError(reason)


def _reason(error: Exception) -> str:
    """Say the innermost reason, without the names and addresses that are wrapped around it."""
    first = error.args[0] if error.args else None
    innermost = getattr(first, "reason", None) or error
    text = re.sub(r"^HTTPS?Connection\w*\(.*?port=\d+\): ", "", str(innermost))
    return f"{type(innermost).__name__}: {' '.join(text.split())[:200]}"


def _open(session: requests.Session, address: str, headers: dict[str, str]) -> requests.Response:
    """GET, redirects followed but never from https to http."""
    headers = {"Accept-Encoding": "identity"} | headers
    request = requests.Request("GET", address, headers=headers)
    prepared = session.prepare_request(request)
    settings = session.merge_environment_settings(address, {}, True, None, None)
    if settings["verify"] is True:  # requests knows REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE alone
        settings["verify"] = os.environ.get("SSL_CERT_FILE") or True
    for _ in range(REDIRECTS):
        response = session.send(prepared, timeout=TIMEOUTS, allow_redirects=False, **settings)
        if not response.is_redirect or response.next is None:
            break
        response.close()
        was, prepared = str(prepared.url), response.next
        if was.startswith("https:") and not str(prepared.url).startswith("https:"):
            raise UnfitError(f"refused a redirect from https to {shown(str(prepared.url))}")
    if response.status_code in ({200, 206, 416} if "Range" in headers else {200}):
        return response
    response.close()
    if response.status_code >= 500 or response.status_code == 429:
        raise InterruptedTransferError(f"the server says {response.status_code}")
    raise UnfitError(f"expected status 200, found {response.status_code}")
