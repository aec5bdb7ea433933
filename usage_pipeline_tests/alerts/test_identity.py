"""Alerts and deliveries are called what they always were: a warehouse of an older installation alerts nobody again."""

import base64
import hashlib
from typing import get_args

import pytest

from usage_pipeline.alerts.message import severity
from usage_pipeline.settings.budget import Level
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.rows import value, values


@pytest.mark.parametrize(
    "recipient", ["ops", "市场负责人", "", "a|b", "x" * 300, *(f"r{number}" for number in range(20))]
)
def test_a_delivery_is_called_after_alert_and_recipient(recipient: str, warehouse: Connection) -> None:
    called = value(warehouse, str, "SELECT usage.delivery_id('Babc', %s, 'alert')", [recipient])
    digest = hashlib.sha256(recipient.encode()).digest()
    assert called == "Babc-" + base64.b32encode(digest).decode()[:8].lower()


@pytest.mark.parametrize("occasion", ["fallback", "repeat:3", "escalation:1", "acknowledged", "resolved"])
def test_what_follows_an_alert_is_called_after_its_occasion_too(occasion: str, warehouse: Connection) -> None:
    called = value(warehouse, str, "SELECT usage.delivery_id('Babc', '市场', %s)", [occasion])
    assert called == "Babc-" + hashlib.sha256(f"市场|{occasion}".encode()).hexdigest()[:10]


def test_the_warehouse_and_the_code_know_one_order_of_levels(warehouse: Connection) -> None:
    levels = [*get_args(Level), "ok"]
    ordered = values(
        warehouse, str, "SELECT level FROM unnest(%s::text[]) AS level ORDER BY usage.severity(level)", [levels]
    )
    assert ordered == sorted(levels, key=severity)
    assert ordered[0] == "emergency"
