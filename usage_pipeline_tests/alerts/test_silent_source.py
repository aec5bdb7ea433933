"""A source that cannot be read is alerted once an outage, and keeps no other source from being counted."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from usage_pipeline.alerts.message import Message
from usage_pipeline.alerts.text.escape import line
from usage_pipeline.delivery.rendering import render
from usage_pipeline.warehouse.connection import Connection, connected
from usage_pipeline_tests.support.company import EXAMPLE, KEY_RULES, Company, assert_events_equal, build_company

LOST = "postgresql://reader:hidden-s3cr3t@127.0.0.1:1/dify"


@pytest.fixture
def company(
    new_database: Callable[[], str], warehouse_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Company:
    """A small company with a second Dify that cannot be reached."""
    made = build_company(new_database, warehouse_url, seed=61, days=2, calls_a_day=4)
    made.config = tmp_path / "c.yaml"
    text = EXAMPLE.read_text(encoding="utf-8").replace(
        "{id: main, kind: dify, url_env: DIFY_DATABASE_URL}",
        "{id: main, kind: dify, url_env: DIFY_DATABASE_URL}\n  - {id: branch, kind: dify, url_env: BRANCH_URL}",
    )
    made.config.write_text(text, encoding="utf-8")
    monkeypatch.setenv("BRANCH_URL", LOST)
    return made


def outages(connection: Connection) -> list[tuple[object, ...]]:
    """The alerts of sources."""
    return connection.execute(
        "SELECT budget_id, level, facts ->> 'last_read_at', facts FROM usage.alert WHERE kind = 'source'"
    ).fetchall()


def test_one_that_was_never_read_is_told_once_and_the_other_is_counted(company: Company) -> None:
    for _ in range(3):
        assert list(company.run().source_errors) == ["branch"]
    with connected(company.warehouse_url) as connection:
        assert_events_equal(connection, company.history.truth(company.history.now, KEY_RULES))
        rows = outages(connection)
        assert [row[:3] for row in rows] == [("branch", "critical", None)]
        told = connection.execute(
            "SELECT recipient FROM usage.delivery JOIN usage.alert USING (alert_id) WHERE kind = 'source' ORDER BY 1"
        ).fetchall()
        assert told == [("itsm",), ("ops-group",)]
        assert "hidden-s3cr3t" not in str(rows)


def test_each_outage_is_told_and_a_short_one_is_not(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRANCH_URL", company.dify_url)
    assert not company.run().source_errors
    monkeypatch.setenv("BRANCH_URL", LOST)
    with connected(company.warehouse_url) as connection:
        company.run()
        assert outages(connection) == [], "it has been away for a moment only"
        for ago in (60, 30):
            connection.execute(
                "UPDATE usage.source_state SET last_success_at = %s WHERE source = 'branch'",
                [datetime.now(UTC) - timedelta(minutes=ago)],
            )
            company.run()
            company.run()
        assert len(outages(connection)) == 2, "an outage that was mended and another one"


@pytest.mark.parametrize(
    ("language", "words"), [("en", "Source branch cannot be read"), ("zh", "数据源 branch 无法读取")]
)
@pytest.mark.parametrize("template", ["wecom.md.j2", "wecom.txt.j2", "mail.txt.j2", "mail.html.j2"])
def test_every_text_says_which_and_why(company: Company, template: str, language: str, words: str) -> None:
    company.run()
    with connected(company.warehouse_url) as connection:
        facts = outages(connection)[0][3]
    assert isinstance(facts, dict)
    message = Message("d", "S1", "source", "critical", facts, language)  # type: ignore[arg-type]
    text = render(template, message, line).text
    assert words in text
    assert "connect" in text
