"""An installation where each name was chosen by somebody who wants to steer a terminal, and what gives them away."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from unicodedata import category
from unittest.mock import patch

from usage_pipeline.alerts.evaluate_and_alert import evaluate_and_alert
from usage_pipeline.configuration import active_configuration
from usage_pipeline.usage.roll_up import roll_up
from usage_pipeline.warehouse.connection import connected
from usage_pipeline_tests.support.plain_budgets import Event, World, write_events, write_world

# Colour, a title that is typed back, the start of a C1 sequence, writing from right to left, marks without a shape.
ODD = "bot\x1b[31m\x1b]0;owned\x07\x9b31m\u202egnp.exe\u200b\u2066\ufeff\x7f\rover\x08\x0b[/bold][link=x]:boom:"
ODD_LINE = f"{ODD}\nEvery step held."
CONFIG = """version: 1
timezone: Asia/Shanghai
currency: CNY
recipients:
  ops: {channel: webhook, url_env: OPS_URL, allow_private: true}
  mail: {channel: email, to: [ops@example.com]}
tiers:
  - {at: 80, level: warning, notify: [ops]}
  - {at: 100, level: emergency, notify: [ops], actions: [lock]}
budgets:
  - {id: company, name: "Company \\u202e[bold]:boom:\\u200b", period: month, limit: {tokens: 1000, cost: 10}}
  - {id: project-day, parent: company, per: project, period: day, limit: {tokens: 100}}
  - {id: last-day, per: [project, model], period: {rolling: 24h}, limit: {calls: 5}}
approvals: {approvers: [zhang.wei, li.na]}
sources: [{id: main, url_env: NO_DIFY_URL}]
"""
_RICH = re.compile(r"\x1b\[[0-9;]*m|\x1b\]8;[^\x1b]*\x1b\\\\")


def hidden_in(text: str) -> set[str]:
    """Returns what steers a terminal or cannot be seen in it, but line ends, tabs and the colours that rich writes."""
    plain = _RICH.sub("", text)
    return {c for c in plain if c not in "\n\t" and category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp")}


@contextmanager
def odd_installation(warehouse_url: str, folder: Path) -> Iterator[dict[str, str]]:
    """Yields the variables of an installation where every name is odd; budgets were evaluated and alerted."""
    config = folder / "usage_pipeline.yaml"
    config.write_text(CONFIG, encoding="utf-8")
    now = datetime.now(UTC)
    world = World(("Asia/Shanghai", "UTC"), (ODD, ODD_LINE, "support-bot", "=cmd|' /C calc'!A0"))
    events = [
        Event(number, project % 2, project, project, ODD_LINE, f"gpt{ODD}", f"n{ODD}", now - timedelta(hours=number),
              50 + number, 7, Decimal("0.25"))
        for number in range(40)
        for project in (number % 4,)
    ]  # fmt: skip
    variables = {
        "WAREHOUSE_URL": warehouse_url,
        "USAGE_PIPELINE_CONFIG": str(config),
        "USAGE_PIPELINE_HOME": str(folder / "home"),
        "USAGE_PIPELINE_USER": "wang.fang",
        # A port that nobody listens on: nothing here ever leaves the machine.
        "OPS_URL": "http://127.0.0.1:9/",
        "SMTP_URL": "smtp://127.0.0.1:9",
        "NO_DIFY_URL": "postgresql://nobody@127.0.0.1:9/dify?connect_timeout=2",
    }
    with patch.dict(os.environ, variables), connected(warehouse_url) as connection:
        write_world(connection, world)
        connection.execute("UPDATE usage.tenant SET name = %s WHERE tenant_id = 't1'", [ODD])
        write_events(connection, world, events)
        roll_up(connection, sorted({world.day_of(event) for event in events}))
        evaluate_and_alert(connection, active_configuration(connection, config), now)
        yield variables
