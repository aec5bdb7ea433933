"""Serves an application on a socket of this machine from a thread, and lets an answer be cut in the middle."""

import asyncio
import socket
import threading
from asyncio import Transport
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn import Config, Server
from uvicorn.protocols.http.h11_impl import H11Protocol

_TRANSPORT: Final = "transport"
_LONGEST_GOODBYE_S = 2


class _Cuttable(H11Protocol):
    """Shows the application the connection itself, which ASGI hides."""

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """Puts the connection where the application finds it."""
        # Headers and body go out at once: else each answer waits for an acknowledgement.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.app_state = {**self.app_state, _TRANSPORT: transport}
        super().connection_made(transport)


class CutResponse(Response):
    """No answer: the connection is closed in its place."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Closes the connection and waits until the server has noticed: else it would make an answer up."""
        scope["state"][_TRANSPORT].close()
        while (await receive())["type"] != "http.disconnect":
            pass


@contextmanager
def serving(application: ASGIApp) -> Iterator[str]:
    """Serves the application for the block; returns its address."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    server = Server(_config(application))
    # Who calls before the loop runs waits in the queue of the socket.
    thread = threading.Thread(target=_run, args=(server, listener), name="fake console", daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


def _run(server: Server, listener: socket.socket) -> None:
    asyncio.run(server.serve([listener]))


def _config(application: ASGIApp) -> Config:
    quiet: dict[str, Any] = {"access_log": False, "log_config": None, "log_level": "critical", "server_header": False}
    return Config(
        application,
        http=_Cuttable,
        loop="asyncio",
        ws="none",
        lifespan="off",
        timeout_keep_alive=600,
        timeout_graceful_shutdown=_LONGEST_GOODBYE_S,
        **quiet,
    )
