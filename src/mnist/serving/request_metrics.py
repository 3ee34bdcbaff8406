"""Metrics of the requests, in the format of Prometheus."""

from time import perf_counter

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.process_collector import ProcessCollector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mnist.serving.service import Service

SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20)


class CountingApp:
    """Counts the requests to an application by path and status."""

    def __init__(self, app: ASGIApp, registry: CollectorRegistry, paths: set[str]) -> None:
        """Wrap `app`; paths that are not in `paths` count as `other`."""
        self._app, self._paths = app, paths
        self._requests = Counter(
            "http_requests", "Requests answered", ("path", "status"), registry=registry
        )
        self._seconds = Histogram(
            "http_request_seconds",
            "From the headers to the answer",
            ("path",),
            buckets=SECONDS,
            registry=registry,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and count it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = scope["path"] if scope["path"] in self._paths else "other"
        start, status = perf_counter(), 500

        async def send_and_note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, send_and_note)
        finally:
            self._requests.labels(path, status).inc()
            self._seconds.labels(path).observe(perf_counter() - start)


def registry(service: Service) -> CollectorRegistry:
    """Return the metrics of the service and of the process, read at each request for them."""
    metrics = CollectorRegistry()
    ProcessCollector(registry=metrics)
    for name, text, value in (
        ("pictures_waiting", "Pictures being answered", lambda: service.waiting),
        ("body_bytes", "Bytes of bodies held at present", lambda: service.buffered.total),
        ("pictures_read", "Pictures that the network has read", lambda: service.batcher.images),
        ("batches_read", "Batches that it read them in", lambda: service.batcher.batches),
        (
            "preparers_replaced",
            "Processes that crashed or took too long",
            lambda: service.preparers.replaced,
        ),
    ):
        Gauge(name, text, registry=metrics).set_function(value)
    return metrics
