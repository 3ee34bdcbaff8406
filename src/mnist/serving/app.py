"""The application: its routes, and the format of error messages."""

import asyncio
from importlib import resources
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from mnist.serving import body, limits, request_metrics
from mnist.serving.service import Service

_FILES = resources.files("mnist.serving") / "static"
_SCRIPT = '<script src="page.js"></script>'  # in page.html; replaced by the script itself
SECURITY_HEADERS = {  # load nothing from elsewhere, in no frame of another page
    "content-security-policy": "default-src 'none'; script-src 'unsafe-inline'; "
    "style-src 'unsafe-inline'; img-src data: blob:; connect-src 'self'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
}


def create(service: Service) -> ASGIApp:
    """Return the application of a started service."""
    registry = request_metrics.registry(service)
    page = _static(_page(), "text/html; charset=utf-8")
    openapi = _static(_read("openapi.json"), "application/json")

    async def predict(request: Request) -> Response:
        show = request.query_params.get("show") == "1"
        with service.buffered.room() as buffer:
            await body.receive(request, buffer, service.buffered)
            pictures = await body.pictures(request.headers.get("content-type", ""), bytes(buffer))
            try:
                async with asyncio.timeout(limits.REQUEST_SECONDS):
                    predictions = await service.read(pictures, show=show)
            except TimeoutError:
                raise HTTPException(503, "too much to do; try again") from None
        return JSONResponse({"model": service.served.facts["md5"], "pictures": predictions})

    async def facts(_: Request) -> Response:
        return JSONResponse(service.served.facts)

    async def health(_: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def metrics(_: Request) -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    async def root(_: Request) -> Response:
        return page

    async def openapi_document(_: Request) -> Response:
        return openapi

    routes = [
        Route("/", root),
        Route("/predict", predict, methods=["POST"]),
        Route("/health", health),
        Route("/model", facts),
        Route("/metrics", metrics),
        Route("/openapi.json", openapi_document),
    ]
    handlers: Any = {HTTPException: _refuse}
    app = Starlette(routes=routes, exception_handlers=handlers)
    return request_metrics.CountingApp(app, registry, {route.path for route in routes})


def _page() -> str:
    return _read("page.html").replace(_SCRIPT, f"<script>\n{_read('page.js')}</script>")


def _read(name: str) -> str:
    return _FILES.joinpath(name).read_text(encoding="utf-8")


def _static(content: str, media_type: str) -> Response:
    return Response(content, media_type=media_type, headers=SECURITY_HEADERS)


async def _refuse(_: Request, error: HTTPException) -> Response:
    headers = dict(error.headers or {}) | ({"retry-after": "1"} if error.status_code == 503 else {})
    return JSONResponse({"error": error.detail}, error.status_code, headers)
