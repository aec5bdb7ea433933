"""The same history, read from a Dify on a real MariaDB whose server lives in another zone, returns the same events."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from usage_pipeline.fake_dify.history import build_history
from usage_pipeline.fake_dify.scripts import TrueUnit
from usage_pipeline.warehouse.connection import Connection, connected
from usage_pipeline_tests.support.company import KEY_RULES, Company, a_failed_agent, assert_events_equal, events
from usage_pipeline_tests.support.dify_on_mysql import (
    VERSIONS,
    create_dify_on_mysql,
    insert_rows,
    read,
    write_history_to_mysql,
    write_steps_to_mysql,
)
from usage_pipeline_tests.support.mariadb import MariaDB, on_mariadb

pytestmark = on_mariadb
SHANGHAI = timezone(timedelta(hours=8))


@pytest.fixture
def build(
    mariadb: MariaDB, new_mysql_database: Callable[[], str], warehouse_url: str
) -> Callable[..., tuple[Company, str]]:
    """Makes a company whose Dify is on MariaDB, written as of ``until``; gives it and its database's name."""

    def make(
        *, seed: int, days: int = 2, version: str = "1.12.1", fractions: bool = True, until: datetime | None = None
    ) -> tuple[Company, str]:
        history = build_history(seed, datetime.now(UTC), days, 5.0)
        history.calls.append(a_failed_agent(history))
        name = new_mysql_database()
        with mariadb.connect(name) as dify:
            create_dify_on_mysql(dify, version, fractions=fractions)
            write_history_to_mysql(dify, history, until or history.now, SHANGHAI)
        return Company(mariadb.url(name), warehouse_url, history), name

    return make


@pytest.mark.parametrize("version", VERSIONS)
def test_the_same_history_gives_the_same_events(version: str, build: Callable[..., tuple[Company, str]]) -> None:
    company, _ = build(seed=3, days=5, version=version)
    summary = company.run()
    assert not summary.source_errors
    assert not summary.differences
    with connected(company.warehouse_url) as connection:
        assert_events_equal(connection, company.history.truth(company.history.now, KEY_RULES))
        before = dimensions(connection)
    assert sum(result.events_changed for result in company.run().ingested) == 0
    with connected(company.warehouse_url) as connection:
        assert dimensions(connection) == before
        tags = connection.execute("SELECT name, tags FROM usage.project WHERE tags <> '{}'").fetchall()
        assert {str(name): set(found) for name, found in tags} == {  # type: ignore[call-overload]
            app.name: set(app.tags) for app in company.history.world.apps.values() if app.tags
        }
        assert connection.execute("SELECT count(*) FROM usage.source_problem").fetchone() == (0,)


def dimensions(connection: Connection) -> list[tuple[object, ...]]:
    """What the warehouse keeps of workspaces, projects and keys."""
    return [
        *connection.execute("SELECT t::text FROM usage.tenant t ORDER BY 1"),
        *connection.execute("SELECT p::text FROM usage.project p ORDER BY 1"),
        *connection.execute("SELECT k::text FROM usage.api_key k ORDER BY 1"),
    ]


def test_no_secret_of_a_key_is_read(build: Callable[..., tuple[Company, str]]) -> None:
    company, _ = build(seed=4, days=1)
    company.run()
    with connected(company.warehouse_url) as connection:
        masked = {
            str(key): str(text) for key, text in connection.execute("SELECT api_key_id, masked FROM usage.api_key")
        }
    for app in company.history.world.apps.values():
        for key_id, secret, _ in app.keys:
            assert masked[key_id] == f"{secret.removeprefix('app-')[:4]}…{secret[-4:]}"


def test_what_dify_commits_between_passes_is_followed(
    build: Callable[..., tuple[Company, str]], mariadb: MariaDB
) -> None:
    """Answers that finish, runs that end, leaves that come late: each pass equals the truth of its moment."""
    start = datetime.now(UTC) - timedelta(hours=4)
    company, name = build(seed=11, days=1, until=start)
    moments = [start + timedelta(seconds=s) for s in (0, 19, 3600)] + [company.history.now]
    before = start
    for moment in moments:
        with mariadb.connect(name) as dify:
            write_steps_to_mysql(dify, company.history, before, moment, SHANGHAI)
        before = moment
        assert not company.run().source_errors
        with connected(company.warehouse_url) as connection:
            assert_events_equal(connection, company.history.truth(moment, KEY_RULES))


def test_what_dify_deletes_stays_counted(build: Callable[..., tuple[Company, str]], mariadb: MariaDB) -> None:
    company, name = build(seed=6)
    company.run()
    with mariadb.connect(name) as dify:
        read(dify, "DELETE FROM messages WHERE app_mode <> 'advanced-chat'")
        read(dify, "DELETE FROM workflow_runs")
        read(dify, "DELETE FROM workflow_node_executions")
    company.run()
    with connected(company.warehouse_url) as connection:
        assert_events_equal(connection, company.history.truth(company.history.now, KEY_RULES))


def test_times_in_whole_seconds_are_the_only_difference(build: Callable[..., tuple[Company, str]]) -> None:
    """Most of Dify's DATETIME columns on MySQL hold no fraction: a node's time is that of its second."""
    company, _ = build(seed=7, fractions=False)
    assert not company.run().source_errors
    truth = company.history.truth(company.history.now, KEY_RULES)
    assert any(unit.occurred_at.microsecond for unit in truth), "or this would show nothing"
    with connected(company.warehouse_url) as connection:
        assert_events_equal(connection, map(cut_to_second, truth))


def cut_to_second(unit: TrueUnit) -> TrueUnit:
    """As MariaDB stores it; MySQL rounds to the nearer second."""
    return replace(unit, occurred_at=unit.occurred_at.replace(microsecond=0))


def test_prices_of_thoughts_that_the_column_cannot_hold_are_unpriced(
    build: Callable[..., tuple[Company, str]], mariadb: MariaDB
) -> None:
    """Where Dify made the column without digits (DECIMAL(10,0)), what an agent's steps cost is lost at the source."""
    company, name = build(seed=8, days=3)
    with mariadb.connect(name) as dify:
        read(dify, "ALTER TABLE message_agent_thoughts MODIFY total_price DECIMAL(10,0)")
    company.run()
    truth = {unit.event_id: unit for unit in company.history.truth(company.history.now, KEY_RULES)}
    with connected(company.warehouse_url) as connection:
        found = events(connection)
    lost = [i for i, unit in truth.items() if unit.cost and found[i]["price_source"] != "dify"]
    assert lost, "or this would show nothing"
    for event_id in lost:
        assert truth[event_id].app_mode == "agent-chat"
        assert truth[event_id].status == "failed" or truth[event_id].status == "running"
    assert {i: row["total_tokens"] for i, row in found.items()} == {i: u.total_tokens for i, u in truth.items()}


def test_a_tools_own_model_call_is_counted(build: Callable[..., tuple[Company, str]], mariadb: MariaDB) -> None:
    company, name = build(seed=9, days=1)
    world = company.history.world
    tenant = next(iter(world.apps.values())).tenant_id
    email, account = next(iter(world.accounts.items()))
    moment = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=5)
    call = {
        "id": account, "user_id": account, "tenant_id": tenant, "provider": "langgenius/openai/openai",
        "tool_type": "builtin", "tool_name": "summary", "model_parameters": "{}", "prompt_messages": "a prompt",
        "model_response": "an answer", "prompt_tokens": 30, "answer_tokens": 10, "answer_unit_price": 0,
        "total_price": Decimal("0.0004"), "currency": "USD", "created_at": moment.replace(tzinfo=None),
    }  # fmt: skip
    with mariadb.connect(name) as dify:
        insert_rows(dify, {"tool_model_invokes": {account: call}}, SHANGHAI)
    company.run()
    with connected(company.warehouse_url) as connection:
        row = events(connection)[f"tool_call:{account}"]
    assert (row["total_tokens"], row["cost"], row["caller_id"]) == (40, Decimal("0.0004"), email)
    assert row["occurred_at"] == moment


# -- what cannot be read ---------------------------------------------------------------------------------------------


def leaves_with_figures(company: Company) -> list[TrueUnit]:
    """Leaves of the last day with tokens and a price of their own."""
    return [
        unit
        for unit in company.history.truth(company.history.now, KEY_RULES)
        if unit.node_type == "llm" and unit.status == "succeeded" and unit.cost and unit.input_tokens
        and unit.occurred_at > company.history.now - timedelta(days=1)
    ]  # fmt: skip


def problems(company: Company) -> list[tuple[object, ...]]:
    """What stands on the list of the unexplained."""
    with connected(company.warehouse_url) as connection:
        return connection.execute("SELECT kind, row_id FROM usage.source_problem ORDER BY 1, 2").fetchall()


def test_one_row_with_broken_json_costs_only_its_own_figures(
    build: Callable[..., tuple[Company, str]], mariadb: MariaDB
) -> None:
    company, name = build(seed=41)
    unit = leaves_with_figures(company)[0]
    node_id = unit.event_id.removeprefix("node:")
    with mariadb.connect(name) as dify:
        kept = read(dify, "SELECT process_data FROM workflow_node_executions WHERE id = %s", [node_id])[0][0]
        read(dify, "UPDATE workflow_node_executions SET process_data = LEFT(process_data, 60) WHERE id = %s", [node_id])
    assert not company.run().source_errors
    truth = {u.event_id: u for u in company.history.truth(company.history.now, KEY_RULES)}
    # The tokens and the price stand in execution_metadata; the split and the model were in what is broken.
    truth[unit.event_id] = replace(unit, input_tokens=0, output_tokens=0, provider=None, model=None)
    with connected(company.warehouse_url) as connection:
        assert_events_equal(connection, truth.values())
    assert problems(company) == [("unreadable_json", node_id)]
    with mariadb.connect(name) as dify:
        read(dify, "UPDATE workflow_node_executions SET process_data = %s WHERE id = %s", [kept, node_id])
    company.run()
    assert problems(company) == []
    with connected(company.warehouse_url) as connection:
        assert_events_equal(connection, company.history.truth(company.history.now, KEY_RULES))


def test_what_only_the_server_cannot_read_is_read_here(
    build: Callable[..., tuple[Company, str]], mariadb: MariaDB
) -> None:
    """MariaDB reads JSON no deeper than 32 levels and knows no NaN; PostgreSQL knows no zero character."""
    company, name = build(seed=42)
    ids = [unit.event_id.removeprefix("node:") for unit in leaves_with_figures(company)[:3]]
    odd = ('{"deep": %s, ' % ("[" * 40 + "]" * 40), '{"odd": NaN, ', '{"blank": "\\u0000", ')
    with mariadb.connect(name) as dify:
        for node_id, beginning in zip(ids, odd, strict=True):
            read(dify, "UPDATE workflow_node_executions SET process_data = CONCAT(%s, SUBSTRING(process_data, 2))"
                 " WHERE id = %s", [beginning, node_id])  # fmt: skip
        valid = read(dify, "SELECT SUM(JSON_VALID(process_data)) FROM workflow_node_executions WHERE id IN %s", [ids])
    assert valid[0][0] == 1, "or the server could read them after all"
    company.run()
    assert problems(company) == []
    with connected(company.warehouse_url) as connection:
        assert_events_equal(connection, company.history.truth(company.history.now, KEY_RULES))


def test_columns_that_a_dify_lacks_are_named_and_the_rest_is_counted(
    build: Callable[..., tuple[Company, str]], mariadb: MariaDB
) -> None:
    company, name = build(seed=43)
    with mariadb.connect(name) as dify:
        read(dify, "ALTER TABLE messages DROP COLUMN app_mode, DROP COLUMN total_price, DROP COLUMN invoke_from,"
             " DROP COLUMN status")  # fmt: skip
    assert not company.run().source_errors
    truth = company.history.truth(company.history.now, KEY_RULES)
    assert problems(company) == [
        ("missing_column", "messages.invoke_from"),
        ("missing_column", "messages.status"),
        ("missing_column", "messages.total_price"),
    ]
    with connected(company.warehouse_url) as connection:
        total = connection.execute(
            "SELECT sum(total_tokens), count(*) FROM usage.usage_event WHERE basis = 'logged'"
        ).fetchone()
    assert total == (sum(unit.total_tokens for unit in truth), len(truth))


def test_names_with_what_postgresql_cannot_store_do_not_stop_a_pass(
    build: Callable[..., tuple[Company, str]], mariadb: MariaDB
) -> None:
    company, name = build(seed=44, days=1)
    with mariadb.connect(name) as dify:
        read(dify, "UPDATE apps SET name = CONCAT('a\\tname\\\\ with ', CHAR(0), '\\n🙂', name)")
        read(dify, "UPDATE workflow_node_executions SET title = CONCAT('🙂', CHAR(0), title)")
    assert not company.run().source_errors
    with connected(company.warehouse_url) as connection:
        names = [str(row[0]) for row in connection.execute("SELECT name FROM usage.project WHERE mode <> 'tools'")]
        assert names
        assert all(text.startswith("a\tname\\ with \n🙂") for text in names)
