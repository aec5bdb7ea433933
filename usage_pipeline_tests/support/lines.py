"""Lines to a server that a test can break: a proxy that stops forwarding or is cut, and a port that never answers."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from urllib.parse import unquote

_BLOCK = 65_536


class Proxy:
    """Forwards TCP connections to an embedded PostgreSQL until it is told to stop."""

    def __init__(self, url: str) -> None:
        """``url``: of a database on an embedded server, which is reached by a socket file."""
        place, _, folder = url.partition("?host=")
        self._target = f"{unquote(folder)}/.s.PGSQL.5432"
        self._database = place.rsplit("/", 1)[-1]
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self._flowing = threading.Event()
        self._flowing.set()
        self._bytes_left: int | None = None
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        """The database's URL by way of this proxy."""
        port = self._listener.getsockname()[1]
        return f"postgresql://postgres@127.0.0.1:{port}/{self._database}?sslmode=disable"

    def freeze(self, after_bytes: int = 0) -> None:
        """Stops forwarding, without closing anything, when the server has sent so many more bytes."""
        self._bytes_left = after_bytes
        if not after_bytes:
            self._flowing.clear()

    def thaw(self) -> None:
        """Forwards again, on new connections too."""
        self._bytes_left = None
        self._flowing.set()

    def cut(self) -> None:
        """Closes every connection, and takes no more."""
        self._listener.close()
        for side in self._open:
            with contextlib.suppress(OSError):
                side.shutdown(socket.SHUT_RDWR)
        self._flowing.set()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            server.connect(self._target)
            self._open += [client, server]
            threading.Thread(target=self._pump, args=(client, server, False), daemon=True).start()
            threading.Thread(target=self._pump, args=(server, client, True), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, from_server: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(_BLOCK):
                if from_server and self._bytes_left is not None:
                    self._bytes_left -= len(data)
                    if self._bytes_left <= 0:
                        self._flowing.clear()
                self._flowing.wait()
                sink.sendall(data)
        for side in (source, sink):
            with contextlib.suppress(OSError):
                side.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def silent_port() -> Iterator[int]:
    """A port that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        yield listener.getsockname()[1]


def closed_port() -> int:
    """A port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
