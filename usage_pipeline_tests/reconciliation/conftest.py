"""A company whose Dify has been read, and the looks that tests take at it."""

import itertools
import os
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

import psycopg
import pytest

from usage_pipeline.configuration import configuration_in_force
from usage_pipeline.demo.callers import caller_for
from usage_pipeline.demo.calls_basic import basic_call
from usage_pipeline.demo.calls_workflow import single_step
from usage_pipeline.demo.dify_history import RUNAWAY, History
from usage_pipeline.demo.scripts import CallScript, TrueUnit
from usage_pipeline.demo.truth import usage_date
from usage_pipeline.reconciliation.reconcile import DayResult, reconcile
from usage_pipeline.settings import Settings
from usage_pipeline.warehouse.connection import Connection, connected
from usage_pipeline.warehouse.embedded import EmbeddedServer, create_database
from usage_pipeline.warehouse.schema import migrate
from usage_pipeline_tests.company import KEY_RULES, Company, build_company

DAYS = 5
_numbers = itertools.count()


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
        return [today - timedelta(days=number) for number in range(DAYS + 1, -1, -1)]

    def run(self, *days: date) -> list[DayResult]:
        """Reconciles the days, or all of them."""
        with connected(self.company.warehouse_url) as connection:
            return reconcile(connection, self.settings(connection), days or self.days(connection))

    def day_of(self, unit: TrueUnit) -> date:
        """The unit's usage date."""
        return usage_date(unit, self.company.history.zone_of(unit.tenant_id))

    def an_old(self, prefix: str, *, skip: int = 0, tenant: str | None = None) -> TrueUnit:
        """A unit with tokens and a price, older than the look-back; of one workspace where that matters."""
        history = self.company.history
        old = [
            unit
            for unit in history.truth(history.now, KEY_RULES)
            if unit.event_id.startswith(prefix)
            and unit.total_tokens
            and unit.cost
            and (tenant is None or unit.tenant_id == history.world.tenants[tenant][0])
            and unit.occurred_at < history.now - timedelta(days=3)
        ]
        return sorted(old, key=lambda unit: unit.event_id)[skip]

    def events(self) -> list[tuple[object, ...]]:
        """Every event as counted: all but when and by whom it was seen."""
        with connected(self.company.warehouse_url) as connection:
            return connection.execute(
                "SELECT event_id, tenant_id, app_id, caller_kind, caller_id, provider, model, total_tokens, cost,"
                " base_cost, status, usage_date FROM usage.usage_event ORDER BY event_id"
            ).fetchall()


def _rare_calls(history: History) -> list[CallScript]:
    """An agent that fails (its message has no tokens, its thoughts have them all); a node that was tried by itself."""
    world, rng, moment = history.world, random.Random(5), history.now - timedelta(days=2)
    agent, lab = world.apps[RUNAWAY], world.apps["idea-lab"]
    failed = basic_call(world, rng, agent, caller_for(world, rng, agent, "api"), moment, ending="agent_error",
                        tokens=(900, 300))  # fmt: skip
    return [failed, single_step(world, rng, lab, caller_for(world, rng, lab, "debug"), moment, lab.nodes[0])]


@pytest.fixture(scope="session")
def pattern(postgres: EmbeddedServer) -> Iterator[Company]:
    """A company of some days, read by a pass; each test works on a copy of it."""
    names = [f"pattern{os.getpid()}_{part}" for part in ("warehouse", "dify")]

    def make() -> str:
        with psycopg.connect(postgres.url("postgres"), autocommit=True) as connection:
            create_database(connection, names[1])
        return postgres.url(names[1])

    with psycopg.connect(postgres.url("postgres"), autocommit=True) as connection:
        create_database(connection, names[0])
    migrate(postgres.url(names[0]))
    company = build_company(make, postgres.url(names[0]), seed=31, days=DAYS, calls_a_day=8, also=_rare_calls)
    assert not company.run().source_errors
    yield company
    os.environ.pop("DIFY_DATABASE_URL", None)
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as connection:
        for name in names:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture
def reconciled(postgres: EmbeddedServer, pattern: Company, monkeypatch: pytest.MonkeyPatch) -> Iterator[Reconciled]:
    """A copy of the company, for the test alone."""
    number = next(_numbers)
    names = {part: f"copy{os.getpid()}_{number}_{part}" for part in ("warehouse", "dify")}
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as connection:
        for part, name in names.items():
            connection.execute(f"CREATE DATABASE {name} TEMPLATE pattern{os.getpid()}_{part}".encode())
    company = Company(postgres.url(names["dify"]), postgres.url(names["warehouse"]), pattern.history)
    monkeypatch.setenv("DIFY_DATABASE_URL", company.dify_url)
    yield Reconciled(company)
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as connection:
        for name in names.values():
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())
