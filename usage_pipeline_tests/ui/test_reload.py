"""The UI loads the code location anew when what it was loaded by changed, once, and never waits for it."""

import http.server
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from usage_pipeline.ui.reload import Reloading


class _Asked(http.server.ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.bodies: list[str] = []


class _Handler(http.server.BaseHTTPRequestHandler):
    server: _Asked

    def do_POST(self) -> None:
        self.server.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["query"])
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture
def server() -> Iterator[_Asked]:
    """A UI that notes what it is asked."""
    server = _Asked()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_each_change_is_asked_for_once(server: _Asked, tmp_path: Path) -> None:
    first, other = tmp_path / "first_usage_date", tmp_path / "last_valid_configuration.yaml"
    other.write_text("version: 1\n", encoding="utf-8")
    reloading = Reloading(f"http://127.0.0.1:{server.server_port}", (first, other))
    assert not reloading.look()
    first.write_text("2026-11-01\n", encoding="utf-8")
    assert [reloading.look(), reloading.look()] == [True, False]
    new = tmp_path / "new"
    new.write_text("version: 1\n\n", encoding="utf-8")
    new.replace(other)
    assert [reloading.look(), reloading.look()] == [True, False]
    end = time.monotonic() + 20
    while len(server.bodies) < 2 and time.monotonic() < end:
        time.sleep(0.02)
    assert len(server.bodies) == 2
    assert all("reloadRepositoryLocation" in body and '"usage_pipeline"' in body for body in server.bodies)


def test_a_ui_that_does_not_answer_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "first_usage_date"
    reloading = Reloading("http://127.0.0.1:9", (file,))
    file.write_text("2026-11-01\n", encoding="utf-8")
    assert reloading.look()
