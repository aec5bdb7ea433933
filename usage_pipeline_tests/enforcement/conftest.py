"""A company whose Dify has a console before it, and a budget that today's runaway agent has broken."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import requests

from usage_pipeline.alerts.evaluate_and_alert import evaluate_and_alert
from usage_pipeline.configuration import ActiveConfiguration, active_configuration, confirm
from usage_pipeline.enforcement.carry_out import Carried, enforce
from usage_pipeline.enforcement.state import ActionRecord, actions
from usage_pipeline.fake_dify.console import FakeConsole, fake_console
from usage_pipeline.fake_dify.console_sessions import Version
from usage_pipeline.http.exchange import Timeouts
from usage_pipeline.usage.roll_up import roll_up
from usage_pipeline.warehouse.connection import Connection, connect, connected
from usage_pipeline.warehouse.embedded import EmbeddedServer
from usage_pipeline_tests.support.clock import NOON_ZONE
from usage_pipeline_tests.support.company import Company, build_company
from usage_pipeline_tests.support.company_copies import company_to_copy, copy_of

ADMIN_KEY = "admin-s3cr3t-of-the-tests"
AGENT = "lead-enricher"
SHORT = Timeouts(connect=2.0, read=0.4, whole=1.0)
CONFIG = """version: 1
timezone: {zone}
currency: CNY
exchange_rates: {{USD: 7.10}}
sources:
  - id: main
    url_env: DIFY_DATABASE_URL
    console: {{url_env: DIFY_CONSOLE_URL, admin_key_env: DIFY_ADMIN_KEY, requests_per_second: 1000}}
environments: [{{environment: dev, when: {{tag: dev}}}}]
recipients:
  ops: {{channel: webhook, url_env: OPS_URL, allow_private: true}}
  boss: {{channel: webhook, url_env: BOSS_URL, allow_private: true}}
tiers: [{{at: 100, level: emergency, notify: [ops], actions: [{action}]}}]
approvals: {{approvers: [wang.wu], notify: [boss]}}
budgets:
  - {{id: agent-daily, name: Lead enrichment, scope: {{project: lead-enricher}}, per: project, period: day,
     limit: {{tokens: {limit}}}{budget}}}
{more}
enforcement: {{mode: {mode}{enforcement}}}
"""


@dataclass
class Place:
    """The company, its console, its warehouse, and a clock that can be moved."""

    company: Company
    fake: FakeConsole
    warehouse: Connection
    config: Path
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def configure(self, *, mode: str = "auto", action: str = "pause_app", limit: int = 1_000_000, enforcement: str = "",
                  budget: str = "", more: str = "") -> None:  # fmt: skip
        """Writes the configuration."""
        self.config.write_text(
            CONFIG.format(
                zone=NOON_ZONE, mode=mode, action=action, limit=limit, enforcement=enforcement, budget=budget, more=more
            )
        )

    @property
    def in_force(self) -> ActiveConfiguration:
        """The configuration; a test means what it writes, whatever that loses."""
        found = active_configuration(self.warehouse, self.config)
        if found.waiting is not None:
            confirm(self.warehouse, found.waiting, "test")
            found = active_configuration(self.warehouse, self.config)
        assert found.refused is None, found.refused
        return found

    def evaluate(self) -> None:
        """Evaluates the budgets as of the clock."""
        evaluate_and_alert(self.warehouse, self.in_force, self.now)

    def enforce(self, connection: Connection | None = None) -> Carried:
        """One run of enforcement."""
        found = self.in_force
        return enforce(connection or self.warehouse, found.settings, found.version, by="test", clock=lambda: self.now,
                       timeouts=SHORT)  # fmt: skip

    def step(self, **later: float) -> Carried:
        """Moves the clock on, evaluates and enforces."""
        self.now += timedelta(**later)
        self.evaluate()
        return self.enforce()

    def actions(self, **which: Any) -> list[ActionRecord]:
        """The actions, the newest first."""
        return actions(self.warehouse, **which)

    def one(self) -> ActionRecord:
        """The only action."""
        (found,) = self.actions()
        return found

    def app(self, name: str = AGENT) -> str:
        """An app's id."""
        return self.company.history.world.apps[name].app_id

    def call(self, name: str = AGENT) -> int:
        """The status that a caller of the app's service API gets."""
        with connected(self.company.dify_url) as dify:
            row = dify.execute("SELECT token FROM api_tokens WHERE app_id = %s", [self.app(name)]).fetchone()
        assert row
        answer = requests.get(f"{self.fake.url}/v1/info", headers={"Authorization": f"Bearer {row[0]}"}, timeout=5)
        return answer.status_code

    def doors(self, name: str = AGENT) -> dict[str, object]:
        """Every door of an app as Dify's database has it."""
        with connected(self.company.dify_url) as dify:
            row = dify.execute("SELECT enable_api, enable_site FROM apps WHERE id = %s", [self.app(name)]).fetchone()
            assert row
            found: dict[str, object] = {"service_api": row[0], "web_app": row[1]}
            for key, value in dify.execute(
                "SELECT id::text, status = 'enabled' FROM app_triggers WHERE app_id = %s"
                " UNION ALL SELECT 'mcp_server', status <> 'inactive' FROM app_mcp_servers WHERE app_id = %s",
                [self.app(name), self.app(name)],
            ):
                found[str(key)] = value
        return found

    def changes(self) -> list[str]:
        """Method and path of each changing call that the console saw, without the common beginning."""
        return [f"{c.method} {c.path.removeprefix('/console/api/apps/')}" for c in self.fake.faults.changing_calls()]

    def told(self) -> list[tuple[object, ...]]:
        """What was told of actions, in its order: step, project, level."""
        return self.warehouse.execute(
            "SELECT facts ->> 'what', facts ->> 'project', level FROM usage.alert WHERE kind = 'enforcement'"
            " ORDER BY created_at, tier"
        ).fetchall()

    def tokens_now(self, name: str, tokens: int, model: str | None = None) -> None:
        """One more call of an app, as if Dify had logged it at the clock's time."""
        self.warehouse.execute(
            "INSERT INTO usage.usage_event (source, event_id, tenant_id, environment, app_id, key_attribution,"
            " caller_kind, model, total_tokens, price_source, basis, status, occurred_at, usage_date)"
            " SELECT p.source, 'message:' || gen_random_uuid(), p.tenant_id, p.environment, p.app_id, 'none', 'api',"
            " %s, %s, 'unpriced', 'logged', 'succeeded', %s, (%s AT TIME ZONE %s)::date"
            " FROM usage.project p WHERE p.name = %s",
            [model, tokens, self.now, self.now, NOON_ZONE, name],
        )
        roll_up_day(self.warehouse, self.now)


def roll_up_day(connection: Connection, now: datetime) -> None:
    """Makes the day's tables again."""
    roll_up(connection, [now.astimezone(ZoneInfo(NOON_ZONE)).date()])


@pytest.fixture(scope="session")
def written(postgres: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    """A company that was read by one pass; tests work on copies of it."""
    config = tmp_path_factory.mktemp("written") / "c.yaml"
    # Nothing is evaluated yet: each test has its own budgets.
    config.write_text(f"version: 1\ntimezone: {NOON_ZONE}\ncurrency: CNY\nexchange_rates: {{USD: 7.10}}\n"
                      "environments: [{environment: dev, when: {tag: dev}}]\n")  # fmt: skip

    def build(make: Callable[[], str], url: str) -> Company:
        return replace(build_company(make, url, seed=31, days=2, calls_a_day=4, runaway_calls=700), config=config)

    with company_to_copy(postgres, build) as company:
        yield company


@contextmanager
def a_place(
    postgres: EmbeddedServer,
    written: Company,
    tmp_path: Path,
    set_variable: Callable[[str, str], None],
    version: Version = (1, 12, 1),
) -> Iterator[Place]:
    """A copy of the company with its console, for the block."""
    with (
        copy_of(postgres, written) as own,
        fake_console(own.dify_url, admin_key=ADMIN_KEY, version=version) as fake,
    ):
        set_variable("DIFY_DATABASE_URL", own.dify_url)
        set_variable("DIFY_CONSOLE_URL", fake.url)
        set_variable("DIFY_ADMIN_KEY", ADMIN_KEY)
        set_variable("USAGE_PIPELINE_HOME", str(tmp_path / "home"))
        warehouse = connect(own.warehouse_url)
        place = Place(own, fake, warehouse, tmp_path / "c.yaml")
        place.configure()
        yield place
        warehouse.close()


@pytest.fixture
def place(
    postgres: EmbeddedServer, written: Company, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Place]:
    """The place of one test."""
    with a_place(postgres, written, tmp_path, monkeypatch.setenv) as found:
        yield found
