"""The demo's part about stopping the spending: a console before the made-up Dify, a configuration that acts on it."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import requests
import yaml

from usage_pipeline.alerts.approvals import decide_override, request_override
from usage_pipeline.budgets.overrides import NewOverride, Override
from usage_pipeline.configuration import ActiveConfiguration
from usage_pipeline.demo.page_links import APPROVER
from usage_pipeline.fake_dify.console import FakeConsole, fake_console
from usage_pipeline.fake_dify.history import RUNAWAY, History
from usage_pipeline.settings.places import DEMO_CONFIGURATION
from usage_pipeline.warehouse.connection import Connection

_BUDGET = "agent-daily"
_ASKS = "campaign-lead"
_LISTEN = "127.0.0.1:3080"


def acting_configuration(example: Path, home: Path) -> Path:
    """A copy of the example with a console before the made-up Dify, actions that are carried out, and a web page."""
    document: dict[str, Any] = yaml.safe_load(example.read_text(encoding="utf-8"))
    document["sources"][0]["console"] = {"url_env": "DIFY_CONSOLE_URL", "admin_key_env": "DIFY_ADMIN_KEY"}
    document["enforcement"] = {**document["enforcement"], "mode": "auto"}
    # A link is a person's own only where it comes to that person alone, which a group's chat does not.
    document["recipients"][APPROVER] = {
        "channel": "email",
        "to": [f"{APPROVER}@example.com"],
        "from": "usage@example.com",
        "language": "en",
    }
    document["approvals"]["notify"] = [*document["approvals"]["notify"], APPROVER]
    document["approvals"]["people"] = {APPROVER: {"recipients": [APPROVER]}}
    document["web"] = {"public_url": f"http://{_LISTEN}", "listen": _LISTEN}
    path = home / DEMO_CONFIGURATION
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(document, allow_unicode=True, sort_keys=False), encoding="utf-8")
    return path


@contextmanager
def console_of_demo(dify_url: str) -> Iterator[FakeConsole]:
    """A console that behaves as Dify's, for the block; environment variables point at it."""
    key = secrets.token_hex(16)
    with fake_console(dify_url, admin_key=key) as console:
        os.environ["DIFY_CONSOLE_URL"], os.environ["DIFY_ADMIN_KEY"] = console.url, key
        try:
            yield console
        finally:
            del os.environ["DIFY_CONSOLE_URL"], os.environ["DIFY_ADMIN_KEY"]


@dataclass(frozen=True)
class Answer:
    """What a caller of an app's service API gets."""

    status: int
    said: str


def call_the_agent(console: FakeConsole, history: History) -> Answer:
    """Calls the runaway agent as its callers do, with its API key."""
    _, secret, _ = history.world.apps[RUNAWAY].keys[0]
    answer = requests.get(f"{console.url}/v1/info", headers={"Authorization": f"Bearer {secret}"}, timeout=10)
    document = answer.json()
    return Answer(answer.status_code, str(document.get("message") or document.get("name")))


def approve_more(connection: Connection, configuration: ActiveConfiguration) -> Override:
    """One person asks for more of the agent's budget until the evening, another approves it."""
    now = datetime.now(UTC)
    asked = NewOverride(
        _BUDGET, RUNAWAY, None, None, Decimal(200), now + timedelta(hours=8), "the campaign ends today", _ASKS
    )
    made = request_override(connection, configuration, asked, now)
    return decide_override(
        connection, configuration, made.override_id, approve=True, by=APPROVER, note="until tonight", now=now
    )
