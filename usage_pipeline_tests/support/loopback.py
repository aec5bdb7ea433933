"""A real HTTP server on a free port of this machine, for as long as a block lasts."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class QuietHandler(BaseHTTPRequestHandler):
    """Writes no log, and takes it calmly when the other side leaves in the middle."""

    def log_message(self, *_: object) -> None:
        """Says nothing."""

    def handle(self) -> None:
        """Answers until the other side is gone."""
        with suppress(ConnectionError):
            super().handle()


@contextmanager
def listening(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """Returns the server's address, ``http://127.0.0.1:<port>``."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
