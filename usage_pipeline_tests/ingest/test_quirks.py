"""What versions of Dify get wrong is recognised by the data; each run still counts its leaves, once."""

import random
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

import pytest

from usage_pipeline.fake_dify.callers import Caller, caller_for
from usage_pipeline.fake_dify.calls_basic import basic_call
from usage_pipeline.fake_dify.calls_workflow import RUN_ENDINGS, workflow_call
from usage_pipeline.fake_dify.habits import Habits
from usage_pipeline.fake_dify.history import History
from usage_pipeline.fake_dify.schema import create_dify_schema
from usage_pipeline.fake_dify.scripts import CallScript
from usage_pipeline.fake_dify.world import FakeApp, Node, World, build_world, new_id
from usage_pipeline.fake_dify.write import write_history
from usage_pipeline.warehouse.connection import Connection, connected
from usage_pipeline_tests.support.company import KEY_RULES, Company, assert_events_equal

WITH_CONTAINERS = ("campaign-flow", "triage-flow", "seo-chatflow")
NOW = datetime.now(UTC)


def new_world(rng: random.Random) -> World:
    """The demo's Dify, forty days old."""
    return build_world(rng, NOW - timedelta(days=40), lambda number: NOW - timedelta(days=40 - number))


def company_of(
    new_database: Callable[[], str], warehouse_url: str, world: World, calls: Iterable[CallScript]
) -> Company:
    """A company whose Dify holds exactly these calls."""
    history = History(world, list(calls), NOW)
    url = new_database()
    with connected(url) as connection:
        create_dify_schema(connection)
        write_history(connection, history, NOW)
    return Company(url, warehouse_url, history)


def assert_counted(company: Company) -> None:
    """A pass counts the truth, and a second one changes nothing."""
    summary = company.run()
    assert not summary.source_errors
    assert not summary.differences
    with connected(company.warehouse_url) as connection:
        assert_events_equal(connection, company.history.truth(NOW, KEY_RULES))
    assert sum(result.events_changed for result in company.run().ingested) == 0


@pytest.mark.parametrize("habits", [Habits(run_total="zero"), Habits(run_total="doubled")], ids=["zeros", "doubled"])
def test_totals_that_a_version_gets_wrong_make_no_events(
    habits: Habits, new_database: Callable[[], str], warehouse_url: str
) -> None:
    rng = random.Random(101)
    world = new_world(rng)
    endings = ["done", "stopped", "late_leaf"] + (["retry", "failed", "branch"] if habits.run_total == "zero" else [])
    calls = []
    for number, (name, ending) in enumerate((n, e) for n in WITH_CONTAINERS for e in endings):
        app = world.apps[name]
        moment = NOW - timedelta(hours=2, minutes=number)
        calls.append(
            workflow_call(world, rng, app, caller_for(world, rng, app, "api"), moment, ending=ending, habits=habits)
        )
    company = company_of(new_database, warehouse_url, world, calls)
    assert_counted(company)
    with connected(warehouse_url) as connection:
        above = connection.execute(
            "SELECT count(*) FROM usage.run_ledger WHERE total_tokens > leaf_tokens + nested_tokens"
        ).fetchone()
        assert above
        assert (int(str(above[0])) > 3) is (habits.run_total == "doubled"), "no container is doubled"


def test_what_equals_a_container_is_a_residual_while_its_leaves_are_missing(
    new_database: Callable[[], str], warehouse_url: str
) -> None:
    """A log store may bring the container's row before those it repeats: its tokens must not be lost meanwhile."""
    rng = random.Random(102)
    world = new_world(rng)
    app = world.apps["campaign-flow"]
    # All leaves within one iteration: what is missing is exactly what the container says.
    app.nodes = app.nodes[1:]
    call = workflow_call(world, rng, app, caller_for(world, rng, app, "api"), NOW - timedelta(hours=1))
    company = company_of(new_database, warehouse_url, world, [call])
    total = sum(unit.total_tokens for unit in company.history.truth(NOW))
    with connected(company.dify_url) as dify:
        dify.execute("CREATE TABLE held AS SELECT * FROM workflow_node_executions WHERE node_type = 'llm'")
        dify.execute("DELETE FROM workflow_node_executions WHERE node_type = 'llm'")
        company.run()
        with connected(warehouse_url) as connection:
            assert tokens(connection) == total
        dify.execute("INSERT INTO workflow_node_executions SELECT * FROM held")
        dify.execute("DROP TABLE held")
    assert_counted(company)


def tokens(connection: Connection) -> int:
    """What stands in the ledger."""
    row = connection.execute("SELECT coalesce(sum(total_tokens), 0) FROM usage.usage_event").fetchone()
    assert row
    return int(str(row[0]))


@pytest.mark.parametrize("ending", [ending for ending in RUN_ENDINGS if ending != "lost_run"])
def test_pipelines_of_knowledge_bases_are_counted_at_their_pipeline(
    ending: str, new_database: Callable[[], str], warehouse_url: str
) -> None:
    rng = random.Random(103)
    world = new_world(rng)
    tenant_id = world.tenants["Support"][0]
    nodes = (Node("source", "datasource", "Files"), Node("clean", "llm", "Clean", "deepseek-chat"),
             Node("each", "iteration", "Each part", None, (Node("sum", "llm", "Summary", "qwen-plus"),), 2),
             Node("index", "knowledge-index", "Index"))  # fmt: skip
    pipeline = FakeApp(new_id(rng), tenant_id, "handbook", "rag-pipeline", "deepseek-chat", nodes=nodes,
                   workflow_id=new_id(rng), draft_id=new_id(rng))  # fmt: skip
    world.apps["handbook"] = pipeline
    email, account = next(iter(world.accounts.items()))
    caller = Caller("indexing", email, "published", triggered_from="rag-pipeline-run", account_id=account)
    tried = Caller("debug", email, "debugger", triggered_from="rag-pipeline-debugging", account_id=account)
    calls = [
        workflow_call(world, rng, pipeline, who, NOW - timedelta(hours=hours), ending=ending)
        for hours, who in ((1, caller), (2, tried))
    ]
    company = company_of(new_database, warehouse_url, world, calls)
    assert_counted(company)
    with connected(warehouse_url) as connection:
        rows = connection.execute(
            "SELECT DISTINCT p.name, p.mode, e.app_mode FROM usage.usage_event e JOIN usage.project p USING (app_id)"
        ).fetchall()
    assert rows == [("handbook", "rag-pipeline", "rag-pipeline")]


def test_a_chatflows_message_is_no_call_of_its_own_though_its_app_is_gone(
    new_database: Callable[[], str], warehouse_url: str
) -> None:
    """Old messages do not say what kind of app they were for; that they name a run says enough."""
    rng = random.Random(103)
    world = new_world(rng)
    app = world.apps["seo-chatflow"]
    call = workflow_call(world, rng, app, caller_for(world, rng, app, "api"), NOW - timedelta(hours=2))
    company = company_of(new_database, warehouse_url, world, [call])
    with connected(company.dify_url) as dify:
        dify.execute("UPDATE messages SET app_mode = NULL")
        dify.execute("DELETE FROM conversations")
        dify.execute("DELETE FROM apps WHERE id = %s", [app.app_id])
    assert not company.run().source_errors
    wanted = {unit.event_id: unit.total_tokens for unit in company.history.truth(NOW)}
    with connected(warehouse_url) as connection:
        found = dict(connection.execute("SELECT event_id, total_tokens FROM usage.usage_event").fetchall())  # type: ignore[arg-type]
    assert found == wanted


def test_an_agents_message_counts_where_a_step_of_it_was_not_written_down(
    new_database: Callable[[], str], warehouse_url: str
) -> None:
    """Message and steps are two accounts of one call: the larger is the whole one, whichever it is."""
    rng = random.Random(104)
    world = new_world(rng)
    app = world.apps["lead-enricher"]
    calls = [
        basic_call(world, rng, app, caller_for(world, rng, app, "api"), NOW - timedelta(hours=2), tokens=(900, 300))
        for _ in range(3)
    ]
    company = company_of(new_database, warehouse_url, world, calls)
    with connected(company.dify_url) as dify:
        emptied = dify.execute(
            "UPDATE message_agent_thoughts SET tokens = 0, message_token = 0, answer_token = 0, total_price = 0"
            " WHERE position = 1"
        ).rowcount
    assert emptied == len(calls)
    assert_counted(company)
