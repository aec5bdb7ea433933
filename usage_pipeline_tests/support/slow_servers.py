"""Servers on loopback sockets that never end an answer, though they are never silent for long."""

import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import chain, repeat
from pathlib import Path

_APART_S = 0.05
Pieces = Iterator[bytes]
_OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"

# What is sent without end, a piece every twentieth of a second.
WITHOUT_END: dict[str, Callable[[], Pieces]] = {
    "status line": lambda: chain(_single(b"HTTP/1.1 200 "), repeat(b"x")),
    "headers": lambda: chain([b"HTTP/1.1 200 OK\r\nX-Slow: "], repeat(b"x")),
    "100 Continue": lambda: repeat(b"HTTP/1.1 100 Continue\r\n\r\n"),
    "body": lambda: chain([_OK + b"Content-Length: 1000000\r\n\r\n"], repeat(b"1")),
    "body until it closes": lambda: chain([_OK + b"Connection: close\r\n\r\n"], repeat(b"1")),
    "chunks": lambda: chain([_OK + b"Transfer-Encoding: chunked\r\n\r\n"], repeat(b"1\r\n1\r\n")),
    "size of a chunk": lambda: chain([_OK + b"Transfer-Encoding: chunked\r\n\r\n"], repeat(b"0")),
    "compressed body": lambda: chain([_OK + b"Content-Encoding: gzip\r\n\r\n"], repeat(b"")),
}


def _single(text: bytes) -> Pieces:
    return (text[at : at + 1] for at in range(len(text)))


@contextmanager
def slow_server(
    pieces: Callable[[], Pieces], *, context: ssl.SSLContext | None = None, reads: bool = True
) -> Iterator[int]:
    """Runs a server that takes a request (unless it ``reads`` nothing) and sends the pieces; returns its port."""
    over = threading.Event()

    def talk(connection: socket.socket) -> None:
        with suppress(OSError), context.wrap_socket(connection, server_side=True) if context else connection as peer:
            if reads:
                peer.recv(65_536)
            for piece in pieces():
                if over.wait(_APART_S):
                    return
                peer.sendall(piece)
            over.wait(30)

    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            with suppress(OSError):
                while True:
                    threading.Thread(target=talk, args=[server.accept()[0]], daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        try:
            yield int(server.getsockname()[1])
        finally:
            over.set()


def own_certificate(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """A server's context for 127.0.0.1, and the file that makes a client trust it."""
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=127.0.0.1",
         "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context, certificate
