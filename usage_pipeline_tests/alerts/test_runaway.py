"""The runaway agent's budget reaches 80, 95 and 100 per cent: three alerts, once, whatever is repeated."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from usage_pipeline.configuration import active_configuration
from usage_pipeline.demo.channel_servers import channel_servers
from usage_pipeline.warehouse.connection import Connection, connected
from usage_pipeline_tests.support.company import EXAMPLE, Company, build_company
from usage_pipeline_tests.support.days_again import backfill
from usage_pipeline_tests.support.rewriting import forget


@pytest.fixture
def company(new_database: Callable[[], str], warehouse_url: str) -> Company:
    """A company whose agent runs away today."""
    return build_company(new_database, warehouse_url, seed=31, days=3, runaway_calls=1_500)


def _alerts(connection: Connection) -> list[tuple[object, ...]]:
    return connection.execute(
        "SELECT budget_id, tier::int, level FROM usage.alert WHERE kind = 'budget' ORDER BY tier, alert_id"
    ).fetchall()


def test_three_tiers_are_three_alerts_of_which_the_highest_is_delivered_once_over_ten_passes(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    with channel_servers(lambda *_: None) as servers:
        for name, value in servers.environment.items():
            monkeypatch.setenv(name, value)
        for _ in range(10):
            summary = company.run(deliver=True)
            assert not summary.source_errors
            with connected(company.warehouse_url) as connection:  # what was refused for now is due at once
                connection.execute("UPDATE usage.delivery SET next_attempt_at = now() WHERE state = 'pending'")
    with connected(company.warehouse_url) as connection:
        assert _alerts(connection) == [
            ("agent-daily", 80, "warning"),
            ("agent-daily", 95, "critical"),
            ("agent-daily", 100, "emergency"),
        ]
        states = connection.execute(
            "SELECT d.state, count(*) FROM usage.delivery d JOIN usage.alert a USING (alert_id) WHERE a.kind = 'budget'"
            " GROUP BY d.state"
        ).fetchall()
        accepted = connection.execute(
            "SELECT count(*) FROM usage.alert_delivery d JOIN usage.alert a USING (alert_id)"
            " WHERE d.outcome = 'accepted' AND a.kind = 'budget'"
        ).fetchone()
    assert sorted(states) == [("delivered", 3), ("inhibited", 2)], "80 and 95 % give way to 100 % where it goes"
    assert accepted == (3,)
    # Group, mailbox and ITSM system, which refuses its first call, get one message each, a rehearsed action with it.
    taken = [text for _, text in servers.received if "refuses this first call" not in text]
    assert len(taken) == 3


def test_a_backfill_sends_nothing(company: Company) -> None:
    """Days are evaluated again under the file in force, and nobody is told; the next pass tells as always."""
    company.run()
    with connected(company.warehouse_url) as connection:
        forget(connection, "alert", "budget_status", "evaluation")
        configuration = active_configuration(connection, EXAMPLE)
        days = [configuration.settings.today() - timedelta(days=number) for number in range(5)]
        assert backfill(connection, configuration, days) == []
        assert _alerts(connection) == []
        levels = {str(level) for (level,) in connection.execute("SELECT DISTINCT level FROM usage.budget_status")}
        assert "emergency" in levels
        summary = company.run()
        assert len(summary.alerts) == 3


def test_a_refused_file_is_alerted_once_and_the_last_valid_one_stays(company: Company, tmp_path: Path) -> None:
    company.config = tmp_path / "usage_pipeline.yaml"
    company.config.write_text(EXAMPLE.read_text(encoding="utf-8"), encoding="utf-8")
    company.run()
    company.config.write_text(
        company.config.read_text(encoding="utf-8").replace("2000000}", "2m}", 1), encoding="utf-8"
    )
    for _ in range(3):
        summary = company.run()
        assert summary.configuration_error
        assert "budgets[2].limit.tokens" in summary.configuration_error
        assert not summary.ok
    with connected(company.warehouse_url) as connection:
        kinds = connection.execute("SELECT kind, count(*) FROM usage.alert GROUP BY kind ORDER BY kind").fetchall()
        assert kinds == [("budget", 3), ("configuration", 1)]
    company.config.write_text(EXAMPLE.read_text(encoding="utf-8").replace("2000000}", "9000000}", 1), encoding="utf-8")
    assert company.run().ok
    with connected(company.warehouse_url) as connection:
        row = connection.execute("SELECT \"limit\", level FROM usage.budget_status WHERE budget_id = 'agent-daily'"
                                 " ORDER BY period_start DESC LIMIT 1").fetchone()  # fmt: skip
    assert row == (9_000_000, "ok")


def test_the_facts_name_who_burnt_it(company: Company) -> None:
    company.run()
    with connected(company.warehouse_url) as connection:
        row = connection.execute("SELECT facts FROM usage.alert WHERE tier = 100").fetchone()
    assert row
    facts = row[0]
    assert isinstance(facts, dict)
    assert facts["scope_name"] == "lead-enricher"
    assert facts["tenant_name"] == "Marketing"
    assert facts["recipients"] == ["ops-group", "marketing-owner", "itsm"]
    assert int(facts["spent"]) > int(facts["limit"]) == 2_000_000
    assert facts["enforcement_mode"] == "dry_run"
    assert facts["actions"] == ["pause_app"]


def test_the_first_alert_of_a_new_installation_is_compared_with_the_days_before(company: Company) -> None:
    company.run()
    with connected(company.warehouse_url) as connection:
        row = connection.execute("SELECT facts FROM usage.alert WHERE tier = 100").fetchone()
        days = connection.execute(
            "SELECT sum(d.total_tokens) FROM usage.daily_project_usage d JOIN usage.project p USING (source, app_id)"
            " WHERE p.name = 'lead-enricher' AND d.usage_date < (now() AT TIME ZONE 'Asia/Shanghai')::date"
            " GROUP BY d.usage_date ORDER BY d.usage_date DESC LIMIT 7"
        ).fetchall()
    assert row
    facts = row[0]
    assert isinstance(facts, dict)
    before = [int(str(tokens)) for (tokens,) in days]
    assert int(facts["previous_period"]) == before[0]
    assert float(facts["trailing_average"]) == pytest.approx(sum(before) / len(before))
    assert facts["top_in_period"]["callers"][0]["share"]
