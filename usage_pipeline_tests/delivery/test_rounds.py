"""A round of delivery holds against slow channels, broken answers, poison and lost workers; nothing stops the rest."""

import threading
import time
from collections import Counter
from datetime import datetime, timedelta

import pytest

from usage_pipeline.alerts.message import Message
from usage_pipeline.delivery import attempt as attempts_module
from usage_pipeline.delivery.worker import LEASE, claim, deliver_due, record
from usage_pipeline.http.outcome import Outcome
from usage_pipeline.settings import Recipient, Settings, parse_settings
from usage_pipeline.warehouse.connection import Connection, connect
from usage_pipeline_tests.delivery.test_outbox import CONFIG, Clock, attempts, put
from usage_pipeline_tests.support.channels import robot
from usage_pipeline_tests.support.rewriting import rewrite

KEY = "s3cr3t-robot-key"


@pytest.fixture
def settings() -> Settings:
    """Recipients of every channel, two of which can take the place of another."""
    text = CONFIG.replace(
        "recipients:\n",
        "recipients:\n"
        "  post: {channel: email, to: owner@example.com}\n"
        "  phone: {channel: sms, provider: http, to: '123', url_env: SMS_URL}\n",
    )
    return parse_settings(text + "alerting: {fallback_after_minutes: 1440}\n", "c.yaml")


def accepted(message: Message, recipient: Recipient) -> Outcome:
    """A channel that takes everything."""
    return Outcome("accepted", "ok", 200)


def test_slow_sending_never_lets_another_worker_send_the_same(warehouse_url: str, settings: Settings) -> None:
    first, second = connect(warehouse_url), connect(warehouse_url)
    for number in range(8):
        put(first, [("itsm", "webhook")], budget_id=f"b{number}")
    clock, sent, inside = Clock(), Counter[str](), [False]

    def slow(message: Message, recipient: Recipient) -> Outcome:
        sent[message.delivery_id] += 1
        clock.move(LEASE.total_seconds() / 3)
        if not inside[0]:
            inside[0] = True
            deliver_due(second, settings, by="b", clock=clock, send=slow, limit=2)
            inside[0] = False
        return Outcome("accepted", "ok", 200)

    deliver_due(first, settings, by="a", clock=clock, send=slow)
    assert set(sent.values()) == {1}
    assert len(sent) == 8
    first.close()
    second.close()


def test_two_workers_at_once_send_each_delivery_once(warehouse_url: str, settings: Settings) -> None:
    connections = [connect(warehouse_url), connect(warehouse_url)]
    for number in range(40):
        put(connections[0], [("itsm", "webhook")], budget_id=f"b{number}")
    sent: list[str] = []

    def send(message: Message, recipient: Recipient) -> Outcome:
        sent.append(message.delivery_id)
        time.sleep(0.005)
        return Outcome("accepted", "ok", 200)

    workers = [
        threading.Thread(
            target=deliver_due, args=(each, settings), kwargs={"by": f"w{at}", "clock": Clock(), "send": send}
        )
        for at, each in enumerate(connections)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(sent) == len(set(sent)) == 40
    assert {state for (state,) in connections[0].execute("SELECT state FROM usage.delivery")} == {"delivered"}
    for each in connections:
        each.close()


def test_a_round_tries_each_delivery_once_however_long_it_takes(warehouse: Connection, settings: Settings) -> None:
    put(warehouse, [("ops", "wecom")])
    clock = Clock()

    def hanging(message: Message, recipient: Recipient) -> Outcome:
        clock.move(5000)
        return Outcome("retry", "no answer in time")

    summary = deliver_due(warehouse, settings, by="t", clock=clock, send=hanging)
    assert summary.retried == 1
    assert attempts(warehouse) == [(1, "retry")]


def test_a_channel_without_end_is_left_before_the_lease_ends(
    warehouse: Connection, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert LEASE.total_seconds() > attempts_module.LONGEST_S
    monkeypatch.setattr(attempts_module, "LONGEST_S", 0.2)
    put(warehouse, [("ops", "wecom")])
    release = threading.Event()

    def stuck(message: Message, recipient: Recipient) -> Outcome:
        release.wait(20)
        return Outcome("accepted", "too late", 200)

    summary = deliver_due(warehouse, settings, by="t", clock=Clock(), send=stuck)
    release.set()
    assert summary.retried == 1


def test_a_round_sends_no_more_than_it_is_asked_to(warehouse: Connection, settings: Settings) -> None:
    for number in range(5):
        put(warehouse, [("itsm", "webhook")], budget_id=f"b{number}")
    clock = Clock()
    assert waiting(warehouse) == 5
    assert deliver_due(warehouse, settings, by="t", clock=clock, send=accepted, limit=3).delivered == 3
    assert waiting(warehouse) == 2


@pytest.mark.parametrize("wait", ["1e400", "nan", "-5", "99999999999999", "Fri, 31 Dec 9999 23:59:59 GMT", "soon", ""])
def test_no_retry_after_stops_the_round_or_buries_the_alert(
    wait: str, warehouse: Connection, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(warehouse, [("itsm", "webhook")])
    clock = Clock()
    with robot((503, b"busy", {"Retry-After": wait})) as server:
        monkeypatch.setenv("ITSM_URL", server.url)
        monkeypatch.setenv("ITSM_SECRET", "s3cr3t-shared")
        assert deliver_due(warehouse, settings, by="t", clock=clock).retried == 1
    row = warehouse.execute("SELECT next_attempt_at FROM usage.delivery").fetchone()
    assert row is not None
    assert isinstance(row[0], datetime)
    assert clock() <= row[0] <= clock() + timedelta(days=1, seconds=5)


@pytest.mark.parametrize(
    "outcome",
    [Outcome("retry", "x", 503, float("inf")), Outcome("retry", "nul \x00 half \ud800 end", 200)],
    ids=["forever", "text that is no text"],
)
def test_whatever_a_channel_says_can_be_recorded(outcome: Outcome, warehouse: Connection, settings: Settings) -> None:
    put(warehouse, [("ops", "wecom")])
    summary = deliver_due(warehouse, settings, by="t", clock=Clock(), send=lambda message, recipient: outcome)
    assert summary.retried == 1


@pytest.mark.parametrize("url", [f"https://[oops/{KEY}", f"https://robot.example:99999/{KEY}", KEY, f"http:///{KEY}"])
@pytest.mark.parametrize("name", ["ops", "itsm", "post"])
def test_a_secret_that_is_no_url_is_one_deliverys_trouble_and_stays_secret(
    name: str, url: str, warehouse: Connection, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("WECOM_OPS_URL", "ITSM_URL", "SMTP_URL"):
        monkeypatch.setenv(variable, url)
    monkeypatch.setenv("ITSM_SECRET", "whsec_not base64 at all!")
    put(warehouse, [(name, settings.recipients[name].channel)])
    summary = deliver_due(warehouse, settings, by="t", clock=Clock())
    assert [who for _, who, kind, _ in summary.answers if kind != "accepted"].count(name) == 1
    assert KEY not in everything(warehouse)
    assert KEY not in str(summary)


def waiting(connection: Connection) -> int:
    """How many deliveries nobody has tried."""
    row = connection.execute("SELECT count(*) FROM usage.delivery WHERE state = 'pending' AND attempts = 0").fetchone()
    assert row
    return int(str(row[0]))


def everything(connection: Connection) -> str:
    """Every row of the outbox as text."""
    return "".join(
        str(connection.execute(f"SELECT coalesce(jsonb_agg(t), '[]') FROM usage.{table} t").fetchone())
        for table in ("alert", "delivery", "alert_delivery")
    )


@pytest.mark.parametrize(
    ("said", "hidden"),
    [
        (f"https://robot.example/cgi-bin/send?key={KEY}", KEY),
        (f'{{"url": "https:\\/\\/robot.example\\/cgi-bin\\/send?key={KEY}"}}', KEY),
        ("no such hook 0123456789abcdef0123", "0123456789abcdef0123"),
        ("user someone pass p@55 word", "p@55"),
        ("user someone pass p%4055 word", "p%4055"),
    ],
)
def test_what_a_channel_echoes_of_a_secret_is_not_kept(
    said: str, hidden: str, warehouse: Connection, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = f"https://someone:p%4055@robot.example/hook/0123456789abcdef0123?key={KEY}"
    monkeypatch.setenv("WECOM_OPS_URL", secret)
    put(warehouse, [("ops", "wecom")])
    deliver_due(warehouse, settings, by="t", clock=Clock(), send=lambda message, recipient: Outcome("retry", said, 400))
    assert "[secret]" in everything(warehouse)
    assert hidden not in everything(warehouse)


def test_facts_of_another_shape_stop_no_other_delivery(warehouse: Connection, settings: Settings) -> None:
    put(warehouse, [("ops", "wecom")], budget_id="a")
    put(warehouse, [("more", "wecom")], budget_id="b")
    rewrite(warehouse, "UPDATE usage.alert SET facts = '[]' WHERE budget_id = 'a'")
    assert deliver_due(warehouse, settings, by="t", clock=Clock(), send=accepted).delivered == 2


def test_a_delivery_that_always_ends_its_worker_fails_in_the_end(warehouse: Connection, settings: Settings) -> None:
    put(warehouse, [("ops", "wecom"), ("more", "wecom")])
    warehouse.execute("UPDATE usage.delivery SET state = 'delivered' WHERE recipient = 'more'")
    clock = Clock()
    for _ in range(12):
        assert len(claim(warehouse, "dies", clock())) == 1
        clock.move(LEASE.total_seconds() + 1)
    sent: list[str] = []

    def send(message: Message, recipient: Recipient) -> Outcome:
        sent.append(message.kind)
        return Outcome("accepted", "ok", 200)

    summary = deliver_due(warehouse, settings, by="t", clock=clock, send=send)
    deliver_due(warehouse, settings, by="t", clock=clock, send=send)
    assert summary.failed == 1
    assert sent == ["delivery"], "it is told, and not sent a thirteenth time"
    assert [outcome for _, outcome in attempts(warehouse)].count("unknown") == 12


@pytest.mark.parametrize(
    ("fallback", "told"),
    [(["post"], [("post", "email")]), (["phone"], [("phone", "sms")]), (["gone"], [("more", "wecom")]),
     (["ops"], [("more", "wecom")]), (["post", "more"], [("more", "wecom"), ("post", "email")])],
)  # fmt: skip
def test_a_failure_is_told_to_a_fallback_that_can_be_reached(
    fallback: list[str], told: list[tuple[str, str]], warehouse: Connection, settings: Settings
) -> None:
    put(warehouse, [("ops", "wecom")])
    rewrite(warehouse, "UPDATE usage.alert SET facts = facts || jsonb_build_object('fallback', %s::text[])", [fallback])
    claimed = claim(warehouse, "t", Clock()())[0]
    record(warehouse, claimed, Outcome("permanent", "93000", 200), Clock()(), settings)
    rows = warehouse.execute(
        "SELECT d.recipient, d.channel FROM usage.delivery d JOIN usage.alert a USING (alert_id)"
        " WHERE a.kind = 'delivery' ORDER BY 1"
    ).fetchall()
    assert rows == told


def test_a_failed_alert_about_a_failure_raises_no_further_one(warehouse: Connection, settings: Settings) -> None:
    put(warehouse, [("ops", "wecom"), ("more", "wecom")])
    for _ in range(3):
        deliver_due(
            warehouse, settings, by="t", clock=Clock(), send=lambda message, recipient: Outcome("permanent", "no", 400)
        )
    kinds = warehouse.execute("SELECT kind, count(*) FROM usage.alert GROUP BY kind ORDER BY kind").fetchall()
    assert kinds == [("budget", 1), ("delivery", 3)], "one for each of the two, and one for the phone that stood in"


@pytest.mark.parametrize(("kind", "state"), [("accepted", "delivered"), ("retry", "sending"), ("permanent", "sending")])
def test_after_its_lease_was_lost_only_an_acceptance_counts(
    kind: str, state: str, warehouse: Connection, settings: Settings
) -> None:
    put(warehouse, [("ops", "wecom"), ("more", "wecom")])
    warehouse.execute("UPDATE usage.delivery SET state = 'delivered' WHERE recipient = 'more'")
    clock = Clock()
    lost = claim(warehouse, "first", clock())[0]
    clock.move(LEASE.total_seconds() + 1)
    assert claim(warehouse, "second", clock())[0].attempt == 2
    record(warehouse, lost, Outcome(kind, "late", 200), clock(), settings)  # type: ignore[arg-type]
    row = warehouse.execute("SELECT state, leased_by FROM usage.delivery WHERE recipient = 'ops'").fetchone()
    assert row == (state, "second" if state == "sending" else None)
    assert attempts(warehouse) == [(1, kind), (2, "sending")]
    assert warehouse.execute("SELECT count(*) FROM usage.alert WHERE kind = 'delivery'").fetchone() == (0,)


def test_emergencies_go_first_and_those_without_a_recipient_fail(warehouse: Connection, settings: Settings) -> None:
    put(warehouse, [("ops", "wecom")], budget_id="small")
    rewrite(warehouse, "UPDATE usage.alert SET level = 'warning'")
    put(warehouse, [("ops", "wecom")], budget_id="big")
    put(warehouse, [("left", "wecom")], budget_id="nobody")
    sent: list[str] = []

    def send(message: Message, recipient: Recipient) -> Outcome:
        sent.append(message.level)
        return Outcome("accepted", "ok", 200)

    summary = deliver_due(warehouse, settings, by="t", clock=Clock(), send=send)
    assert sent == ["emergency", "critical", "critical"], "the failure was told in the same round, the warning with it"
    assert (summary.delivered, summary.failed) == (4, 1)
    assert any("no longer a recipient" in answer for *_, answer in summary.answers)


def test_the_attempt_is_on_record_while_it_is_made(warehouse_url: str, settings: Settings) -> None:
    connection, watcher = connect(warehouse_url), connect(warehouse_url)
    put(connection, [("ops", "wecom")])
    seen: list[object] = []

    def send(message: Message, recipient: Recipient) -> Outcome:
        seen.append(watcher.execute("SELECT outcome, run_id, finished_at FROM usage.alert_delivery").fetchall())
        return Outcome("accepted", "ok", 200)

    deliver_due(connection, settings, by="run-7", clock=Clock(), send=send)
    assert seen == [[("sending", "run-7", None)]]
    finished = watcher.execute("SELECT outcome, finished_at >= started_at FROM usage.alert_delivery")
    assert finished.fetchone() == ("accepted", True)
    connection.close()
    watcher.close()
