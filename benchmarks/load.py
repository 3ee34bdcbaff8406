"""Ask an HTTP server as many callers do at once: `load.py PORT CALLERS REQUESTS FILE...`.

Each caller has a connection, and asks again as soon as it is answered. Prints JSON: seconds,
requests a second, how long answers took, how many of each status. Loopback alone.
"""

import asyncio
import itertools
import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter
from typing import Any

import uvloop

HOST = "127.0.0.1"
HEAD = "POST /predict HTTP/1.1\r\nhost: x\r\ncontent-type: {}\r\ncontent-length: {}\r\n\r\n"


class Caller(asyncio.Protocol):
    """One connection; it is opened again where the server closes it after an answer."""

    def __init__(self, turns: Iterator[bytes], port: int) -> None:
        """Take requests from `turns`, which all callers share."""
        self.turns, self.port = turns, port
        self.statuses: Counter[str] = Counter()
        self.seconds: list[float] = []
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        """Ask, now that there is a connection."""
        self.transport = transport
        self._ask()

    def _ask(self) -> None:
        request = next(self.turns, None)
        self.answer, self.length = bytearray(), -1
        if request is None:
            self.transport.close()
            self.done.set_result(None)
            return
        self.start = perf_counter()
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Read an answer; with its last byte it is counted, and the next one asked for."""
        self.answer += data
        end = self.answer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = bytes(self.answer[:end]).lower()
        length = int(head.partition(b"content-length:")[2].split(b"\r\n", 1)[0])
        if len(self.answer) < end + 4 + length:
            return
        self.seconds.append(perf_counter() - self.start)
        self.statuses[head.split(None, 2)[1].decode()] += 1
        if b"connection: close" not in head:
            self._ask()

    def connection_lost(self, error: Exception | None) -> None:
        """Connect again: HTTP/1.0 closes after each answer; an answer cut short is an error."""
        if self.done.done():
            return
        if error or not self.answer:
            self.statuses["lost"] += 1
        loop = asyncio.get_running_loop()
        self.again = loop.create_task(loop.create_connection(lambda: self, HOST, self.port))


def request(path: Path) -> bytes:
    """Return the request that sends a picture as it is, or a form field as Flask reads it."""
    content = path.read_bytes()
    return HEAD.format("image/png", len(content)).encode() + content


async def ask(port: int, callers: int, count: int, requests: list[bytes]) -> dict[str, Any]:
    """Return what that many requests took, all callers together."""
    loop = asyncio.get_running_loop()
    turns = itertools.islice(itertools.cycle(requests), count)
    start = perf_counter()
    mine = []
    for _ in range(callers):
        _, caller = await loop.create_connection(lambda: Caller(turns, port), HOST, port)
        mine.append(caller)
    await asyncio.gather(*(caller.done for caller in mine))
    seconds = perf_counter() - start
    took = sorted(itertools.chain.from_iterable(caller.seconds for caller in mine))
    return {
        "requests": len(took),
        "seconds": round(seconds, 3),
        "per_second": round(len(took) / seconds, 1),
        "p50_ms": round(1e3 * took[len(took) // 2], 2),
        "p99_ms": round(1e3 * took[int(0.99 * len(took))], 2),
        "statuses": dict(sum((caller.statuses for caller in mine), Counter())),
    }


if __name__ == "__main__":
    port, callers, count = map(int, sys.argv[1:4])
    requests = [request(Path(name)) for name in sys.argv[4:]]
    print(json.dumps(uvloop.run(ask(port, callers, count, requests))))
