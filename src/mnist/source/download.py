"""Places -> verified file: retried and resumed, atomic, with a progress bar.

pooch was considered. It checks the digest of the packed file, which differs from mirror to mirror,
reads a body of any length, retries one address only, and follows a redirect from https to http; so
of its parts the two underneath serve here, requests and tqdm, and what is verified is ours.
"""

import contextlib
import hashlib
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tqdm import tqdm

from mnist.errors import UserError, printable
from mnist.source import transfer, unpack
from mnist.source.dataset_spec import Archive, File
from mnist.source.mirror import VARIABLE, Address, Place, addresses, names, shown
from mnist.source.transfer import CHUNK, InterruptedTransferError, UnfitError, read


def fetch(file: File | Archive, places: list[Place], folder: Path) -> Path:
    """Bring one file into `folder` by one rename, unpacked unless an archive; return its path.

    Raises UserError, with a line for what each place said, when none has the pinned content.
    """
    said = []
    for place in places:
        found = addresses(place, file)
        if not found:
            said.append(f"{place}: no {_sought(file)}")
        for address in found:
            try:
                path = _attempt(file, address, folder)
            except (UnfitError, InterruptedTransferError) as error:
                said.append(f"{shown(address)}: {error}")
            else:
                for line in said:
                    print(printable(f"fetch: {line}"), file=sys.stderr)
                print(printable(f"{file.name} from {shown(address)}"), flush=True)
                return path
    lines = "".join(f"\n  {line}" for line in said)
    raise UserError(
        f"fetch: no mirror has {file.name}:{lines}\n"
        f"Set {VARIABLE} to a folder or URL that holds <data set>/{names(file)[0]}, or set "
        "fetch.dataset to mnist-5k, which needs none"
    )


def _sought(file: File | Archive) -> str:
    if isinstance(file, Archive):
        return file.name
    return f"{' or '.join(names(file)[1::2])}, with or without .gz"


def _attempt(file: File | Archive, address: Address, folder: Path) -> Path:
    pauses = transfer.attempts(address)
    while True:
        try:
            return write(file, _content(file, address, pauses), folder)
        except InterruptedTransferError as error:
            transfer.wait(pauses, address, error)


def _content(file: File | Archive, address: Address, pauses: Iterator[float]) -> Iterator[bytes]:
    bound = file.length + CHUNK  # packed content may be a little longer
    chunks = read(address, bound=bound, pauses=pauses)
    if isinstance(file, Archive):
        return exactly(file, chunks)
    if isinstance(address, Path) and address.suffix != ".gz":
        if not file.sha256:
            raise UnfitError(f"the digest of {file.name}.gz alone is known; put that one here")
        return exactly(file, chunks)
    if file.packed_sha256:
        chunks = _pinned(chunks, file.packed_sha256)
    return exactly(file, unpack.gunzip(chunks))


def _pinned(packed: Iterator[bytes], expected: str) -> Iterator[bytes]:
    """Pass on what is packed, as long as it is what was published."""
    digest = hashlib.sha256()
    for chunk in packed:
        digest.update(chunk)
        yield chunk
    if digest.hexdigest() != expected:
        raise UnfitError(
            f"expected a packed file of SHA-256 {expected}, found {digest.hexdigest()}"
        )


def write(file: File | Archive, content: Iterator[bytes], folder: Path) -> Path:
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
        if file.sha256 and digest.hexdigest() != file.sha256:
            raise UnfitError(f"expected SHA-256 {file.sha256}, found {digest.hexdigest()}")
        Path(temporary).chmod(0o644)
        return Path(temporary).replace(folder / file.name)
    finally:
        with contextlib.suppress(FileNotFoundError):
            Path(temporary).unlink()


def exactly(file: File | Archive, content: Iterator[bytes]) -> Iterator[bytes]:
    """Pass the content on, as long as it is not longer, and at its end not shorter either."""
    size = 0
    for chunk in content:
        size += len(chunk)
        if size > file.length:
            raise UnfitError(f"expected {file.length} bytes of content, found more")
        yield chunk
    if size != file.length:
        raise UnfitError(f"expected {file.length} bytes of content, found {size}")
