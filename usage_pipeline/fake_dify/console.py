"""A console that behaves as Dify's on a real socket, over a Dify database: for tests and for the demo.

It shows and changes the rows of that database, so that what is counted and what is switched are one truth.
"""

import json
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import psycopg

from usage_pipeline.fake_dify import console_apps as fake_console_apps
from usage_pipeline.fake_dify import console_logs as fake_console_logs
from usage_pipeline.fake_dify import console_runs as fake_console_runs
from usage_pipeline.fake_dify import console_workflows as fake_console_workflows
from usage_pipeline.fake_dify.console_calls import Call, DifyError, Reply, Route, need
from usage_pipeline.fake_dify.console_faults import Fault, Faults, LoggedCall
from usage_pipeline.fake_dify.console_sessions import Account, Sessions, Version
from usage_pipeline.fake_dify.console_workspaces import all_workspaces, service_call, workspace_routes
from usage_pipeline.warehouse.connection import Connection, connect

_API = "/console/api/"
_SINCE: dict[str, Version] = {"triggers": (1, 10, 0), "trigger-enable": (1, 10, 0), "server": (1, 5, 0)}
_DRIP_S = 0.05


@dataclass
class FakeConsole:
    """The running console. ``faults`` makes it fail and holds the record of calls."""

    url: str
    sessions: Sessions
    faults: Faults = field(default_factory=Faults)


@contextmanager
def fake_console(
    dify_url: str,
    *,
    version: Version = (1, 12, 1),
    accounts: Sequence[Account] = (),
    admin_key: str = "",
    secure_cookies: bool = False,
) -> Iterator[FakeConsole]:
    """Runs the console over a Dify database for the block."""
    sessions = Sessions(version, {account.email: account for account in accounts}, admin_key, secure_cookies)
    console = FakeConsole("", sessions)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(console, dify_url))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    console.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield console
    finally:
        console.faults.released.set()
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(console: FakeConsole, dify_url: str) -> type[BaseHTTPRequestHandler]:
    routes = (
        *fake_console_apps.ROUTES, *fake_console_workflows.ROUTES, *fake_console_logs.ROUTES,
        *fake_console_runs.ROUTES, *workspace_routes(console.sessions),
    )  # fmt: skip

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Headers and body in one packet, at once: else each answer waits for an acknowledgement.
        disable_nagle_algorithm = True
        wbufsize = 64 * 1024
        database: Connection | None = None

        def answer(self) -> None:
            """Takes one request through faults, sign-in and its route."""
            call = self.call()
            route, call.names = _route(routes, call)
            logged = LoggedCall(call.method, call.path, bool(route and route.changing), call.body)
            console.faults.note(logged)
            fault = console.faults.next_for(call.method, call.path)
            if fault and self.fails_before(console, fault, logged):
                return
            reply = _reply(console.sessions, route, call)
            logged.applied = reply.status < 300
            if fault and fault.kind == "hang_after":
                console.faults.released.wait(30)
            if fault and fault.kind in ("cut_after", "hang_after"):
                self.cut()
                return
            logged.status = reply.status
            self.send(reply, fault)

        def fails_before(self, console: FakeConsole, fault: Fault, logged: LoggedCall) -> bool:
            """Makes the fault happen, if it is of the kind that comes before anything; returns whether it did."""
            if fault.kind == "session_ends":
                console.sessions.end_all()
                return False
            if fault.kind == "status":
                logged.status = fault.status
                document = {"code": fault.code, "message": "made to fail", "status": fault.status}
                self.send(Reply(fault.status, document), fault)
                return True
            if fault.kind == "hang":
                console.faults.released.wait(30)
            if fault.kind in ("hang", "cut_before"):
                self.cut()
                return True
            return False

        def call(self) -> Call:
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            try:
                document: Any = json.loads(body) if body else {}
            except ValueError:
                document = {}
            if self.database is None:
                self.database = connect(dify_url)
            headers = {name.lower(): value for name, value in self.headers.items()}
            return Call(
                self.command, parts.path, dict(parse_qsl(parts.query)), document if isinstance(document, dict) else {},
                headers, self.database, console.sessions.version,
            )  # fmt: skip

        def send(self, reply: Reply, fault: Fault | None) -> None:
            data = b"" if reply.status == 204 else json.dumps(reply.document, default=str).encode()
            if fault and fault.kind == "garbage":
                data = b"<html>a proxy's page</html>"
            self.send_response(reply.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            if fault and fault.kind == "status" and fault.retry_after:
                self.send_header("Retry-After", fault.retry_after)
            for name, value in reply.cookies.items():
                secure = "; Secure" if name.startswith("__Host-") else ""
                self.send_header("Set-Cookie", f"{name}={value}; Path=/; HttpOnly; SameSite=Lax{secure}")
            self.end_headers()
            if fault and fault.kind == "drip":
                self.drip(data)
            else:
                self.wfile.write(data)

        def drip(self, data: bytes) -> None:
            for position in range(len(data)):
                if console.faults.released.is_set():
                    break
                self.wfile.write(data[position : position + 1])
                self.wfile.flush()
                time.sleep(_DRIP_S)

        def cut(self) -> None:
            self.close_connection = True

        def finish(self) -> None:
            if self.database is not None:
                self.database.close()
            super().finish()

        def log_message(self, *_: object) -> None:
            """Says nothing."""

        def do_GET(self) -> None:
            self.answer()

        def do_POST(self) -> None:
            self.answer()

        def do_PUT(self) -> None:
            self.answer()

        def do_DELETE(self) -> None:
            self.answer()

    return Handler


def _route(routes: Sequence[Route], call: Call) -> tuple[Route | None, dict[str, str]]:
    path = call.path.removeprefix(_API)
    for route in routes:
        found = re.fullmatch(route.pattern, path) if route.method == call.method else None
        if found and call.path.startswith(_API):
            return route, found.groupdict()
    return None, {}


def _reply(sessions: Sessions, route: Route | None, call: Call) -> Reply:
    try:
        if call.path.startswith("/v1/"):
            return service_call(call)
        handler = _unsigned(sessions, call) or _signed(sessions, route, call)
        with call.connection.transaction():
            found = handler(call)
    except DifyError as error:
        return error.reply
    except psycopg.Error:
        return Reply(500, {"code": "internal_server_error", "message": "Internal Server Error", "status": 500})
    return found if isinstance(found, Reply) else Reply(200, found)


def _unsigned(sessions: Sessions, call: Call) -> Callable[[Call], object] | None:
    """The handler of a call that needs no session."""
    calls: dict[tuple[str, str], Callable[[Call], object]] = {
        ("POST", "login"): sessions.log_in,
        ("POST", "refresh-token"): sessions.renew,
        ("GET", "all-workspaces"): lambda call: all_workspaces(call, sessions.admin_key),
    }
    return calls.get((call.method, call.path.removeprefix(_API)))


def _signed(sessions: Sessions, route: Route | None, call: Call) -> Callable[[Call], object]:
    sessions.identify(call)
    if route is None or sessions.version < _SINCE.get(route.pattern.rsplit("/", 1)[-1], (0, 0, 0)):
        raise DifyError(404, "not_found", "The requested URL was not found on the server.")
    need(call, route.role)
    return route.handler
