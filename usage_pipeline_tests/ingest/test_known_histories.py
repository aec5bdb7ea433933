"""Histories that were once counted wrong, by hand: each is played like a random one, at the moments that matter."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from usage_pipeline.fake_dify.habits import Habits
from usage_pipeline_tests.ingest.test_random_histories import check
from usage_pipeline_tests.support.histories.features import features
from usage_pipeline_tests.support.histories.plans import MOMENTS, VERSIONS, CallPlan, Operation, PassPlan, Plan
from usage_pipeline_tests.support.histories.small_world import APPS
from usage_pipeline_tests.support.histories.stand import Stand

NOW = timedelta(0)
SEED = 20_26


@pytest.fixture(scope="module")
def stand(module_database: Callable[[], str], module_warehouse: Callable[[], str]) -> Iterator[Stand]:
    """The two databases of all histories here."""
    stand = Stand(module_database, module_warehouse)
    yield stand
    stand.close()


def history(*calls: CallPlan, operations: tuple[Operation, ...] = (), passes: tuple[PassPlan, ...] = ()) -> Plan:
    """A plan of a company in Berlin whose apps have no keys."""
    return Plan(MOMENTS[0], ("Europe/Berlin",), (), calls, operations, passes)


def call(app: str, ending: str = "done", *, version: str = "1.12.1", source: str = "api", **more: object) -> CallPlan:
    """One call of an app, written by a version of Dify."""
    return CallPlan(app, source, NOW, ending, SEED, version=version, habits=VERSIONS[version], **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("app", ["flow", "flow-local", "deep", "looped-call", "ask", "ask-deep"])
def test_what_dify_1_9_2_adds_twice_to_a_runs_total_is_no_residual(stand: Stand, app: str) -> None:
    check(stand, history(call(app, version="1.9.2")))
    assert not [event for event in stand.events() if event.startswith("residual:")]
    open_rows = stand.warehouse.execute("SELECT reason FROM usage.open_row").fetchall()
    assert open_rows == []


def test_a_leaf_that_comes_late_in_an_iteration_of_one_round_is_a_residual_until_it_comes(stand: Stand) -> None:
    """What is missing equals what the iteration repeats, as if the run's total were doubled."""
    at_the_end = PassPlan(step=-2, after=timedelta(0))
    check(stand, history(call("flow", "late_leaf"), passes=(at_the_end,)))


def test_a_failed_leaf_in_an_iteration_of_one_round_is_a_residual_for_good(stand: Stand) -> None:
    """Its row says nothing of what it used; the run's total and the iteration do, each once."""
    silent = replace(VERSIONS["1.12.1"], usage_in="nowhere")
    check(stand, history(replace(call("ask-deep", "branch"), habits=silent)))
    assert [event for event in stand.events() if event.startswith("residual:")]


def test_a_run_that_waited_longer_than_open_rows_are_kept_is_read_to_its_end(stand: Stand) -> None:
    """Passes look at every moment of it, also while it goes on after ten days."""
    waiting = call("flow", "paused", waits=timedelta(days=10))
    check(stand, history(waiting, passes=tuple(PassPlan(step, NOW) for step in range(12))))


def test_a_run_first_read_in_the_moment_after_a_long_wait_is_read_to_its_end(stand: Stand) -> None:
    """Nothing of it tells yet that it goes on: it has no node since."""
    just_resumed = PassPlan(-4, timedelta(seconds=1))
    check(stand, history(call("inner", "paused", waits=timedelta(days=10)), passes=(just_resumed,)))


def test_who_called_a_workflow_stays_known_when_the_calling_app_is_deleted(stand: Stand) -> None:
    deleted = Operation("delete_app", timedelta(minutes=2), list(APPS).index("ask-deep"))
    check(stand, history(call("ask-deep"), operations=(deleted,), passes=(PassPlan(-1, NOW),)))
    kinds = {row["caller_kind"] for row in stand.rows("usage_event") if row["app_mode"] == "workflow"}
    assert kinds == {"nested"}


def test_a_leaf_that_is_read_before_its_run_is_read_again_takes_its_residual_along(stand: Stand) -> None:
    """A loop tried in the console for longer than passes look back; its last call is committed after its end."""
    slow = replace(call("flow-local", "late_leaf", source="single-loop"), habits=Habits(pace=600.0), seed=55)
    before = PassPlan(-1, timedelta(seconds=-10))
    after = PassPlan(-1, timedelta(seconds=1), sweep=False)
    check(stand, history(slow, passes=(before, after)))


def test_a_retry_after_midnight_takes_its_call_out_of_the_day_before(stand: Stand) -> None:
    """The row moves to its last attempt; passes look, and daily tables are made, at every moment of it."""
    over_midnight = replace(call("flow", "retry"), habits=Habits(pace=30.0), seed=2, at_midnight=True)
    plan = history(over_midnight, passes=tuple(PassPlan(step, NOW) for step in range(14)))
    assert "moved to another day" in features(plan)
    check(stand, plan)


def test_tokens_without_their_split_are_not_priced_by_a_rule_of_two_prices(stand: Stand) -> None:
    figures_only = replace(VERSIONS["1.12.1"], usage_in="nowhere", price="empty")
    check(stand, history(replace(call("flow-local"), habits=figures_only)))
    prices = {(row["model"], row["price_source"], row["cost"]) for row in stand.rows("usage_event")}
    assert ("qwen3-32b-local", "unpriced", None) in prices


def test_a_key_that_is_made_while_a_run_goes_on_is_not_the_one_that_called(stand: Stand) -> None:
    """Whose call it was is told by the keys that there were when the run began."""
    slow = replace(call("ask"), habits=Habits(pace=60.0))
    app = list(APPS).index("ask")
    keys = ((app, timedelta(hours=-1)), (app, timedelta(seconds=90)))
    check(stand, replace(history(slow), keys=keys))
    called = [row for row in stand.rows("usage_event") if row["basis"] == "logged"]
    assert max(row["occurred_at"] for row in called) > MOMENTS[0] + timedelta(seconds=90)
    assert {row["key_attribution"] for row in called} == {"sole"}


@pytest.mark.parametrize("version", ["0.15.8", "1.12.1"])
def test_what_was_counted_stays_when_a_late_note_empties_its_row(stand: Stand, version: str) -> None:
    """The note of a node's start may be applied after the note of its end: tokens, price and model are not lost."""
    before, after = PassPlan(step=-2, after=timedelta(0)), PassPlan(step=-1, after=timedelta(0))
    check(stand, history(call("ask-deep", "overwritten", version=version), passes=(before, after)))
    (emptied,) = stand.dify.execute("SELECT id::text FROM workflow_node_executions WHERE status = 'running'").fetchall()
    (row,) = [row for row in stand.rows("usage_event") if row["event_id"] == f"node:{emptied[0]}"]
    assert (row["status"], row["model"], row["price_source"]) == ("succeeded", "qwen-max", "dify")
    assert row["total_tokens"]
    assert not [event for event in stand.events() if event.startswith("residual:")]


def test_a_row_that_was_emptied_before_any_pass_saw_it_leaves_its_tokens_to_the_run(stand: Stand) -> None:
    check(stand, history(call("ask-deep", "overwritten"), passes=(PassPlan(step=-1, after=timedelta(0)),)))
    assert [event for event in stand.events() if event.startswith("residual:")]


def test_what_a_run_said_at_its_end_stays_when_a_late_note_reopens_it(stand: Stand) -> None:
    silent = replace(VERSIONS["1.12.1"], usage_in="nowhere")
    before, after = PassPlan(step=-2, after=timedelta(0)), PassPlan(step=-1, after=timedelta(0))
    check(stand, history(replace(call("flow", "run_overwritten"), habits=silent), passes=(before, after)))
    assert stand.warehouse.execute("SELECT DISTINCT status FROM usage.run_ledger").fetchall() == [("succeeded",)]


def test_nodes_that_are_deleted_before_their_run_are_no_residual(stand: Stand) -> None:
    """Dify's retention deletes in batches: for a while a run says a total of which no node is left."""
    deleted = Operation("retention_in_batches", timedelta(hours=1), 0)
    seen, between = PassPlan(-1, NOW), PassPlan(-1, timedelta(hours=1))
    plan = history(replace(call("flow"), habits=Habits(pace=0.1)), operations=(deleted,), passes=(seen, between))
    check(stand, plan)
    assert not [event for event in stand.events() if event.startswith("residual:")]


def test_a_visitor_whose_app_is_deleted_while_it_calls_on_has_no_name_any_more(stand: Stand) -> None:
    """Visitors go with their app; what it called as a tool is counted all the same."""
    deleted = Operation("delete_app", NOW, list(APPS).index("deep"))
    check(stand, history(call("deep", source="web", version="0.15.8"), operations=(deleted,)))
    called = {(row["caller_kind"], row["caller_id"]) for row in stand.rows("usage_event")}
    assert called == {("web_app", None)}


def test_a_key_that_is_made_while_a_run_waits_did_not_call_though_the_run_says_a_later_begin(stand: Stand) -> None:
    """Up to 1.13.0 a resumed run says that it was created then; what was read before is known."""
    waiting = call("flow", "paused", version="1.13.0", waits=timedelta(days=3))
    app = list(APPS).index("flow")
    keys = ((app, timedelta(hours=-1)), (app, timedelta(days=1)))
    plan = replace(history(waiting, passes=tuple(PassPlan(step, NOW) for step in range(8))), keys=keys)
    check(stand, plan)
    assert {row["key_attribution"] for row in stand.rows("usage_event") if row["basis"] == "logged"} == {"sole"}


def test_a_key_may_have_called_a_second_before_the_time_at_which_it_was_made(stand: Stand) -> None:
    """That time is rounded; who called earlier is not known."""
    app = list(APPS).index("flow")
    calls = [replace(call("flow"), at=timedelta(seconds=seconds), seed=0) for seconds in (8, 9)]
    check(stand, replace(history(*calls), keys=((app, timedelta(seconds=10)),)))
    begun = dict(stand.warehouse.execute("SELECT run_id, created_at FROM usage.run_ledger").fetchall())
    told = {(begun[row["run_id"]] - MOMENTS[0]).seconds: row["key_attribution"]
            for row in stand.rows("usage_event") if row["basis"] == "logged"}  # fmt: skip
    assert told == {8: "shared", 9: "sole"}


def test_a_consoles_step_that_never_ended_ends_by_silence_once(stand: Stand) -> None:
    """Its nodes are read with their run and without it, each time."""
    step = call("flow", "never", source="single-loop")
    early = PassPlan(step=-1, after=timedelta(0), sweep=False, roll_up=False)
    check(stand, history(call("ask", version="0.15.8"), call("words"), step, passes=(early,)))
