"""Places -> verified file: retried, atomic, with a progress bar.

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

from tqdm import tqdm

from mnist.errors import UserError
from mnist.source.card import File
from mnist.source.mirror import VARIABLE, Address, Place, addresses, names, shown
from mnist.source.transfer import CHUNK, InterruptedTransferError, UnfitError, read

PAUSES = (0.5, 1.0, 2.0, 4.0)  # seconds before each new attempt


def fetch(file: File, places: list[Place], folder: Path) -> Path:
    """Bring one file, uncompressed, into `folder` by one rename; return its path.

    Raises UserError, with a line for what each place said, when none has the pinned content.
    """
    said = []
    for place in places:
        found = addresses(place, file)
        if not found:
            said.append(f"{place}: no {' or '.join(names(file))}, with or without .gz")
        for address in found:
            try:
                path = _attempt(file, address, folder)
            except (UnfitError, InterruptedTransferError) as error:
                said.append(f"{shown(address)}: {error}")
            else:
                for line in said:
                    print(f"fetch: {line}", file=sys.stderr)
                print(f"{file.name} from {shown(address)}", flush=True)
                return path
    lines = "".join(f"\n  {line}" for line in said)
    raise UserError(
        f"fetch: no mirror has {file.name}:{lines}\n"
        f"Set {VARIABLE} to a folder or URL that holds <data set>/<file>.gz, or set "
        "fetch.dataset to mnist-5k, which needs none"
    )


def _attempt(file: File, address: Address, folder: Path) -> Path:
    for pause in (*(PAUSES if isinstance(address, str) else ()), None):
        try:
            return write(file, _content(file, address), folder)
        except InterruptedTransferError as error:
            if pause is None:
                raise
            print(f"fetch: {shown(address)}: {error}; again in {pause} s", file=sys.stderr)
            time.sleep(pause)
    raise AssertionError


def _content(file: File, address: Address) -> Iterator[bytes]:
    chunks = read(address, bound=file.length + CHUNK)  # packed content may be a little longer
    if isinstance(address, Path) and address.suffix != ".gz":
        return _exactly(file, chunks)
    return _exactly(file, _unpack(chunks))


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


def _unpack(packed: Iterator[bytes]) -> Iterator[bytes]:
    """Gunzip one whole member with nothing after it."""
    unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)  # 16: gzip, its CRC checked
    try:
        for packed_chunk in packed:
            rest = packed_chunk
            while rest and not unpacker.eof:
                yield unpacker.decompress(rest, CHUNK)
                rest = unpacker.unconsumed_tail
            if unpacker.eof and (rest or unpacker.unused_data):
                raise UnfitError("found bytes after the end of the gzip member")
    except zlib.error as error:
        raise UnfitError(f"expected gzip, found {error}") from None
    if not unpacker.eof:
        raise InterruptedTransferError("the gzip stream ends too early")


def _exactly(file: File, content: Iterator[bytes]) -> Iterator[bytes]:
    """Pass the content on, as long as it is not longer, and at its end not shorter either."""
    size = 0
    for chunk in content:
        size += len(chunk)
        if size > file.length:
            raise UnfitError(f"expected {file.length} bytes of content, found more")
        yield chunk
    if size != file.length:
        raise UnfitError(f"expected {file.length} bytes of content, found {size}")
