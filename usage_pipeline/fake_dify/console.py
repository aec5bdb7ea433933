"""A console that behaves as Dify's on a real socket, over a Dify database: for tests and for the demo.

It shows and changes the rows of that database, so that what is counted and what is switched are one truth.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import Any
from urllib.parse import parse_qsl

import psycopg
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route as Path

from usage_pipeline.fake_dify import console_apps, console_logs, console_runs, console_workflows
from usage_pipeline.fake_dify.console_calls import Call, DifyError, Reply, Route, need
from usage_pipeline.fake_dify.console_faults import Fault, Faults, LoggedCall
from usage_pipeline.fake_dify.console_server import CutResponse, serving
from usage_pipeline.fake_dify.console_sessions import Account, Sessions, Version
from usage_pipeline.fake_dify.console_workspaces import all_workspaces, service_call, workspace_routes
from usage_pipeline.warehouse.connection import Connection, connect

_API = "/console/api/"
_METHODS = ["GET", "POST", "PUT", "DELETE"]
_SINCE: dict[str, Version] = {"triggers": (1, 10, 0), "trigger-enable": (1, 10, 0), "server": (1, 5, 0)}
_DRIP_S = 0.05
_HANG_S = 30


@dataclass
class FakeConsole:
    """The running console. ``faults`` makes it fail and holds the record of calls; ``rewrite`` changes its answers."""

    url: str
    sessions: Sessions
    faults: Faults = field(default_factory=Faults)
    rewrite: Callable[[object], object] | None = None


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
    with _databases(dify_url) as databases, serving(_application(console, databases)) as console.url:
        try:
            yield console
        finally:
            console.faults.released.set()


@dataclass
class _Databases:
    """Connections to the Dify database, each used by one call at a time."""

    url: str
    idle: list[Connection] = field(default_factory=list)
    lock: Lock = field(default_factory=Lock)

    @contextmanager
    def one(self) -> Iterator[Connection]:
        """A connection for the block."""
        with self.lock:
            connection = self.idle.pop() if self.idle else None
        connection = connection or connect(self.url)
        try:
            yield connection
        finally:
            with self.lock:
                self.idle.append(connection)


@contextmanager
def _databases(url: str) -> Iterator[_Databases]:
    databases = _Databases(url)
    try:
        yield databases
    finally:
        for connection in databases.idle:
            connection.close()


def _application(console: FakeConsole, databases: _Databases) -> Starlette:
    known = (
        *console_apps.ROUTES,
        *console_workflows.ROUTES,
        *console_logs.ROUTES,
        *console_runs.ROUTES,
        *workspace_routes(console.sessions),
    )
    paths = [Path(_API + route.path, _endpoint(console, databases, route), methods=[route.method]) for route in known]
    return Starlette(routes=[*paths, Path("/{rest:path}", _endpoint(console, databases, None), methods=_METHODS)])


def _endpoint(
    console: FakeConsole, databases: _Databases, route: Route | None
) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        body = await request.body()
        return await run_in_threadpool(_answer, console, databases, route, request, body)

    return endpoint


def _answer(
    console: FakeConsole, databases: _Databases, route: Route | None, request: Request, body: bytes
) -> Response:
    """Takes one request through faults, sign-in and its route."""
    document = _document(body)
    logged = LoggedCall(request.method, request.url.path, bool(route and route.changing), document)
    console.faults.note(logged)
    fault = console.faults.next_for(logged.method, logged.path)
    failed = _failed_before(console, fault, logged) if fault else None
    if failed:
        return failed
    with databases.one() as database:
        reply = _reply(console.sessions, route, _call(console, route, request, document, database))
    logged.applied = reply.status < 300
    if console.rewrite and reply.status < 300:
        reply = replace(reply, document=console.rewrite(reply.document))
    if fault and fault.kind == "hang_after":
        console.faults.released.wait(_HANG_S)
    if fault and fault.kind in ("cut_after", "hang_after"):
        return CutResponse()
    logged.status = reply.status
    return _response(reply, fault, console.faults)


def _failed_before(console: FakeConsole, fault: Fault, logged: LoggedCall) -> Response | None:
    """The answer of a fault of the kind that comes before anything is done."""
    if fault.kind == "session_ends":
        console.sessions.end_all()
    if fault.kind == "status":
        logged.status = fault.status
        document = {"code": fault.code, "message": "made to fail", "status": fault.status}
        response = _response(Reply(fault.status, document), fault, console.faults)
        if fault.retry_after:
            response.headers["Retry-After"] = fault.retry_after
        return response
    if fault.kind == "hang":
        console.faults.released.wait(_HANG_S)
    return CutResponse() if fault.kind in ("hang", "cut_before") else None


def _call(
    console: FakeConsole, route: Route | None, request: Request, document: dict[str, Any], database: Connection
) -> Call:
    return Call(
        request.method,
        request.url.path,
        dict(parse_qsl(request.url.query)),
        document,
        dict(request.headers),
        database,
        console.sessions.version,
        dict(request.path_params) if route else {},
    )


def _document(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body) if body else {}
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _response(reply: Reply, fault: Fault | None, faults: Faults) -> Response:
    content = b"" if reply.status == 204 else json.dumps(reply.document, default=str).encode()
    if fault and fault.kind == "garbage":
        content = b"<html>a proxy's page</html>"
    if fault and fault.kind == "drip":
        headers = {"Content-Length": str(len(content))}
        response: Response = StreamingResponse(_drops(content, faults), reply.status, headers, "application/json")
    else:
        response = Response(content, reply.status, media_type="application/json")
    for name, value in reply.cookies.items():
        secure = "; Secure" if name.startswith("__Host-") else ""
        response.headers.append("Set-Cookie", f"{name}={value}; Path=/; HttpOnly; SameSite=Lax{secure}")
    return response


async def _drops(content: bytes, faults: Faults) -> AsyncIterator[bytes]:
    for position in range(len(content)):
        if faults.released.is_set():
            return
        yield content[position : position + 1]
        await asyncio.sleep(_DRIP_S)


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
    if route is None or sessions.version < _SINCE.get(route.path.rsplit("/", 1)[-1], (0, 0, 0)):
        raise DifyError(404, "not_found", "The requested URL was not found on the server.")
    need(call, route.role)
    return route.handler
