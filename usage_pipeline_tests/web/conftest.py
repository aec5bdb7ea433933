"""The company of the enforcement tests with its web page: an owner of one tenant, one of another, and an approver."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
import uvicorn

from usage_pipeline.alerts.approvals import request_override
from usage_pipeline.budgets.overrides import NewOverride
from usage_pipeline.links import Deed, link
from usage_pipeline.warehouse.embedded import EmbeddedServer
from usage_pipeline.web.app import web_app
from usage_pipeline_tests.enforcement.conftest import AGENT, Place, a_place
from usage_pipeline_tests.enforcement.conftest import written as written  # noqa: PLC0414  (a fixture of this folder, too)
from usage_pipeline_tests.support.clock import NOON_ZONE
from usage_pipeline_tests.support.company import Company

OWNER = "marketing-owner"
KEY = "the key of the tests, which is long enough to be one"
MACHINE, TENANTS_MACHINE = "machine-t0ken-of-the-tests", "tenant-t0ken-of-the-tests"
CONFIG = """version: 1
timezone: {zone}
currency: CNY
exchange_rates: {{USD: 7.10}}
sources:
  - id: main
    url_env: DIFY_DATABASE_URL
    console: {{url_env: DIFY_CONSOLE_URL, admin_key_env: DIFY_ADMIN_KEY, requests_per_second: 1000}}
environments: [{{environment: dev, when: {{tag: dev}}}}]
tenants:
  - {{tenant: Marketing, recipients: [marketing-owner]}}
  - {{tenant: Support, recipients: [support-owner]}}
recipients:
  marketing-owner: {{channel: webhook, url_env: OPS_URL, allow_private: true, language: zh}}
  support-owner: {{channel: webhook, url_env: OPS_URL, allow_private: true}}
  boss: {{channel: webhook, url_env: BOSS_URL, allow_private: true}}
tiers: [{{at: 100, level: emergency, notify: [owner], actions: [pause_app]}}]
approvals:
  approvers: [wang.wu]
  notify: [boss]
  known_by: [link, header]
  people: {{wang.wu: {{recipients: [boss], headers: [wang.wu@example.com]}}}}
budgets:
  - {{id: {budget}, name: Lead enrichment, scope: {{project: lead-enricher}}, per: project, period: day,
     limit: {{tokens: 1000000}}}}
  - {{id: company-day, name: Company, period: day, limit: {{tokens: 1000}},
     tiers: [{{at: 100, level: critical, notify: [owner]}}]}}
enforcement: {{mode: auto}}
web: {{public_url: "{url}", dify_url: "https://dify.example.com", trusted_header: X-User, trusted_proxies: [{proxy}],
  tokens: {{prometheus: {{secret_env: MACHINE_TOKEN}}, workflow: {{secret_env: TENANT_TOKEN, tenant: Support}}}}}}
"""


_OWNERS_WEBHOOK = "{channel: webhook, url_env: OPS_URL, allow_private: true, language: zh}"
_BOSSES_WEBHOOK = "{channel: webhook, url_env: BOSS_URL, allow_private: true}"


def _mailbox(name: str, language: str) -> str:
    return f"{{channel: email, to: [{name}@example.com], from: usage@example.com, language: {language}}}"


@dataclass
class Site:
    """The place, and its web page on loopback."""

    place: Place
    url: str
    budget: str = "agent-daily"
    by_mail: str = ""  # zh or en: owner and approver get mails in it, not webhooks
    _asked: str = ""

    def link(self, recipient: str, alert_id: str, deed: Deed = Deed.READ) -> str:
        """A link as a message of the recipient has it."""
        made = link(self.place.in_force.settings, recipient, alert_id, deed)
        assert made
        return made

    def configure(self, proxy: str = "192.0.2.1") -> None:
        """Writes the configuration; a trusted proxy that nobody connects from, unless another is said."""
        text = CONFIG.format(zone=NOON_ZONE, url=self.url, proxy=proxy, budget=self.budget)
        if self.by_mail:
            text = text.replace(_OWNERS_WEBHOOK, _mailbox(OWNER, self.by_mail))
            text = text.replace(_BOSSES_WEBHOOK, _mailbox("boss", self.by_mail))
        self.place.config.write_text(text)

    def again(self) -> None:
        """The agent's app is paused by a tier that is reached anew, whatever was done about it before."""
        self.budget = f"agent-daily-{len(self.place.actions())}"
        self.configure()
        self.place.step(seconds=1)

    def pages(self) -> dict[str, str]:
        """An address of each page, by name."""
        return {
            "alert": self.link(OWNER, self.alert()),
            "budget": f"{self.link(OWNER, self.alert())}/budget/{self.budget}",
            "project": f"{self.link(OWNER, self.alert())}/project/main/{self.place.app()}",
            "sorry": f"{self.url}/a/altered",
        }

    def names_of(self, tenant: str) -> set[str]:
        """The names of a tenant's projects."""
        rows = self.place.warehouse.execute(
            "SELECT p.name FROM usage.project p JOIN usage.tenant t USING (source, tenant_id) WHERE t.name = %s",
            [tenant],
        ).fetchall()
        return {str(row[0]) for row in rows}

    def answers(self, status: int, name: str = AGENT) -> bool:
        """Whether an app's callers get this status within a while: the page acts at Dify once its answer has left."""
        until = time.monotonic() + 20
        while time.monotonic() < until:
            if self.place.call(name) == status:
                return True
            time.sleep(0.1)
        return False

    def callers_of(self, tenant: str) -> set[str]:
        """The names of who called a tenant's projects."""
        rows = self.place.warehouse.execute(
            "SELECT DISTINCT d.caller_id FROM usage.daily_usage d JOIN usage.tenant t USING (source, tenant_id)"
            " WHERE t.name = %s AND d.caller_id IS NOT NULL",
            [tenant],
        ).fetchall()
        return {str(row[0]) for row in rows}

    def asked_by_boss(self) -> str:
        """The alert about an override that the approver asked for; asked for at the first call."""
        if not self._asked:
            now = datetime.now(UTC)
            wanted = NewOverride(
                self.budget, AGENT, None, None, Decimal(20), now + timedelta(hours=2), "more", "wang.wu"
            )
            request_override(self.place.warehouse, self.place.in_force, wanted, now)
            self._asked = self.alert("override")
        return self._asked

    def alert(self, kind: str = "budget", budget_id: str | None = None) -> str:
        """The id of an alert of a budget (the agent's), or of the newest step of an override or action of it."""
        row = self.place.warehouse.execute(
            "SELECT alert_id FROM usage.alert WHERE kind = %s AND %s IN (budget_id, facts ->> 'budget_id')"
            " ORDER BY created_at DESC LIMIT 1",
            [kind, budget_id or self.budget],
        ).fetchone()
        assert row
        return str(row[0])

    def state(self) -> list[tuple[object, ...]]:
        """All that a deed could change: how much there is of it, and how it stands."""
        return self.place.warehouse.execute(
            "SELECT (SELECT count(*) FROM usage.acknowledgement), (SELECT count(*) FROM usage.silence),"
            " (SELECT array_agg((override_id, state)::text ORDER BY override_id) FROM usage.budget_override),"
            " (SELECT array_agg((action_id, state, release_at IS NULL)::text ORDER BY action_id)"
            "  FROM usage.enforcement_action), (SELECT count(*) FROM usage.used_form),"
            " (SELECT count(*) FROM usage.alert), (SELECT count(*) FROM usage.budget_event)"
        ).fetchall()


def form_of(text: str, deed: str, subject: str = "") -> str:
    """What the page's form of a deed carries."""
    name = f'id="{deed}-{subject}' if subject else f'id="{deed}'
    at = text.index(name)
    begins = text.index('name="form" value="', at) + len('name="form" value="')
    return text[begins : text.index('"', begins)]


@contextmanager
def serving(warehouse_url: str, listening: socket.socket) -> Iterator[None]:
    """The page of a warehouse at a listening socket, for the block."""
    config = uvicorn.Config(web_app(warehouse_url), access_log=False, proxy_headers=False, log_level="warning")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the page did not start"
        time.sleep(0.01)
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(20)


@pytest.fixture(scope="module")
def served(postgres: EmbeddedServer, written: Company, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The site of a file's tests: the agent has run away, its app is paused, and everybody is notified of it."""
    with (
        pytest.MonkeyPatch.context() as patch,
        a_place(postgres, written, tmp_path_factory.mktemp("site"), patch.setenv) as place,
        closing(socket.create_server(("127.0.0.1", 0))) as listening,
    ):
        for name, value in variables_of(place).items():
            patch.setenv(name, value)
        made = Site(place, f"http://127.0.0.1:{listening.getsockname()[1]}")
        made.configure()
        place.step()
        with serving(place.company.warehouse_url, listening):
            yield made


@pytest.fixture
def site(served: Site, monkeypatch: pytest.MonkeyPatch) -> Site:
    """The same with its environment, which each test has of its own."""
    for name, value in variables_of(served.place).items():
        monkeypatch.setenv(name, value)
    return served


def variables_of(place: Place) -> dict[str, str]:
    """What the page and the commands beside it are started with."""
    return {
        "USAGE_PIPELINE_WEB_KEY": KEY,
        "USAGE_PIPELINE_CONFIG": str(place.config),
        "DIFY_DATABASE_URL": place.company.dify_url,
        "WAREHOUSE_URL": place.company.warehouse_url,
        "MACHINE_TOKEN": MACHINE,
        "TENANT_TOKEN": TENANTS_MACHINE,
    }
