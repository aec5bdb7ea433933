"""A company whose Dify has been read, and the looks that tests take at it."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

import pytest

from usage_pipeline.configuration import active_configuration
from usage_pipeline.fake_dify.callers import caller_for
from usage_pipeline.fake_dify.calls_workflow import single_step
from usage_pipeline.fake_dify.history import History
from usage_pipeline.fake_dify.scripts import CallScript, TrueUnit
from usage_pipeline.reconciliation.look import SETTLING
from usage_pipeline.reconciliation.reconcile import DayResult, reconcile
from usage_pipeline.settings import Settings
from usage_pipeline.warehouse.connection import Connection, connected
from usage_pipeline.warehouse.embedded import EmbeddedServer
from usage_pipeline_tests.support.company import KEY_RULES, Company, a_failed_agent, a_retried_flow, build_company
from usage_pipeline_tests.support.company_copies import company_to_copy, copy_of

DAYS = 5


@dataclass
class Reconciled:
    """A company, and how its days come out."""

    company: Company

    def settings(self, connection: Connection) -> Settings:
        """The configuration in force."""
        return active_configuration(connection, self.company.config).settings

    def days(self, connection: Connection) -> list[date]:
        """Every day of the history, up to the one on which it was read: of one that has just begun nothing was."""
        today = self.settings(connection).today(self.company.history.now - SETTLING)
        return [today - timedelta(days=number) for number in range(DAYS + 1, -1, -1)]

    def run(self, *days: date) -> list[DayResult]:
        """Reconciles the days, or all of them."""
        with connected(self.company.warehouse_url) as connection:
            return reconcile(connection, self.settings(connection), days or self.days(connection))

    def day_of(self, unit: TrueUnit) -> date:
        """The unit's usage date."""
        return unit.usage_date(self.company.history.zone_of(unit.tenant_id))

    def an_old(self, prefix: str, *, skip: int = 0, tenant: str | None = None) -> TrueUnit:
        """A unit with tokens and a price, which no pass will read again; of one workspace where that matters."""
        history = self.company.history
        with connected(self.company.warehouse_url) as connection:
            still_read = {str(row_id) for (row_id,) in connection.execute("SELECT row_id FROM usage.open_row")}
        old = [
            unit
            for unit in history.truth(history.now, KEY_RULES)
            if unit.event_id.startswith(prefix)
            and unit.total_tokens
            and unit.cost
            and (tenant is None or unit.tenant_id == history.world.tenants[tenant][0])
            and unit.occurred_at < history.now - timedelta(days=3)
            and not {unit.run_id, unit.event_id.split(":")[1]} & still_read
        ]
        return sorted(old, key=lambda unit: unit.event_id)[skip]

    def events(self) -> list[tuple[object, ...]]:
        """Every event as counted: all but when and by whom it was seen."""
        with connected(self.company.warehouse_url) as connection:
            return connection.execute(
                "SELECT event_id, tenant_id, app_id, caller_kind, caller_id, provider, model, total_tokens, cost,"
                " base_cost, status, usage_date FROM usage.usage_event ORDER BY event_id"
            ).fetchall()


def rare_calls(history: History) -> list[CallScript]:
    """A failed agent, a retried run, and a node that was tried by itself; all too young for ``an_old``."""
    world, rng, lab = history.world, random.Random(5), history.world.apps["idea-lab"]
    caller = caller_for(world, rng, lab, "debug")
    tried = single_step(world, rng, lab, caller, history.now - timedelta(days=2), lab.nodes[0])
    return [a_failed_agent(history), a_retried_flow(history, ago=timedelta(days=2)), tried]


@pytest.fixture(scope="session")
def pattern(postgres: EmbeddedServer) -> Iterator[Company]:
    """A company of some days, read by a pass; each test works on a copy of it."""
    with company_to_copy(
        postgres, lambda make, url: build_company(make, url, seed=31, days=DAYS, calls_a_day=4, also=rare_calls)
    ) as company:
        yield company


@pytest.fixture
def reconciled(postgres: EmbeddedServer, pattern: Company, monkeypatch: pytest.MonkeyPatch) -> Iterator[Reconciled]:
    """A copy of the company, for the test alone."""
    with copy_of(postgres, pattern) as company:
        monkeypatch.setenv("DIFY_DATABASE_URL", company.dify_url)
        yield Reconciled(company)
