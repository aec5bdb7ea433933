"""Files of reports are read beside the UI, and nothing else of this machine is."""

from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from usage_pipeline.ui.guard import Guard
from usage_pipeline.ui.report_files import WithReports, report_address


async def _dagster(request: Request) -> PlainTextResponse:
    return PlainTextResponse(f"dagster {request.url.path}")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A report, and a secret beside the folder."""
    (tmp_path / "secret").write_text("nobody may read this", encoding="utf-8")
    day = tmp_path / "reports" / "2026-11-26"
    day.mkdir(parents=True)
    (day / "usage 2026-11-26.html").write_text("<h1>日报</h1>", encoding="utf-8")
    (day / "out").symlink_to(tmp_path / "secret")
    return tmp_path / "reports"


@pytest.fixture
def client(folder: Path) -> TestClient:
    application = Starlette(routes=[Route("/{path:path}", _dagster, methods=["GET", "POST"])])
    return TestClient(Guard(WithReports(application, folder)), base_url="http://localhost:3000")


def test_a_report_is_a_page_that_can_do_nothing_here(client: TestClient, folder: Path) -> None:
    address = report_address(folder / "2026-11-26" / "usage 2026-11-26.html", folder)
    assert address == "/usage-reports/2026-11-26/usage%202026-11-26.html"
    answer = client.get(address)
    assert (answer.status_code, answer.text) == (200, "<h1>日报</h1>")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-security-policy"].startswith("sandbox")
    assert "allow-same-origin" not in answer.headers["content-security-policy"]


@pytest.mark.parametrize("name", ["", "..", "../secret", "%2e%2e/secret", "2026-11-26", "2026-11-26/out", "nothing",
                                  "2026-11-26/%00", "/etc/passwd", "x" * 5000])  # fmt: skip
def test_nothing_outside_is_read(client: TestClient, name: str) -> None:
    answer = client.get(f"/usage-reports/{name}")
    assert "nobody may" not in answer.text
    assert answer.status_code == 404 or answer.text.startswith("dagster")


def test_all_else_is_dagsters(client: TestClient) -> None:
    assert client.get("/assets/overview").text == "dagster /assets/overview"
    assert client.post("/usage-reports/2026-11-26", json={}).status_code == 404
    assert client.get("/usage-reports/x", headers={"host": "evil.example.com"}).status_code == 421
