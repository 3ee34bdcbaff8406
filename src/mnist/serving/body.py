"""The body of a request -> the pictures in it; bounded in bytes, time and number before it is read.

Three kinds, as /openapi.json says: a picture as it is, multipart/form-data, JSON with base64.
"""

import asyncio
import base64
import binascii
import json
import logging
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager

from starlette.datastructures import Headers, UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from mnist import document
from mnist.serving import limits

KINDS = "expected multipart/form-data, application/json or image/*"
JSON_SHAPE = 'expected {"images": [BASE64, ...]}'

logging.getLogger("python_multipart").propagate = False  # errors go to the caller, not to the log
logging.getLogger("python_multipart").addHandler(logging.NullHandler())


class Buffered:
    """The total size of all request bodies in memory."""

    def __init__(self) -> None:
        """Start at zero."""
        self.total = 0

    @contextmanager
    def room(self) -> Iterator[bytearray]:
        """Provide a buffer whose bytes count until the request is answered."""
        buffer = bytearray()
        try:
            yield buffer
        finally:
            self.total -= len(buffer)

    def add(self, buffer: bytearray, chunk: bytes) -> None:
        """Append a chunk to a buffer. Raises HTTPException if it, or the total, is full."""
        if len(buffer) + len(chunk) > limits.MOST_BODY:
            raise _too_large()
        if self.total + len(chunk) > limits.MOST_BUFFERED:
            raise HTTPException(503, "too many bodies at once; try again")
        buffer += chunk
        self.total += len(chunk)


async def receive(request: Request, buffer: bytearray, buffered: Buffered) -> None:
    """Receive a whole body, or raise HTTPException."""
    length = request.headers.get("content-length", "0")
    if not length.isdecimal() or int(length) > limits.MOST_BODY:
        raise _too_large()
    try:
        async with asyncio.timeout(limits.BODY_SECONDS):
            async for chunk in request.stream():
                buffered.add(buffer, chunk)
    except ClientDisconnect:
        raise HTTPException(400, "expected a whole body, found one cut short") from None
    except TimeoutError:
        late = f"expected the whole body within {limits.BODY_SECONDS:.0f} s"
        raise HTTPException(408, late) from None


async def pictures(content_type: str, body: bytes) -> list[bytes]:
    """Return the pictures in a body. Raises HTTPException for none or too many."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind.startswith("image/"):
        files = [body]
    elif kind == "application/json":
        files = _json(body)
    elif kind == "multipart/form-data":
        files = await _multipart(content_type, body)
    else:
        raise HTTPException(415, f"{KINDS}, found {kind[:80] or 'no content-type'}")
    if not 1 <= len(files) <= limits.MOST_PICTURES:
        expected = f"expected 1 to {limits.MOST_PICTURES} pictures, found {len(files)}"
        raise HTTPException(400 if not files else 413, expected)
    return files


def _json(body: bytes) -> list[bytes]:
    try:
        request = json.loads(body)
        texts = request["images"] if isinstance(request, dict) else None
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            raise ValueError(JSON_SHAPE)
        return [base64.b64decode(text.encode("ascii"), validate=True) for text in texts]
    except KeyError:
        raise HTTPException(400, JSON_SHAPE) from None
    except (binascii.Error, UnicodeError):
        raise HTTPException(400, "expected base64 and UTF-8, found something else") from None
    except RecursionError:
        raise HTTPException(400, f"{JSON_SHAPE}, found many levels") from None
    except ValueError as error:
        raise HTTPException(400, document.reason(error)[:200]) from None


class _InMemory(MultiPartParser):
    spool_max_size = limits.MOST_BODY  # the body is in memory already, so no file is written


async def _multipart(content_type: str, body: bytes) -> list[bytes]:
    async def stream() -> AsyncGenerator[bytes, None]:
        yield body

    headers = Headers({"content-type": content_type})
    parser = _InMemory(headers, stream(), max_files=limits.MOST_PICTURES, max_fields=0)
    try:
        form = await parser.parse()
    except (MultiPartException, KeyError, ValueError) as error:
        raise HTTPException(400, f"multipart/form-data: {error}"[:200]) from None
    files = [part for _, part in form.multi_items() if isinstance(part, UploadFile)]
    return [file.file.read() for file in files]


def _too_large() -> HTTPException:
    size = limits.MOST_BODY // limits.MIB
    headers = {"connection": "close"}  # without reading the rest of the body
    return HTTPException(413, f"expected a body of at most {size} MiB", headers=headers)
