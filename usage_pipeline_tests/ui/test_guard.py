"""What a browser may be tricked into is refused before Dagster sees it, and everything a person does passes."""

import logging

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.websockets import WebSocket, WebSocketDisconnect

from usage_pipeline.ui.guard import LOOPBACK_NAMES, Guard, refusal_of

JSON = {"content-type": "application/json"}
MUTATION = "/graphql?query=mutation%7BlaunchRun%7D"
PUBLIC = "dagster.example.com"


async def _passed(request: Request) -> PlainTextResponse:
    return PlainTextResponse(f"passed {request.method}")


async def _socket(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_text("passed")
    await websocket.close()


_METHODS = ["GET", "POST", "PUT", "DELETE", "PATCH"]


@pytest.fixture
def client() -> TestClient:
    application = Starlette(routes=[
        WebSocketRoute("/graphql", _socket),
        Route("/{path:path}", _passed, methods=_METHODS),
    ])  # fmt: skip
    return TestClient(Guard(application, LOOPBACK_NAMES | {PUBLIC}), base_url="http://localhost:3000")


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("GET", "/", {}),
        ("GET", "/runs?cursor=x", {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}),  # a link in a mail
        ("GET", "/graphql", {"accept": "text/html,*/*"}),
        ("POST", "/graphql", JSON),
        ("POST", "/graphql", {"content-type": "application/json; charset=utf-8", "origin": "http://localhost:3000"}),
        ("POST", "/graphql", {**JSON, "host": "127.0.0.1:3000", "origin": "http://127.0.0.1:3000"}),
        ("POST", "/graphql", {**JSON, "host": "[::1]:3000", "origin": "http://[::1]:3000"}),
        ("POST", "/graphql", {**JSON, "host": PUBLIC, "origin": f"https://{PUBLIC}"}),
        ("POST", "/graphql", {**JSON, "host": "localhost:3000", "origin": f"https://{PUBLIC}"}),  # Host by the proxy
        ("GET", "/server_info", {"host": "LOCALHOST"}),
    ],
)
def test_what_people_and_scripts_do_passes(client: TestClient, method: str, path: str, headers: dict[str, str]) -> None:
    answer = client.request(method, path, headers=headers)
    assert (answer.status_code, answer.text) == (200, f"passed {method}")


@pytest.mark.parametrize(
    ("status", "method", "path", "headers"),
    [
        (405, "GET", MUTATION, {}),  # an image in a mail
        (405, "GET", MUTATION, {"accept": "image/*"}),
        (405, "GET", "/graphql/?query=%7Bx%7D", {}),
        (405, "GET", "/prefix/graphql?query=", {}),
        (415, "POST", "/graphql", {"content-type": "text/plain"}),  # a form needs no leave of another origin
        (415, "POST", "/graphql", {"content-type": "application/x-www-form-urlencoded"}),
        (415, "POST", "/graphql", {"content-type": "text/plain; application/json"}),
        (415, "POST", MUTATION, {}),
        (415, "POST", "/graphql", {"content-type": "application/graphql"}),
        (415, "POST", "/report_asset_materialization/a", {"content-type": "text/plain"}),
        (415, "DELETE", "/x", {}),
        (403, "POST", "/graphql", {**JSON, "origin": "https://evil.example"}),
        (403, "POST", "/graphql", {**JSON, "origin": "null"}),
        (403, "POST", "/graphql", {**JSON, "origin": "http://localhost:8080"}),  # another program of this machine
        (403, "POST", "/graphql", {**JSON, "origin": "http://localhost:3000.evil.example"}),
        (403, "POST", "/graphql", {**JSON, "origin": "http://localhost:3000@evil.example"}),
        (403, "POST", "/graphql", {**JSON, "sec-fetch-site": "cross-site"}),
        (403, "GET", "/", {"origin": "https://evil.example"}),
        (421, "GET", "/", {"host": "evil.example"}),  # a name that its owner lets lead here
        (421, "POST", "/graphql", {**JSON, "host": "evil.example:3000", "origin": "http://evil.example:3000"}),
        (421, "GET", "/", {"host": "localhost.evil.example"}),
        (421, "GET", "/", {"host": ""}),
        (421, "GET", "/", {"host": "127.0.0.1@evil.example"}),
        (421, "GET", "/", {"host": "[::1"}),
        (421, "GET", "/", {"host": "0.0.0.0:3000"}),
    ],
)
def test_what_a_browser_is_tricked_into_is_refused_and_on_record(
    client: TestClient,
    caplog: pytest.LogCaptureFixture,
    status: int,
    method: str,
    path: str,
    headers: dict[str, str],
) -> None:
    with caplog.at_level(logging.WARNING):
        answer = client.request(method, path, headers=headers)
    assert answer.status_code == status
    assert answer.text.startswith("refused: ")
    assert [record.getMessage().startswith(f"refused {method}") for record in caplog.records] == [True]


def test_two_hosts_at_once_are_none() -> None:
    hosts = [(b"host", b"localhost:3000"), (b"Host", b"evil.example")]
    for headers in (hosts, hosts[::-1]):
        refusal = refusal_of({"type": "http", "method": "GET", "path": "/", "headers": headers}, LOOPBACK_NAMES)
        assert refusal is not None
        assert refusal.status == 421


def test_a_websocket_is_opened_for_its_own_page_alone(client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    with client.websocket_connect(
        "/graphql", headers={"host": "localhost:3000", "origin": "http://localhost:3000"}
    ) as socket:
        assert socket.receive_text() == "passed"
    for headers in ({"host": "localhost:3000", "origin": "https://evil.example"}, {"host": "evil.example"}):
        with (
            pytest.raises((WebSocketDisconnect, WebSocketDenialResponse)),
            client.websocket_connect("/graphql", headers=headers),
        ):
            raise AssertionError("it was opened")
    assert len(caplog.records) == 2


def test_what_an_attacker_wrote_cannot_forge_the_record(client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    client.get("/x%0Arefused%20nothing", headers={"host": "evil.example"})
    client.get(f"/{'y' * 10_000}", headers={"host": "evil.example"})
    assert all("\n" not in record.getMessage() for record in caplog.records)
    assert all(len(record.getMessage()) < 1_000 for record in caplog.records)
