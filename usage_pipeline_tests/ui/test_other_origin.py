"""A page of another origin, open in an administrator's browser, changes nothing in the UI; each try is on record."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from usage_pipeline.ui.guard import LOOPBACK_NAMES, Guard
from usage_pipeline_tests.support.chromium import in_a_browser, running_browser

pytestmark = in_a_browser
MUTATION = "graphql?query=mutation%7BlaunchRun%7D"
# All that a page may try without leave: an image, a form, a request whose answer it may not read, a socket, a frame.
ATTACK = """<!doctype html><title>cats</title><body><script>
const ui = "{ui}";
new Image().src = ui + "{mutation}";
const body = JSON.stringify({{query: "mutation {{ launchRun }}"}});
const tries = [
  fetch(ui + "graphql", {{method: "POST", mode: "no-cors", body}}),
  fetch(ui + "graphql", {{method: "POST", mode: "no-cors", headers: {{"content-type": "text/plain"}}, body}}),
  fetch(ui + "graphql", {{method: "POST", headers: {{"content-type": "application/json"}}, body}}),
  fetch(ui + "{mutation}", {{mode: "no-cors"}}),
  fetch(ui + "report_asset_materialization/a", {{method: "POST", mode: "no-cors", body: "{{}}"}}),
  new Promise((done) => {{
    const socket = new WebSocket(ui.replace("http", "ws") + "graphql");
    socket.onopen = () => {{ document.title = "opened"; done(); }};
    socket.onerror = done;
  }}),
];
const frame = document.createElement("iframe"); frame.name = "hidden"; document.body.append(frame);
const form = document.createElement("form");
form.method = "POST"; form.action = ui + "graphql"; form.target = "hidden"; form.enctype = "text/plain";
const field = document.createElement("input"); field.name = body; form.append(field); document.body.append(form);
form.submit();
Promise.allSettled(tries).then(() => setTimeout(() => {{ document.body.id = "tried"; }}, 500));
</script></body>"""


@dataclass
class Behind:
    """What came through to the application behind the guard."""

    url: str = ""
    passed: list[str] = field(default_factory=list)

    async def answer(self, request: Request) -> PlainTextResponse:
        """Writes down what came through."""
        self.passed.append(f"{request.method} {request.url.path}")
        return PlainTextResponse("done")

    async def socket(self, websocket: WebSocket) -> None:
        """The same for a socket."""
        self.passed.append("socket")
        await websocket.accept()


@contextmanager
def guarded() -> Iterator[Behind]:
    """The guard before an application, on a port of its own."""
    behind = Behind()
    routes = [
        WebSocketRoute("/graphql", behind.socket),
        Route("/{path:path}", behind.answer, methods=["GET", "POST", "OPTIONS"]),
    ]
    config = uvicorn.Config(Guard(Starlette(routes=routes), LOOPBACK_NAMES), port=0, log_level="error")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    _until(lambda: server.started)
    behind.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/"
    yield behind
    server.should_exit = True
    thread.join(10)


@contextmanager
def page_of_another_origin(text: str) -> Iterator[str]:
    """The address of a page that another program of the machine serves."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, format: str, *args: object) -> None:
            """It is nobody's to hear."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://localhost:{server.server_port}/"
    server.shutdown()
    server.server_close()


def test_an_open_page_of_another_origin_launches_nothing(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING), guarded() as behind, running_browser() as browser:
        with page_of_another_origin(ATTACK.format(ui=behind.url, mutation=MUTATION)) as evil:
            page = browser.new_page()
            page.goto(evil)
            page.wait_for_selector("#tried", state="attached")
            assert page.title() == "cats"
        assert behind.passed == []
        refused = [record.getMessage() for record in caplog.records if record.getMessage().startswith("refused")]
        assert len(refused) >= 6
        ways = {text.split(" ")[1] for text in refused}
        assert {"GET", "POST", "OPTIONS", "WEBSOCKET"} <= ways
        # Who types the address gets the UI.
        page.goto(behind.url)
        assert behind.passed[0] == "GET /"


def _until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, "it did not come up"
        time.sleep(0.02)
