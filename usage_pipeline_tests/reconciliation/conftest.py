"""A company whose Dify has been read, and the looks that tests take at it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

import pytest

from usage_pipeline.configuration import configuration_in_force
from usage_pipeline.demo.scripts import TrueUnit
from usage_pipeline.demo.truth import usage_date
from usage_pipeline.reconciliation.reconcile import DayResult, reconcile
from usage_pipeline.settings import Settings
from usage_pipeline.warehouse.connection import Connection, connected
from usage_pipeline_tests.company import KEY_RULES, Company, build_company

DAYS = 8


@dataclass
class Reconciled:
    """A company, and how its days come out."""

    company: Company

    def settings(self, connection: Connection) -> Settings:
        """The configuration in force."""
        return configuration_in_force(connection, self.company.config).settings

    def days(self, connection: Connection) -> list[date]:
        """Every day of the history, today included."""
        today = self.settings(connection).today()
        return [today - timedelta(days=number) for number in range(DAYS + 2, -1, -1)]

    def run(self, *days: date) -> list[DayResult]:
        """Reconciles the days, or all of them."""
        with connected(self.company.warehouse_url) as connection:
            return reconcile(connection, self.settings(connection), days or self.days(connection))

    def day_of(self, unit: TrueUnit) -> date:
        """The unit's usage date."""
        return usage_date(unit, self.company.history.zone_of(unit.tenant_id))

    def an_old(self, prefix: str, *, skip: int = 0) -> TrueUnit:
        """A unit with tokens and a price, older than the look-back."""
        history = self.company.history
        old = [
            unit
            for unit in history.truth(history.now, KEY_RULES)
            if unit.event_id.startswith(prefix)
            and unit.total_tokens
            and unit.cost
            and unit.occurred_at < history.now - timedelta(days=4)
        ]
        return sorted(old, key=lambda unit: unit.event_id)[skip]

    def events(self) -> list[tuple[object, ...]]:
        """Every event as counted: all but when and by whom it was seen."""
        with connected(self.company.warehouse_url) as connection:
            return connection.execute(
                "SELECT event_id, tenant_id, app_id, caller_kind, caller_id, provider, model, total_tokens, cost,"
                " base_cost, status, usage_date FROM usage.usage_event ORDER BY event_id"
            ).fetchall()


@pytest.fixture
def reconciled(new_database: Callable[[], str], warehouse_url: str, monkeypatch: pytest.MonkeyPatch) -> Reconciled:
    """A company of some days, read by a pass."""
    company = build_company(new_database, warehouse_url, seed=31, days=DAYS, calls_a_day=12)
    monkeypatch.setenv("DIFY_DATABASE_URL", company.dify_url)
    assert not company.run().source_errors
    return Reconciled(company)
