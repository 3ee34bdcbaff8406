"""Limits on a connection: slow requests, endless headers, too many connections."""

from asyncio import TimerHandle, Transport
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from mnist.serving import limits

FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\n"
    b"content-length: 0\r\nconnection: close\r\n\r\n"
)


class LimitedConnection(HttpToolsProtocol):
    """A connection that limits the time of a request, and its bytes outside of the body."""

    _timer: TimerHandle | None = None
    _head = 0  # bytes of the current request outside of the body

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """Refuse the connection if there are too many; file descriptors are finite."""
        super().connection_made(transport)
        self._arm()
        if len(self.connections) > limits.MOST_CONNECTIONS:
            transport.write(FULL)
            transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel the deadline."""
        if self._timer:
            self._timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count the bytes; those of the body are subtracted in `on_body`."""
        self._head += len(data)
        super().data_received(data)
        if self._head > limits.MOST_HEAD and not self.transport.is_closing():
            self.send_400_response("Too many bytes of headers.")

    def on_message_begin(self) -> None:
        """Start the deadline of a request."""
        self._arm()
        super().on_message_begin()

    def on_body(self, body: bytes) -> None:
        """Subtract the body, which the application limits itself."""
        self._head -= len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Start counting the next request."""
        self._head = 0
        super().on_message_complete()

    def on_response_complete(self) -> Any:
        """Start the deadline of the next request, which may have arrived already."""
        self._arm()
        super().on_response_complete()

    def _arm(self) -> None:
        if self._timer:
            self._timer.cancel()
        self._timer = self.loop.call_later(limits.CONNECTION_SECONDS, self._cut)

    def _cut(self) -> None:
        if not self.transport.is_closing():
            self.transport.abort()
