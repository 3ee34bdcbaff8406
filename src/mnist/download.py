"""Mirror -> verified file: bounded, retried, atomic, with a progress bar.

pooch was considered. It checks the digest of the packed file, which differs from mirror to mirror,
reads a body of any length, retries one address only, and follows a redirect from https to http; so
of its parts the two underneath serve here, requests and tqdm, and what is verified is ours.
"""

import contextlib
import hashlib
import os
import sys
import tempfile
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import requests
import urllib3
from tqdm import tqdm

from mnist.catalog import DataSet, File
from mnist.errors import UserError

CHUNK = 1 << 16  # bytes
TIMEOUTS = (10.0, 30.0)  # seconds: to connect, between two chunks
DEADLINE = 600.0  # seconds for one file: a server that drips is one that stalls
PAUSES = (0.5, 1.0, 2.0, 4.0)  # seconds before each new attempt
REDIRECTS = 5


class UnfitError(Exception):
    """What this mirror serves is not the file: on to the next one."""


class InterruptedTransferError(Exception):
    """The mirror may do better on a second attempt."""


def mirrors_of(data_set: DataSet, first: str | None) -> list[str]:
    """List the folders and URLs to try, in order; `first` (`DATASET_MIRROR`) holds data sets."""
    own = [f"{first.rstrip('/')}/{data_set.name}"] if first else []
    return own + list(data_set.mirrors)


def fetch(file: File, mirrors: list[str], folder: Path) -> Path:
    """Bring one file, uncompressed, into `folder` by one rename; return its path.

    Raises UserError, with what each mirror said, when none serves the pinned content.
    """
    said = []
    for mirror in mirrors:
        address = f"{mirror}/{file.name}.gz"
        try:
            return _attempt(file, address, folder)
        except (UnfitError, InterruptedTransferError) as error:
            said.append(f"{address}: {error}")
            print(f"fetch: {said[-1]}", file=sys.stderr)
    raise UserError(
        f"fetch: no mirror serves {file.name} ({'; '.join(said)}). Set DATASET_MIRROR to a folder "
        "or URL that holds <data set>/<file>.gz, or set fetch.dataset to mnist-5k, which needs none"
    )


def _attempt(file: File, address: str, folder: Path) -> Path:
    for pause in (*PAUSES, None):
        try:
            return write(file, _unpack(file, _read(address, bound=file.length + CHUNK)), folder)
        except InterruptedTransferError as error:
            if pause is None:
                raise
            print(f"fetch: {address}: {error}; again in {pause} s", file=sys.stderr)
            time.sleep(pause)
    raise AssertionError


def write(file: File, content: Iterator[bytes], folder: Path) -> Path:
    """Write the chunks to a temporary file; once they are the pinned content, rename it."""
    digest = hashlib.sha256()
    descriptor, temporary = tempfile.mkstemp(prefix=f".{file.name}.", dir=folder)
    try:
        with (
            os.fdopen(descriptor, "wb") as out,
            tqdm(desc=file.name, total=file.length, unit="B", unit_scale=True, disable=None) as bar,
        ):
            for chunk in content:
                digest.update(chunk)
                out.write(chunk)
                bar.update(len(chunk))
        if digest.hexdigest() != file.sha256:
            raise UnfitError(f"expected SHA-256 {file.sha256}, found {digest.hexdigest()}")
        Path(temporary).chmod(0o644)
        return Path(temporary).replace(folder / file.name)
    finally:
        with contextlib.suppress(FileNotFoundError):
            Path(temporary).unlink()


def _read(address: str, *, bound: int) -> Iterator[bytes]:
    """Yield the packed bytes of a path or URL, `bound` of them at most."""
    if "://" not in address:
        yield from _read_path(Path(address))
        return
    deadline = time.monotonic() + DEADLINE
    try:
        with requests.Session() as session, _open(session, address) as response:
            size = 0
            for chunk in response.raw.stream(CHUNK, decode_content=False):
                size += len(chunk)
                if size > bound:
                    raise UnfitError(f"the body is longer than {bound} bytes")
                if time.monotonic() > deadline:
                    raise InterruptedTransferError(f"not finished after {DEADLINE:.0f} s")
                yield chunk
    # urllib3's own errors come out of raw.stream; both libraries derive theirs from these
    except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
        raise InterruptedTransferError(f"{type(error).__name__}: {error}") from None


def _read_path(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK):
                yield chunk
    except OSError as error:
        raise UnfitError(error.strerror or str(error)) from None


def _open(session: requests.Session, address: str) -> requests.Response:
    """GET, redirects followed but never from https to http."""
    request = requests.Request("GET", address, headers={"Accept-Encoding": "identity"})
    prepared = session.prepare_request(request)
    settings = session.merge_environment_settings(address, {}, True, None, None)
    for _ in range(REDIRECTS):
        response = session.send(prepared, timeout=TIMEOUTS, allow_redirects=False, **settings)
        if not response.is_redirect or response.next is None:
            break
        was, prepared = str(prepared.url), response.next
        if was.startswith("https:") and not str(prepared.url).startswith("https:"):
            raise UnfitError(f"refused a redirect from https to {prepared.url}")
        response.close()
    if response.status_code >= 500 or response.status_code == 429:
        raise InterruptedTransferError(f"the server says {response.status_code}")
    if response.status_code != 200:
        raise UnfitError(f"expected status 200, found {response.status_code}")
    return response


def _unpack(file: File, packed: Iterator[bytes]) -> Iterator[bytes]:
    """Gunzip one whole member with nothing after it, into exactly `file.length` bytes."""
    unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)  # 16: gzip, its CRC checked
    size = 0
    try:
        for packed_chunk in packed:
            rest = packed_chunk
            while rest and not unpacker.eof:
                chunk = unpacker.decompress(rest, CHUNK)
                rest = unpacker.unconsumed_tail
                size += len(chunk)
                if size > file.length:
                    raise UnfitError(f"expected {file.length} bytes of content, found more")
                yield chunk
            if unpacker.eof and (rest or unpacker.unused_data):
                raise UnfitError("found bytes after the end of the gzip member")
    except zlib.error as error:
        raise UnfitError(f"expected gzip, found {error}") from None
    if not unpacker.eof:
        raise InterruptedTransferError("the gzip stream ends too early")
    if size != file.length:
        raise UnfitError(f"expected {file.length} bytes of content, found {size}")
