"""Whatever happens in a Dify and whenever passes look at it, cut off or not, the ledger ends at what was truly used."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

import hypothesis
import pytest
from hypothesis import given

from usage_pipeline.fake_dify.scripts import CallScript
from usage_pipeline.fake_dify.write import world_rows
from usage_pipeline_tests.support.histories.dify_in_time import DifyInTime
from usage_pipeline_tests.support.histories.operations import prepare_operations
from usage_pipeline_tests.support.histories.oracle import Oracle
from usage_pipeline_tests.support.histories.plans import PassPlan, Plan, plans
from usage_pipeline_tests.support.histories.small_world import build_small_world, play_calls
from usage_pipeline_tests.support.histories.stand import Stand

_MEASURES = ("calls", "failed_calls", "input_tokens", "output_tokens", "total_tokens", "cost", "base_cost")
_EVENT_COLUMNS = {
    "daily_usage": ("tenant_id", "environment", "app_id", "api_key_id", "key_attribution", "caller_kind", "caller_id",
                    "provider", "model", "currency"),
    "daily_project_usage": ("tenant_id", "environment", "app_id", "currency"),
    "daily_key_usage": ("tenant_id", "app_id", "api_key_id", "key_attribution", "currency"),
    "daily_user_usage": ("tenant_id", "caller_kind", "caller_id", "currency"),
    "daily_model_usage": ("tenant_id", "provider", "model", "currency"),
    "daily_node_usage": ("tenant_id", "app_id", "node_id", "node_type", "provider", "model", "currency"),
}  # fmt: skip
_SETTLED = timedelta(hours=1)


@pytest.fixture
def stand(new_database: Callable[[], str], new_warehouse: Callable[[], str]) -> Iterator[Stand]:
    """The two databases of all examples."""
    stand = Stand(new_database, new_warehouse)
    yield stand
    stand.close()


@pytest.mark.timeout(4 * 3600)
@given(plan=plans())
@hypothesis.settings(
    suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture, hypothesis.HealthCheck.too_slow]
)
def test_every_history_ends_at_its_truth(stand: Stand, plan: Plan) -> None:
    check(stand, plan)


def check(stand: Stand, plan: Plan) -> None:
    """Plays a plan; fails where the ledger or a daily table says what is not so."""
    stand.empty()
    world = build_small_world(plan)
    calls = play_calls(world, plan)
    dify = DifyInTime(stand.dify, calls)
    dify.begin(world_rows(world))
    done = prepare_operations(plan, world, calls, dify)
    oracle = Oracle(world, calls, done)
    steps = sorted(step.at for call in calls for step in call.steps)
    moments = sorted(((_moment(calls, one), one) for one in plan.passes), key=lambda entry: entry[0])
    for moment, one in moments:
        dify.show(moment)
        result = stand.read(
            moment, sweep=one.sweep, dies_at=one.dies_at, source_dies_at=one.source_dies_at,
            rows_a_window=one.rows_a_window, rolls_up=one.roll_up,
        )  # fmt: skip
        oracle.saw(moment, everything=one.sweep and result is not None)
        verify(stand, oracle, rolled_up=one.roll_up and result is not None)
    last = max([steps[-1], *(plan.moment + operation.at for operation in plan.operations),
                *(moment for moment, _ in moments)]) + _SETTLED  # fmt: skip
    dify.show(last)
    assert stand.read(last, sweep=True)
    oracle.saw(last, everything=True)
    verify(stand, oracle, rolled_up=True)
    again = stand.read(last, sweep=True)
    assert again
    assert again.events_changed == 0, "a second pass over the same rows changes nothing"
    names = {str(row["app_id"]): row["name"] for row in stand.rows("project")}
    for app_id, history in done.names.items():
        if app_id not in done.closed_at:
            assert names[app_id] == history[-1][1]


def _moment(calls: Sequence[CallScript], one: PassPlan) -> datetime:
    steps = sorted(step.at for step in calls[one.call % len(calls)].steps)
    return steps[one.step % len(steps)] + one.after


def verify(stand: Stand, oracle: Oracle, *, rolled_up: bool) -> None:
    """The ledger says what was used, and the daily tables what the ledger says."""
    events = stand.events()
    wrong = oracle.wrong(events)
    assert not wrong, "\n".join(wrong)
    if rolled_up:
        for table, columns in _EVENT_COLUMNS.items():
            # Estimates have rows of their own, which hold nothing that was logged.
            wanted = _sums((event for event in events.values() if event["basis"] == "logged"), columns)
            assert _logged(_sums(stand.rows(table), columns)) == _logged(wanted), table


def _logged(sums: Mapping[tuple[object, ...], list[object]]) -> dict[tuple[object, ...], list[object]]:
    return {key: values for key, values in sums.items() if any(values)}


def _sums(rows: Iterable[Mapping[str, object]], columns: tuple[str, ...]) -> dict[tuple[object, ...], list[object]]:
    sums: dict[tuple[object, ...], list[object]] = defaultdict(lambda: [0] * len(_MEASURES))
    for row in rows:
        found = sums[(row["usage_date"], *(row[name] for name in columns))]
        values = [row[name] for name in _MEASURES] if "calls" in row else _measures(row)
        found[:] = [total + (value or 0) for total, value in zip(found, values, strict=True)]  # type: ignore[operator]
    return dict(sums)


def _measures(event: Mapping[str, object]) -> list[object]:
    is_call = not str(event["event_id"]).startswith("residual:")
    return [int(is_call), int(is_call and event["status"] == "failed"), *(event[name] for name in _MEASURES[2:])]
