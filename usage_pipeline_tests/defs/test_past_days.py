"""The form by which people make past days again or ask what would have alerted: one run, told day by day, a summary."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import dagster as dg
import pytest

from usage_pipeline.defs.backfill import PastDays, asked_days
from usage_pipeline.defs.resources import Warehouse
from usage_pipeline.inputs import InputError
from usage_pipeline.settings import parse_settings
from usage_pipeline.usage.roll_up import roll_up
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline_tests.support.plain_budgets import Event, World, write_events, write_world

WORLD = World(("UTC",), ("sales-bot",))
CONFIG = """version: 1
currency: CNY
approvals: {approvers: [ann]}
tiers: [{at: 100, level: emergency, notify: [ops]}]
recipients: {ops: {channel: wecom, secret_env: OPS}}
budgets: [{id: bots, name: Bots, per: project, period: day, limit: {cost: 2.5}}]
"""
TODAY = parse_settings(CONFIG, "c.yaml").today()
DAYS = [TODAY - timedelta(days=number) for number in range(7, 0, -1)]
Launch = Callable[..., dg.ExecuteInProcessResult]


@pytest.fixture
def launch(
    warehouse: Connection, warehouse_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Launch]:
    """Launches the form's job over a week in which one day was dear."""
    (tmp_path / "c.yaml").write_text(CONFIG, encoding="utf-8")
    monkeypatch.setenv("WAREHOUSE_URL", warehouse_url)
    monkeypatch.setenv("USAGE_PIPELINE_HOME", str(tmp_path))
    monkeypatch.setenv("USAGE_PIPELINE_CONFIG", str(tmp_path / "c.yaml"))
    from usage_pipeline.defs.backfill import make_days_again  # noqa: PLC0415

    write_world(warehouse, WORLD)
    write_events(warehouse, WORLD, [
        Event(number=number, tenant=0, project=0, key=None, caller=None, model=None, node=None,
              occurred_at=datetime(day.year, day.month, day.day, 9, tzinfo=UTC), input_tokens=100, output_tokens=0,
              cost=Decimal("3.125") if number == 2 else Decimal("0.1"))
        for number, day in enumerate(DAYS)])  # fmt: skip
    roll_up(warehouse, DAYS)
    with dg.DagsterInstance.ephemeral() as instance:
        yield lambda **form: make_days_again.execute_in_process(
            run_config=form, instance=instance, resources={"warehouse": Warehouse()}, raise_on_error=False
        )


def summary(result: dg.ExecuteInProcessResult) -> dict[str, object]:
    """What the run says at its end, with its tables as lists of rows."""
    assert result.success
    (observed,) = [e for e in result.all_events if e.event_type is dg.DagsterEventType.ASSET_OBSERVATION]
    metadata = observed.asset_observation_data.asset_observation.metadata
    return {
        name: [record.data for record in value.records] if isinstance(value, dg.TableMetadataValue) else value.value
        for name, value in metadata.items()
    }


def test_left_as_it_is_the_form_asks_what_the_last_seven_days_would_have_alerted(
    launch: Launch, warehouse: Connection
) -> None:
    result = launch()
    found = summary(result)
    assert (found["first_day"], found["last_day"], found["days"]) == (str(DAYS[0]), str(DAYS[-1]), 7)
    assert (found["alerts_it_would_have_raised"], found["made_again"], found["sent"]) == (1, False, "nothing")
    (row,) = found["would_have_alerted"]  # type: ignore[misc]
    named = {name: row[name] for name in ("day", "budget", "of", "tier %", "level", "spent", "limit", "limit then")}  # type: ignore[index]
    assert named == {"day": str(DAYS[2]), "budget": "Bots", "of": "sales-bot", "tier %": "100", "level": "emergency",
                     "spent": "3.12 CNY", "limit": "2.50 CNY", "limit then": ""}  # fmt: skip
    assert not [e for e in result.all_events if e.event_type is dg.DagsterEventType.ASSET_MATERIALIZATION]
    assert warehouse.execute("SELECT count(*) FROM usage.budget_status").fetchone() == (0,), "only asked"


def test_made_again_each_day_is_told_and_its_partitions_are_materialized(
    launch: Launch, warehouse: Connection, capfd: pytest.CaptureFixture[str]
) -> None:
    warehouse.execute("UPDATE usage.daily_usage SET total_tokens = 1")
    result = launch(first_day=str(DAYS[1]), last_day=str(DAYS[3]), what_if=False)
    found = summary(result)
    assert (found["days"], found["made_again"], found["differences_to_events"]) == (3, True, 0)
    told = capfd.readouterr().err
    assert f"{DAYS[1]} to {DAYS[3]}: 0 events booked otherwise" in told
    assert [f"{day} ({number} of 3): evaluated" in told
            for number, day in enumerate(DAYS[1:4], start=1)] == [True] * 3  # fmt: skip
    made = {(e.asset_key.to_user_string(), e.partition) for e in result.all_events
            if e.event_type is dg.DagsterEventType.ASSET_MATERIALIZATION and e.asset_key}  # fmt: skip
    assert {("budget_status", str(day)) for day in DAYS[1:4]} < made
    assert ("daily_node_usage", str(DAYS[3])) in made
    assert len(made) == 3 * 7
    tokens = dict(warehouse.execute("SELECT usage_date, total_tokens FROM usage.daily_usage").fetchall())
    assert tokens == {day: 100 if day in DAYS[1:4] else 1 for day in DAYS}
    assert warehouse.execute("SELECT count(*) FROM usage.alert").fetchone() == (0,)


@pytest.mark.parametrize(
    ("form", "why"),
    [
        ({"first_day": "soon"}, "first_day"),
        ({"first_day": "2026-03-05", "last_day": "2026-03-01"}, "2026-03-0"),
        ({"first_day": "0001-01-01"}, "first_day '0001-01-01' is out of reach"),
    ],
)
def test_days_that_cannot_be_are_refused_in_words(form: dict[str, str], why: str) -> None:
    with pytest.raises(InputError, match=why):
        asked_days(PastDays(**form), date(2026, 3, 4))
    assert [str(day) for day in asked_days(PastDays(), date(2026, 3, 4))][::6] == ["2026-02-25", "2026-03-03"]


def test_every_field_of_every_form_has_its_description_and_no_form_names_an_op() -> None:
    from usage_pipeline.defs import alerts, backfill, enforcement, overrides  # noqa: PLC0415

    jobs = (backfill.make_days_again, overrides.request_override, overrides.decide_override,
            enforcement.decide_action, enforcement.release_action, alerts.acknowledge_alert)  # fmt: skip
    for job in jobs:
        assert job.config_mapping is not None, job.name
        fields = job.config_mapping.config_schema.config_type.fields  # type: ignore[union-attr]
        assert fields
        assert "ops" not in fields
        assert all(field.description for field in fields.values()), job.name
