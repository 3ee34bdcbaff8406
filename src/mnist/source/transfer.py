"""Address -> the bytes that lie there, bounded in number and in time, whatever answers."""

import os
import re
import stat
import time
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from threading import Thread

import requests
import urllib3

from mnist.source.mirror import Address, shown

CHUNK = 1 << 16  # bytes
TIMEOUTS = (10.0, 30.0)  # seconds: to connect, between two pieces
DEADLINE = 600.0  # seconds for one file: who drips is one who stalls
REDIRECTS = 5


class UnfitError(Exception):
    """What lies here is not the file: on to the next place."""


class InterruptedTransferError(Exception):
    """The server may do better on a second attempt."""


def read(address: Address, *, bound: int) -> Iterator[bytes]:
    """Yield the bytes of a URL or file, `bound` of them at most, for DEADLINE seconds at most."""
    size = 0
    for chunk in _in_time(_read_url(address) if isinstance(address, str) else _read_file(address)):
        size += len(chunk)
        if size > bound:
            raise UnfitError(f"expected {bound} bytes at most, found more")
        yield chunk


def _in_time(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Pass on what comes before the deadline.

    Each chunk is waited for in a thread: a name server, the head of an answer, or a file on a disk
    that is gone can block for ever, and then the thread is left behind, to end with the process.
    """
    until = time.monotonic() + DEADLINE
    while True:
        coming: Future[bytes] = Future()
        Thread(target=_take, args=(chunks, coming), daemon=True).start()
        try:
            chunk = coming.result(until - time.monotonic())
        except TimeoutError:
            raise UnfitError(f"not finished after {DEADLINE:g} s") from None
        if not chunk:
            return
        yield chunk


def _take(chunks: Iterator[bytes], coming: "Future[bytes]") -> None:
    try:
        coming.set_result(next(chunks, b""))
    except Exception as error:  # raised again where it is waited for
        coming.set_exception(error)


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


def _read_url(address: str) -> Iterator[bytes]:
    try:
        with requests.Session() as session, _open(session, address) as response:
            yield from response.raw.stream(CHUNK, decode_content=False)
    except (OSError, urllib3.exceptions.HTTPError) as error:  # urllib3's come out of raw.stream
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


def _open(session: requests.Session, address: str) -> requests.Response:
    """GET, redirects followed but never from https to http."""
    request = requests.Request("GET", address, headers={"Accept-Encoding": "identity"})
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
    if response.status_code == 200:
        return response
    response.close()
    if response.status_code >= 500 or response.status_code == 429:
        raise InterruptedTransferError(f"the server says {response.status_code}")
    raise UnfitError(f"expected status 200, found {response.status_code}")
