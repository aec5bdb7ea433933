"""A past day says what it said: budgets as they stood when it ended, whatever was changed, raised or priced since."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from usage_pipeline.alerts.approvals import decide_override, request_override
from usage_pipeline.alerts.evaluate_and_alert import evaluate_and_alert
from usage_pipeline.budgets.overrides import NewOverride
from usage_pipeline.configuration import ActiveConfiguration, active_configuration
from usage_pipeline.reports.document import BudgetLine, Report
from usage_pipeline.reports.edition import edition_of
from usage_pipeline.reports.headline import headline
from usage_pipeline.reports.make import make_report
from usage_pipeline.reports.said import keep_said
from usage_pipeline.reports.story import clock, story
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline_tests.support.rewriting import rewrite

CONFIG = """
version: 1
timezone: Asia/Shanghai
currency: CNY
language: zh
recipients:
  ops: {channel: webhook, url_env: OPS_URL, secret_env: OPS_SECRET}
approvals: {approvers: [ann, bob], notify: [ops]}
tiers:
  - {at: 80, level: warning, notify: [ops]}
  - {at: 100, level: emergency, notify: [ops], actions: [lock]}
budgets:
  - {id: agent-daily, name: Lead enrichment, per: project, period: day, limit: {tokens: 1000}}
  - {id: company-month, name: Company, period: month, limit: {cost: 100}}
"""
NOON = datetime(2026, 3, 10, 4, tzinfo=UTC)  # 12:00 in Shanghai
DAY = date(2026, 3, 10)
A_MONTH_LATER = datetime(2026, 4, 10, 4, tzinfo=UTC)
SCOPE = "project=main/app-1"


def spend(connection: Connection, day: date, tokens: int, cost: str) -> None:
    """A day's usage of one project of the development environment."""
    connection.execute(
        "INSERT INTO usage.daily_usage (usage_date, source, tenant_id, environment, app_id, key_attribution,"
        " caller_kind, provider, model, currency, calls, failed_calls, input_tokens, output_tokens, total_tokens,"
        " estimated_tokens, unpriced_tokens, cost, base_cost)"
        " VALUES (%s, 'main', 'tenant-1', 'dev', 'app-1', 'none', 'debug', 'openai', 'gpt-4o', 'CNY', 1, 0, %s, 0, %s,"
        " 0, 0, %s, %s)",
        [day, tokens, tokens, cost, cost],
    )
    connection.execute(
        "INSERT INTO usage.rolled_day AS known (usage_date) VALUES (%s)"
        " ON CONFLICT (usage_date) DO UPDATE SET version = known.version + 1",
        [day],
    )


def configured(connection: Connection, folder: Path, text: str, since: datetime) -> ActiveConfiguration:
    """The configuration as a pass at that moment found it."""
    path = folder / "usage_pipeline.yaml"
    path.write_text(text, encoding="utf-8")
    found = active_configuration(connection, path)
    rewrite(
        connection,
        "UPDATE usage.config_version SET activated_at = %s, last_seen_at = %s WHERE version_id = %s",
        [since, since, found.version],
    )
    return found


@pytest.fixture
def runaway(warehouse: Connection, tmp_path: Path) -> Iterator[tuple[Connection, ActiveConfiguration]]:
    """The day on which the agent's budget of 1,000 tokens reached 154 %, was locked, and was raised by 200 %."""
    warehouse.execute(
        "INSERT INTO usage.tenant (source, tenant_id, name, timezone)"
        " VALUES ('main', 'tenant-1', 'One', 'Asia/Shanghai')"
    )
    warehouse.execute(
        "INSERT INTO usage.project (source, app_id, tenant_id, name, mode, environment)"
        " VALUES ('main', 'app-1', 'tenant-1', 'lead-enricher', 'workflow', 'dev')"
    )
    active = configured(warehouse, tmp_path, CONFIG, NOON - timedelta(days=30))
    for back in range(1, 10):
        spend(warehouse, DAY - timedelta(days=back), 100, "5")
    spend(warehouse, DAY, 1540, "12.5")
    evaluate_and_alert(warehouse, active, NOON)
    asked = NewOverride(
        "agent-daily", "lead-enricher", None, None, Decimal(200), NOON + timedelta(hours=8), "the campaign ends", "carl"
    )
    made = request_override(warehouse, active, asked, NOON + timedelta(minutes=5))
    decide_override(
        warehouse, active, made.override_id, approve=True, by="ann", note="", now=NOON + timedelta(minutes=10)
    )
    evaluate_and_alert(warehouse, active, NOON + timedelta(minutes=15))
    yield warehouse, active


def budget(report: Report, name: str) -> BudgetLine:
    """The line of a budget."""
    (line,) = (line for line in report.budgets if line.budget_id == name)
    return line


def made(connection: Connection, active: ActiveConfiguration, now: datetime) -> Report:
    """The day's report, made at a moment."""
    return make_report(connection, active.settings, edition_of("day", DAY), now=now)


def test_the_runaway_day_says_how_full_the_budget_was_and_what_raised_it(
    runaway: tuple[Connection, ActiveConfiguration],
) -> None:
    report = made(*runaway, NOON + timedelta(days=1))
    agent = budget(report, "agent-daily")
    assert (agent.highest_ratio, agent.highest_level) == (Decimal("1.54"), "emergency"), "not ok at 51 %"
    assert (agent.base_limit, agent.added, agent.name) == (1000, 2000, "Lead enrichment")
    (raised,) = report.overrides
    assert (raised.state, raised.requested_by, raised.decided_by) == ("approved", "carl", "ann")
    (lock,) = report.locks
    assert lock.unlocked_why and "raise" in lock.unlocked_why


def test_a_month_budget_stands_where_it_stood_when_the_day_ended(
    runaway: tuple[Connection, ActiveConfiguration],
) -> None:
    connection, active = runaway
    for ahead in range(1, 15):
        spend(connection, DAY + timedelta(days=ahead), 100, "20")
    evaluate_and_alert(connection, active, NOON + timedelta(days=14))
    report = made(connection, active, A_MONTH_LATER)
    company = budget(report, "company-month")
    assert company.spent == report.month.base_cost == Decimal("57.5"), "nine days of 5 and the day's 12.50"
    assert (company.level, company.limit) == ("ok", 100)


def test_made_again_after_changes_it_says_the_same_and_marks_what_was_corrected(
    runaway: tuple[Connection, ActiveConfiguration], tmp_path: Path
) -> None:
    connection, active = runaway
    first = made(connection, active, NOON + timedelta(days=1))
    keep_said(connection, first, sent=True)
    later = configured(
        connection,
        tmp_path,
        CONFIG.replace("tokens: 1000", "tokens: 9000").replace("cost: 100", "cost: 7"),
        NOON + timedelta(days=2),
    )
    asked = NewOverride(
        "company-month", None, "cost", Decimal(30), None, NOON + timedelta(days=5), "more is needed", "carl"
    )
    more = request_override(connection, later, asked, NOON + timedelta(days=2))
    decide_override(connection, later, more.override_id, approve=True, by="bob", note="", now=NOON + timedelta(days=2))
    evaluate_and_alert(connection, later, NOON + timedelta(days=2, minutes=5))
    again = made(connection, later, A_MONTH_LATER)
    kept = ("spent", "base_limit", "limit", "ratio", "level", "highest_ratio", "highest_level", "forecast")
    for line in first.budgets:
        same = budget(again, line.budget_id)
        assert {name: getattr(same, name) for name in kept} == {name: getattr(line, name) for name in kept}
    assert (again.month, again.totals, again.overrides) == (first.month, first.totals, first.overrides)
    assert list(again.corrections) == [] and again.said_at == first.made_at

    connection.execute("UPDATE usage.daily_usage SET base_cost = 15, cost = 15 WHERE usage_date = %s", [DAY])
    spend(connection, DAY + timedelta(days=30), 1, "0")
    priced = made(connection, later, A_MONTH_LATER)
    said = {(c.what, c.about): (c.said, c.now) for c in priced.corrections}
    assert said["base_cost", ""] == ("12.5", "15")
    assert said["base_cost", "lead-enricher"] == ("12.5", "15")
    assert said["month_to_date", ""] == ("57.5", "60")
    assert ("total_tokens", "") not in said


def test_what_was_sent_is_never_overwritten(runaway: tuple[Connection, ActiveConfiguration]) -> None:
    connection, active = runaway
    report = made(connection, active, NOON + timedelta(days=1))
    keep_said(connection, report)
    assert connection.execute("SELECT count(*) FROM usage.report_edition").fetchone() == (0,), "it was provisional"
    keep_said(connection, report, sent=True)
    connection.execute("UPDATE usage.daily_usage SET base_cost = 99 WHERE usage_date = %s", [DAY])
    keep_said(connection, made(connection, active, A_MONTH_LATER), sent=True)
    (said,) = connection.execute("SELECT said FROM usage.report_edition").fetchone() or ({},)
    assert json.loads(json.dumps(said))["base_cost"] == "12.5"


def test_three_sentences_say_what_happened_in_both_languages(
    runaway: tuple[Connection, ActiveConfiguration],
) -> None:
    report = made(*runaway, NOON + timedelta(days=1))
    english, chinese = headline(report, "en"), headline(report, "zh")
    assert english.verdict == "high"
    for part in ("CN¥12.50 was spent on 2026-03-10", "2.5 times as much as the day before", "unusually much"):
        assert part in english.spent
    assert "lead-enricher (CN¥12.50, 100.0 %)" in english.who and "tokens a call (100 → 1,540)" in english.who
    for part in ("“Lead enrichment · lead-enricher” reached 154.0 % of 1,000 tokens", "ann approved 200 % more"):
        assert part in english.done
    for part in ("共花费 ¥12.50", "是前一天的 2.5 倍", "属异常偏高"):
        assert part in chinese.spent
    assert "达到 1,000 tokens 的 154.0 %" in chinese.done and "您无需处理任何事项" in chinese.done


def test_part_of_a_day_may_be_too_much_and_is_never_too_little(
    runaway: tuple[Connection, ActiveConfiguration],
) -> None:
    connection, active = runaway
    assert headline(made(connection, active, NOON + timedelta(hours=1)), "en").verdict == "high"
    spend(connection, DAY + timedelta(days=1), 1, "0.5")
    tomorrow = edition_of("day", DAY + timedelta(days=1))
    running = make_report(connection, active.settings, tomorrow, now=NOON + timedelta(days=1))
    assert headline(running, "en").verdict == "unknown"
    assert "not over" in headline(running, "en").spent and "尚未结束" in headline(running, "zh").spent
    over = make_report(connection, active.settings, tomorrow, now=NOON + timedelta(days=2))
    assert headline(over, "en").verdict == "low"


def test_the_story_is_told_in_order_and_in_the_reports_zone(runaway: tuple[Connection, ActiveConfiguration]) -> None:
    report = made(*runaway, NOON + timedelta(days=1))
    told = [f"{clock(entry.at, report)} {entry.text}" for entry in story(report, "en")]
    assert told == [
        "12:00 Budget “Lead enrichment · lead-enricher” reached 154.0 % of its limit: 1,540 of 1,000 tokens.",
        "12:00 “Lead enrichment · lead-enricher” was locked.",
        "12:05 carl asked for 200 % more for “Lead enrichment · lead-enricher” until 03-10 20:00: the campaign ends.",
        "12:10 ann approved 200 % more for “Lead enrichment · lead-enricher”.",
        "12:10 “Lead enrichment · lead-enricher” was opened again: a raise was approved.",
    ]
    assert "已解锁：临时上调已获批准" in story(report, "zh")[-1].text


def test_an_open_request_is_what_needs_a_person(runaway: tuple[Connection, ActiveConfiguration]) -> None:
    connection, active = runaway
    asked = NewOverride(
        "company-month", None, "cost", Decimal(50), None, NOON + timedelta(days=5), "more is needed", "carl"
    )
    request_override(connection, active, asked, NOON + timedelta(hours=1))
    for day in (DAY, DAY + timedelta(days=1)):
        report = make_report(connection, active.settings, edition_of("day", day), now=NOON + timedelta(days=2))
        assert "To do: decide on carl's request for “Company”." in headline(report, "en").done, "until it is decided on"
    later = edition_of("day", DAY + timedelta(days=6))
    assert "carl" not in headline(make_report(connection, active.settings, later, now=A_MONTH_LATER), "en").done
