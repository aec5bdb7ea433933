"""Who gets which report: finance everybody's, a tenant's people their own, once, through the outbox."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from usage_pipeline.cli import app
from usage_pipeline.configuration import ActiveConfiguration
from usage_pipeline.delivery.channels.sms_recipient import SmsRecipient
from usage_pipeline.delivery.channels.wecom import WecomRecipient
from usage_pipeline.delivery.worker import deliver_due
from usage_pipeline.reports.edition import edition_of
from usage_pipeline.reports.make import make_report
from usage_pipeline.reports.recipients import notify_recipients
from usage_pipeline.run_tags import Work, was_asked_for_by_schedule
from usage_pipeline.settings.model import Settings, TenantRule
from usage_pipeline.settings.reports import ReportFormat, Reports
from usage_pipeline.warehouse.connection import Connection, connected
from usage_pipeline.warehouse.rows import value
from usage_pipeline_tests.support.channels import robot, wecom_answer
from usage_pipeline_tests.support.company import EXAMPLE
from usage_pipeline_tests.support.report_books import ACME, AFTERWARDS, DAY, GLOBEX, SETTINGS, write_books
from usage_pipeline_tests.support.rewriting import rewrite

ROBOTS = {"finance": "FINANCE_URL", "acme-owner": "ACME_URL", "globex-owner": "GLOBEX_URL"}
TELLING = SETTINGS.model_copy(
    update={
        "recipients": {
            **{
                name: WecomRecipient(channel="wecom", secret_env=variable, allow_private=True)
                for name, variable in ROBOTS.items()
            },
            "on-call": SmsRecipient(
                channel="sms", provider="http", to=("+491701234567",), secret_env="SMS", url_env="SMS_URL"
            ),
        },
        "reports": Reports(recipients=("finance", "on-call"), formats=(ReportFormat.HTML,)),
        "tenants": (
            TenantRule(tenant=ACME, recipients=("acme-owner",)),
            TenantRule(tenant=GLOBEX, recipients=("globex-owner",)),
        ),
    }
)


@pytest.fixture
def ledger(warehouse_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Connection]:
    """A warehouse of its own with the books."""
    monkeypatch.setenv("USAGE_PIPELINE_HOME", str(tmp_path))
    with connected(warehouse_url) as connection:
        write_books(connection, calls_a_day=4)
        yield connection


def tell(connection: Connection, settings: Settings = TELLING) -> list[str]:
    """The morning's telling of the day."""
    report = make_report(connection, settings, edition_of("day", DAY), now=AFTERWARDS)
    return notify_recipients(connection, ActiveConfiguration(settings, 1), report, AFTERWARDS)


def test_everyone_is_told_once_and_nobody_rings(ledger: Connection) -> None:
    assert sorted(tell(ledger)) == sorted(ROBOTS)
    assert tell(ledger) == []
    rows = ledger.execute("SELECT recipient FROM usage.delivery").fetchall()
    assert {str(name) for (name,) in rows} == set(ROBOTS)


def test_a_tenants_people_get_nothing_of_others(ledger: Connection, tmp_path: Path) -> None:
    tell(ledger)
    rows = ledger.execute(
        "SELECT d.recipient, a.facts::text FROM usage.alert a JOIN usage.delivery d USING (alert_id)"
        " WHERE a.kind = 'report'"
    ).fetchall()
    facts = {str(recipient): str(text) for recipient, text in rows}
    assert "Globex" not in facts["acme-owner"] and "ACME" not in facts["globex-owner"]
    for name, other in (("acme-owner", GLOBEX), ("globex-owner", ACME)):
        (named,) = json.loads(facts[name])["files"]
        path = (tmp_path / "reports" / named).resolve()
        assert path.is_relative_to(tmp_path.resolve() / "reports")
        assert other not in path.read_text(encoding="utf-8")


def test_the_message_says_ten_lines_at_most_and_is_recorded(
    ledger: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell(ledger)
    with robot(wecom_answer(0)) as server:
        for variable in ROBOTS.values():
            monkeypatch.setenv(variable, server.url)
        summary = deliver_due(ledger, TELLING, by="test")
        texts = [json.loads(body)["markdown"]["content"] for _, body in server.taken]
    assert len(texts) == 3, summary.answers
    for text in texts:
        assert str(DAY) in text and "CNY" in text
        assert 4 <= sum(line.startswith(">") for line in text.splitlines()) <= 10
    states = ledger.execute("SELECT state, count(*) FROM usage.delivery GROUP BY 1").fetchall()
    assert states == [("delivered", 3)]
    attempts = ledger.execute("SELECT count(*) FROM usage.alert_delivery WHERE outcome = 'accepted'").fetchone()
    assert attempts == (3,)


def test_who_gets_three_reports_gets_three_messages_each_with_its_own_files(
    ledger: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = tuple(TenantRule(tenant=tenant, recipients=("finance",)) for tenant in (ACME, GLOBEX))
    settings = TELLING.model_copy(update={"tenants": both})
    assert tell(ledger, settings) == ["finance"] * 3
    with robot(wecom_answer(0)) as server:
        monkeypatch.setenv("FINANCE_URL", server.url)
        deliver_due(ledger, settings, by="test")
        texts = [json.loads(body)["markdown"]["content"] for _, body in server.taken]
    files = [{name for name in ("ACME-", "Globex-b-", f"usage-{DAY}.html") if name in text} for text in texts]
    assert sorted(map(sorted, files)) == [["ACME-"], ["Globex-b-"], [f"usage-{DAY}.html"]]


def test_the_command_sends_when_it_is_told_to_and_once(
    ledger: Connection, warehouse_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WAREHOUSE_URL", warehouse_url)
    monkeypatch.setenv("USAGE_PIPELINE_CONFIG", str(EXAMPLE))
    words = ["report", "--date", str(DAY), "--format", "focus", "--json"]
    for more, expected in (([], None), (["--send"], "finance"), (["--send"], "nobody who has not got it already")):
        done = CliRunner().invoke(app, [*words, *more])
        assert done.exit_code == 0, done.output
        assert json.loads(done.stdout).get("sent_to") == expected
    sent = ledger.execute("SELECT recipient FROM usage.delivery").fetchall()
    assert sent == [("finance",)]


def test_only_what_a_schedule_asked_for_is_sent() -> None:
    by_a_person = Work.DAILY_REPORT.tags
    by_schedule = {**by_a_person, "dagster/schedule_name": "daily_report_schedule"}
    assert was_asked_for_by_schedule(by_schedule, Work.DAILY_REPORT)
    assert not was_asked_for_by_schedule(by_a_person, Work.DAILY_REPORT), "Materialize bears the job's tags"
    assert not was_asked_for_by_schedule({**by_schedule, "dagster/backfill": "b"}, Work.DAILY_REPORT)


def test_tenants_can_be_left_out_and_files_linked(ledger: Connection) -> None:
    quiet = TELLING.reports.model_copy(update={"to_tenants": False, "link": "https://reports.example/llm/"})
    assert tell(ledger, TELLING.model_copy(update={"reports": quiet})) == ["finance"]
    lines = dict(value(ledger, list, "SELECT facts -> 'lines' FROM usage.alert WHERE kind = 'report'"))
    assert lines["Files"] == f"https://reports.example/llm/{DAY}/en/usage-{DAY}.html"


def test_a_report_is_no_alert_of_the_day(ledger: Connection) -> None:
    tell(ledger)
    rewrite(ledger, "UPDATE usage.alert SET created_at = '2026-03-17 04:00Z' WHERE kind = 'report'")
    again = make_report(ledger, TELLING, edition_of("day", DAY), now=AFTERWARDS)
    assert {alert.kind for alert in again.alerts} == {"budget"}
    assert replace(again, alerts=[]).totals.calls
