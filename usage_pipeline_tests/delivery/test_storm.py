"""A storm: grouping, the turns of robots, inhibition, and emergencies first, against robots that count strictly."""

import threading
from datetime import UTC, datetime, timedelta

import pytest

from usage_pipeline.alerts.message import Message
from usage_pipeline.alerts.outbox import raise_alert
from usage_pipeline.delivery import worker as outbox
from usage_pipeline.delivery.worker import LEASE, deliver_due
from usage_pipeline.http.outcome import Outcome
from usage_pipeline.settings import Recipient, Settings, parse_settings
from usage_pipeline.warehouse.connection import Connection, connect
from usage_pipeline_tests.delivery.test_outbox import FACTS, Clock
from usage_pipeline_tests.support.alerts import alert_of
from usage_pipeline_tests.support.strict_robots import strict_robots

ALERTS, RECIPIENTS = 3_000, 40
START = datetime(2026, 11, 24, tzinfo=UTC)
LEVELS = {"80": "warning", "95": "critical", "100": "emergency"}


def company(channel: str = "dingtalk", people: int = RECIPIENTS) -> Settings:
    """So many recipients, each with a robot of its own."""
    lines = [f"  r{n}: {{channel: {channel}, secret_env: ROBOT_{n}, allow_private: true}}" for n in range(people)]
    return parse_settings("version: 1\nrecipients:\n" + "\n".join(lines) + "\n", "c.yaml")


def tell(
    connection: Connection,
    recipient: str,
    budget: str,
    tier: str = "80",
    channel: str = "dingtalk",
    kind: str = "budget",
) -> str:
    """An alert of a tier to one recipient."""
    level = LEVELS[tier]
    facts = {
        **FACTS,
        "budget_id": budget,
        "budget_name": budget,
        "level": level,
        "tier": tier,
        "recipients": [recipient],
    }
    alert = alert_of(kind, budget, START, START + timedelta(days=1), tier, level, facts)
    with connection.transaction():
        assert raise_alert(connection, alert, [(recipient, channel)])
    return alert.alert_id


def states(connection: Connection) -> dict[object, object]:
    """How many deliveries stand in which state."""
    return dict(connection.execute("SELECT state, count(*) FROM usage.delivery GROUP BY state").fetchall())


def test_3000_alerts_at_once_reach_40_people_in_few_messages_and_no_robot_is_overrun(
    warehouse: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, clock = company(), Clock()
    with warehouse.transaction():
        for n in range(ALERTS):
            tell(warehouse, f"r{n % RECIPIENTS}", f"b{n}", "100" if n % 11 == 0 else "95" if n % 3 else "80")
    clock.move(60)
    with strict_robots(clock) as robots:
        for n in range(RECIPIENTS):
            monkeypatch.setenv(f"ROBOT_{n}", f"{robots.base}/robot/send?access_token=t{n}")
        for _ in range(20):
            deliver_due(warehouse, settings, by="storm", clock=clock)
            clock.move(15)
    assert states(warehouse) == {"delivered": ALERTS}, "none is lost"
    assert robots.overrun == 0
    assert len(robots.heard) < ALERTS / 10
    order = [
        str(level) == "emergency"
        for (level,) in warehouse.execute(
            "SELECT a.level FROM usage.alert_delivery t JOIN usage.alert a USING (alert_id)"
            " JOIN usage.alert_event e ON e.delivery_id = t.delivery_id AND e.what = 'sending' ORDER BY e.event_id"
        )
    ]
    assert order == sorted(order, reverse=True), "emergencies go first"
    repeated = warehouse.execute("SELECT count(*) FROM usage.alert_delivery WHERE attempt > 1").fetchone()
    assert repeated == (0,)


def test_workers_at_once_share_the_turns_of_a_robot_that_cannot_be_grouped_away(
    warehouse_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tests are never grouped: sixty to one robot need sixty turns, which two workers take from one account."""
    settings, clock = company("wecom", 1), Clock()
    connections = [connect(warehouse_url), connect(warehouse_url)]
    for n in range(60):
        tell(connections[0], "r0", f"b{n}", "100", "wecom", kind="test")
    with strict_robots(clock) as robots:
        monkeypatch.setenv("ROBOT_0", f"{robots.base}/send?key=k0")
        for _ in range(8):
            workers = [
                threading.Thread(target=deliver_due, args=(each, settings), kwargs={"by": f"w{n}", "clock": clock})
                for n, each in enumerate(connections)
            ]
            for worker in workers:
                worker.start()
            for worker in workers:
                worker.join()
            clock.move(31)
    assert robots.overrun == 0
    assert len(robots.heard) == 60
    assert states(connections[0]) == {"delivered": 60}
    for each in connections:
        each.close()


def test_a_flood_of_warnings_leaves_turns_for_the_emergency_that_comes_in_the_same_minute(
    warehouse: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, clock = company("wecom", 1), Clock()
    for n in range(30):
        tell(warehouse, "r0", f"b{n}", "80", "wecom", kind="test")
    clock.move(60)
    with strict_robots(clock) as robots:
        monkeypatch.setenv("ROBOT_0", f"{robots.base}/send?key=k0")
        deliver_due(warehouse, settings, by="t", clock=clock)
        assert len(robots.heard) == 16
        tell(warehouse, "r0", "now", "100", "wecom")
        warehouse.execute(
            "UPDATE usage.delivery SET next_attempt_at = %s WHERE alert_id IN"
            " (SELECT alert_id FROM usage.alert WHERE level = 'emergency')",
            [clock()],
        )
        deliver_due(warehouse, settings, by="t", clock=clock)
        assert "now" in robots.heard[-1].text
        assert len(robots.heard) == 17
    assert robots.overrun == 0


def test_a_robot_that_mutes_us_is_left_alone_until_that_is_over(
    warehouse: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, clock = company(people=1), Clock()
    with strict_robots(clock) as robots:
        monkeypatch.setenv("ROBOT_0", f"{robots.base}/robot/send?access_token=t0")
        robots.muted["/robot/send?access_token=t0"] = clock() + timedelta(minutes=10)  # somebody else has overrun it
        tell(warehouse, "r0", "first", "80")
        deliver_due(warehouse, settings, by="t", clock=clock)
        assert robots.overrun == 1
        for n in range(18):
            clock.move(30)
            tell(warehouse, "r0", f"b{n}", "100")
            deliver_due(warehouse, settings, by="t", clock=clock)
        assert len(robots.heard) == 1, "nothing is sent into the mute, emergencies neither"
        for _ in range(3):
            clock.move(61)
            deliver_due(warehouse, settings, by="t", clock=clock)
        assert robots.overrun == 1
    assert states(warehouse) == {"delivered": 19}


def test_what_goes_to_one_person_at_once_is_one_message_with_a_row_for_each_alert(warehouse: Connection) -> None:
    settings, clock = company(people=2), Clock()
    for n in range(5):
        tell(warehouse, "r0", f"b{n}")
    tell(warehouse, "r1", "other")
    sent: list[Message] = []

    def send(message: Message, recipient: Recipient) -> Outcome:
        sent.append(message)
        return Outcome("accepted", "ok", 200)

    summary = deliver_due(warehouse, settings, by="t", clock=clock, send=send)
    assert (summary.messages, summary.delivered) == (2, 6)
    assert sorted(len(message.alerts) for message in sent) == [1, 5]
    rows = warehouse.execute(
        "SELECT message_id, count(*), min(answer), min(outcome) FROM usage.alert_delivery"
        " GROUP BY message_id ORDER BY 2"
    ).fetchall()
    assert [(count, answer, outcome) for _, count, answer, outcome in rows] == [
        (1, "ok", "accepted"),
        (5, "ok", "accepted"),
    ]
    assert {message.delivery_id for message in sent} == {message_id for message_id, *_ in rows}


def test_a_group_is_kept_at_each_attempt_with_its_id_and_nothing_joins_it_later(warehouse: Connection) -> None:
    settings, clock = company(people=1), Clock()
    for n in range(3):
        tell(warehouse, "r0", f"b{n}")
    sent: list[tuple[str, int]] = []

    def refuses(message: Message, recipient: Recipient) -> Outcome:
        sent.append((message.delivery_id, len(message.alerts)))
        return Outcome("retry", "busy", 503)

    deliver_due(warehouse, settings, by="t", clock=clock, send=refuses)
    tell(warehouse, "r0", "late")
    clock.move(1000)
    deliver_due(warehouse, settings, by="t", clock=clock, send=refuses)
    assert sorted(count for _, count in sent) == [1, 3, 3]
    assert len({name for name, count in sent if count == 3}) == 1


def test_a_lost_lease_takes_the_whole_group_over_with_its_id(warehouse: Connection) -> None:
    settings, clock = company(people=1), Clock()
    for n in range(3):
        tell(warehouse, "r0", f"b{n}")
    ids: list[str] = []

    class Killed(BaseException):
        """The worker ends here."""

    def dies(message: Message, recipient: Recipient) -> Outcome:
        ids.append(message.delivery_id)
        clock.move(LEASE.total_seconds() + 1)
        return Outcome("accepted", "ok", 200)

    real = outbox.record_group
    try:
        outbox.record_group = lambda *_: (_ for _ in ()).throw(Killed())  # type: ignore[assignment]
        with pytest.raises(Killed):
            deliver_due(warehouse, settings, by="first", clock=clock, send=dies)
    finally:
        outbox.record_group = real
    deliver_due(warehouse, settings, by="second", clock=clock, send=dies)
    assert len(ids) == 2
    assert len(set(ids)) == 1
    outcomes = warehouse.execute(
        "SELECT outcome, count(*) FROM usage.alert_delivery GROUP BY outcome ORDER BY outcome"
    ).fetchall()
    assert outcomes == [("accepted", 3), ("unknown", 3)]


def test_80_per_cent_is_not_sent_when_100_of_the_same_budget_is_due_and_that_is_on_record(
    warehouse: Connection,
) -> None:
    settings, clock = company(people=2), Clock()
    for tier in ("80", "95"):
        tell(warehouse, "r0", "spent", tier)
    highest = tell(warehouse, "r0", "spent", "100")
    tell(warehouse, "r0", "other", "80")
    sent: list[str] = []

    def send(message: Message, recipient: Recipient) -> Outcome:
        sent.extend(str(alert.facts["budget_id"]) + str(alert.facts["tier"]) for alert in message.alerts)
        return Outcome("accepted", "ok", 200)

    deliver_due(warehouse, settings, by="t", clock=clock, send=send)
    assert sent == ["spent100", "other80"]
    rows = warehouse.execute("SELECT reason FROM usage.delivery WHERE state = 'inhibited'").fetchall()
    assert rows == [(f"inhibited by {highest}",)] * 2
    events = warehouse.execute("SELECT detail FROM usage.alert_event WHERE what = 'inhibited'").fetchall()
    assert events == [(f"inhibited by {highest}",)] * 2


def test_a_lower_tier_is_sent_to_those_whom_the_higher_one_does_not_reach(warehouse: Connection) -> None:
    settings, clock = company(people=2), Clock()
    tell(warehouse, "r1", "spent", "80")
    tell(warehouse, "r0", "spent", "100")
    summary = deliver_due(warehouse, settings, by="t", clock=clock, send=lambda m, r: Outcome("accepted", "ok", 200))
    assert summary.delivered == 2


def test_a_clock_that_was_set_back_an_hour_does_not_close_a_robot_for_an_hour(
    warehouse: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, clock = company("wecom", 1), Clock()
    sent: list[str] = []

    def send(message: Message, recipient: Recipient) -> Outcome:
        sent.append(message.delivery_id)
        return Outcome("accepted", "ok", 200)

    monkeypatch.setenv("ROBOT_0", "https://robot.example/send?key=k0")
    for n in range(25):
        tell(warehouse, "r0", f"b{n}", "100", "wecom", kind="test")
    clock.move(3600)
    deliver_due(warehouse, settings, by="t", clock=clock, send=send)
    assert len(sent) == 20
    clock.move(-3600)
    warehouse.execute("UPDATE usage.delivery SET next_attempt_at = %s WHERE state = 'pending'", [clock()])
    deliver_due(warehouse, settings, by="t", clock=clock, send=send)
    clock.move(120)
    deliver_due(warehouse, settings, by="t", clock=clock, send=send)
    assert len(sent) == 25
