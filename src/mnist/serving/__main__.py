"""Serve the model: `python -m mnist.serving`, a page to draw on and an endpoint."""

import argparse
import asyncio
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn
import uvloop

from mnist.errors import UserError, require_output, run
from mnist.predict import MODEL
from mnist.serving import limits
from mnist.serving.app import create
from mnist.serving.connection import LimitedConnection
from mnist.serving.service import Service


def main() -> None:
    """Serve until a signal comes; requests that are being answered are completed."""
    parser = argparse.ArgumentParser(prog="python -m mnist.serving", description=__doc__)
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        help="default: %(default)s; 0.0.0.0 accepts requests of other machines",
    )
    parser.add_argument(
        "--port", type=int, default=8000, help="default: %(default)s; 0: any free port"
    )
    parser.add_argument("--model", type=Path, default=MODEL, help="default: %(default)s")
    options = parser.parse_args()
    require_output(options.model)
    with _listen(options.host, options.port) as listener:
        uvloop.run(_serve(listener, options.model))


async def _serve(listener: socket.socket, model: Path) -> None:
    service = Service()
    await service.start(model)
    config = uvicorn.Config(
        create(service),
        http=LimitedConnection,
        ws="none",
        lifespan="off",
        access_log=False,
        log_level="error",
        server_header=False,
        timeout_keep_alive=limits.IDLE_SECONDS,
        timeout_graceful_shutdown=limits.STOP_SECONDS,
    )
    host, port = listener.getsockname()[:2]
    url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    print(f"{service.served.facts['name']}: {url} (Ctrl-C stops it)", flush=True)
    await Server(config).serve([listener])
    await service.stop()


class Server(uvicorn.Server):
    """A server for which a signal is the normal end."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Shut down gracefully at a signal, immediately at a second Ctrl-C."""
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, self.handle_exit, number, None)
        yield


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=limits.MOST_CONNECTIONS)
    except (OSError, OverflowError) as error:
        raise UserError(
            f"{host}, port {port}: expected a free port, found {error}; name another, PORT=8001"
        ) from None


if __name__ == "__main__":
    run(main)
