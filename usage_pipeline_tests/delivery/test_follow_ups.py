"""What follows an alert: each test reads like its sentence in docs/alerts.md."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from usage_pipeline.alerts.message import Message
from usage_pipeline.alerts.outbox import raise_alert
from usage_pipeline.alerts.silences import Silence, end_silence, make_silence
from usage_pipeline.delivery.worker import deliver_due
from usage_pipeline.http.outcome import Outcome
from usage_pipeline.settings import Recipient, SettingsError, parse_settings
from usage_pipeline.settings.quiet_hours import QuietHours
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.statements import like_pattern, sql_folder
from usage_pipeline_tests.support.alerts import alert_of
from usage_pipeline_tests.support.house import HOUSE, REFUSED, House


def silence(house: House, **what: object) -> int:
    """A silence of two hours."""
    made = Silence(
        **{"budget": "*", "until": house.clock() + timedelta(hours=2), "reason": "move", "by": "li", **what}  # type: ignore[arg-type]
    )
    return make_silence(house.connection, made, house.clock())


def test_a_silence_keeps_what_it_covers_from_being_sent_and_leaves_the_alert_on_record(
    house: Callable[[str], House],
) -> None:
    at = house("{}")
    number = silence(at, budget="agent*", scope="lead-*")
    at.alert("agent-daily", "80")
    at.alert("agent-daily2", "80", scope="other")
    at.alert("company", "80")
    assert {names for _, _, names in at.later(seconds=1)} == {"agent-daily280", "company80"}
    assert at.connection.execute("SELECT reason FROM usage.delivery WHERE state = 'silenced'").fetchall() == [
        (f"silence {number}",)
    ]
    assert at.connection.execute("SELECT count(*) FROM usage.alert").fetchone() == (3,)


@pytest.mark.parametrize(
    ("glob", "name", "fits"),
    [("dev-*", "dev-a", True), ("dev_*", "dev-a", False), ("dev_*", "dev_a", True), ("*%*", "100%", True),
     ("*%*", "100", False), ("a?c", "abc", True), ("a?c", "ac", False), ("a\\*", "a\\b", True), ("", "", True)],
)  # fmt: skip
def test_globs_of_silences_mean_what_they_say(glob: str, name: str, fits: bool, warehouse: Connection) -> None:
    assert warehouse.execute("SELECT %s::text LIKE %s", [name, like_pattern(glob)]).fetchone() == (fits,)


def test_a_silence_never_hides_an_emergency_unless_that_is_said_explicitly(house: Callable[[str], House]) -> None:
    at = house("{}")
    silence(at)
    at.alert("a", "100")
    at.alert("b", "95")
    assert at.later(seconds=1) == [("webhook", "trigger", "a100")]
    silence(at, emergencies=True)
    at.alert("c", "100")
    assert at.later(seconds=1) == []


def test_a_silence_below_critical_lets_critical_alerts_through(house: Callable[[str], House]) -> None:
    at = house("{}")
    silence(at, below="critical")
    at.alert("a", "95")
    at.alert("b", "80")
    assert at.later(seconds=1) == [("webhook", "trigger", "a95")]


def test_a_silence_holds_until_its_time_or_until_somebody_ends_it(house: Callable[[str], House]) -> None:
    at = house("{}")
    number = silence(at)
    at.alert("a", "80")
    assert at.later(seconds=1) == []
    assert end_silence(at.connection, number, "wang", at.clock())
    assert not end_silence(at.connection, number, "wang", at.clock())
    at.alert("b", "80")
    assert at.later(seconds=1) == [("webhook", "trigger", "b80")]
    silence(at)
    at.later(hours=3)
    at.alert("c", "80")
    assert at.later(seconds=1) == [("webhook", "trigger", "c80")]
    said = at.connection.execute(
        "SELECT what, by_whom FROM usage.alert_event WHERE what LIKE 'silence!_%' ESCAPE '!' ORDER BY 1, 2"
    )
    assert said.fetchall() == [("silence_ended", "wang"), ("silence_made", "li"), ("silence_made", "li")]


def test_a_silence_that_is_over_before_it_begins_is_refused(house: Callable[[str], House]) -> None:
    at = house("{}")
    with pytest.raises(ValueError, match="before it begins"):
        silence(at, until=at.clock())


QUIET = "{quiet_hours: [{recipients: owner, from: '22:00', to: '08:00'}]}"


def at_shanghai(house: House, hour: int) -> None:
    """Moves the clock to the next such hour in Shanghai, at least an hour away."""
    house.clock.now += timedelta(hours=1)
    while (house.clock.now.hour + 8) % 24 != hour:
        house.clock.now += timedelta(hours=1)
    house.clock.now = house.clock.now.replace(minute=0, second=0, microsecond=0)


def test_in_quiet_hours_alerts_wait_and_come_as_one_digest_at_their_end(house: Callable[[str], House]) -> None:
    at = house(QUIET)
    at_shanghai(at, 23)
    for number in range(30):
        at.alert(f"b{number:02}", "80", to=("owner", "lead"))
    first = at.later(minutes=1)
    assert {who for who, _, _ in first} == {"lead"}, "another recipient has no quiet hours"
    assert at.later(hours=8) == [], "07:01"
    digest = at.later(hours=1)
    assert [(who, names.count("+") + 1) for who, _, names in digest] == [("owner", 30)]
    held = at.connection.execute("SELECT count(*), min(detail) FROM usage.alert_event WHERE what = 'held'").fetchone()
    assert held == (30, "held until the quiet hours end")


def test_quiet_hours_never_hold_an_emergency(house: Callable[[str], House]) -> None:
    at = house(QUIET)
    at_shanghai(at, 23)
    at.alert("a", "100", to=("owner",))
    at.alert("b", "95", to=("owner",))
    assert at.later(minutes=1) == [("owner", "trigger", "a100")]


def test_upgrading_lets_go_of_an_emergency_that_the_quiet_hours_of_a_tier_held(house: Callable[[str], House]) -> None:
    at = house("{}")
    at.alert("a", "100")
    at.alert("b", "95")
    at.connection.execute("UPDATE usage.delivery SET next_attempt_at = now() + interval '8 hours'")
    upgrade = (sql_folder() / "migrations" / "0012_alert_functions.sql").read_text(encoding="utf-8")
    at.connection.execute(f"UPDATE {upgrade.rpartition('UPDATE ')[2]}".encode())
    assert at.later(seconds=5) == [("webhook", "trigger", "a100")]


def test_quiet_hours_of_a_level_hold_only_that_level(house: Callable[[str], House]) -> None:
    at = house("{quiet_hours: [{levels: warning, from: '22:00', to: '08:00'}]}")
    at_shanghai(at, 3)
    at.alert("a", "95")
    at.alert("b", "80")
    assert at.later(minutes=1) == [("webhook", "trigger", "a95")]


def test_emergencies_cannot_be_named_as_held_in_quiet_hours() -> None:
    with pytest.raises(SettingsError, match="quiet_hours"):
        parse_settings(f"{HOUSE}alerting: {{quiet_hours: [{{levels: emergency, from: '22:00', to: '08:00'}}]}}\n", "c")


@pytest.mark.parametrize(
    ("moment", "end"),
    [("21:59", None), ("22:00", "26T08:00"), ("23:59", "26T08:00"), ("00:00", "25T08:00"), ("07:59", "25T08:00"),
     ("08:00", None)],
)  # fmt: skip
def test_quiet_hours_over_midnight_end_in_the_morning(moment: str, end: str | None) -> None:
    hours = QuietHours.model_validate({"from": "22:00", "to": "08:00"})
    found = hours.end_after(datetime.fromisoformat(f"2026-11-25T{moment}:00+00:00"), "UTC")
    assert found == (datetime.fromisoformat(f"2026-11-{end}:00+00:00") if end else None)


def test_an_emergency_that_nobody_acknowledges_is_repeated_after_some_hours(house: Callable[[str], House]) -> None:
    at = house("{repeat_after_hours: 3, repeat_most: 2}")
    at.alert("a", "100")
    at.alert("b", "95")
    assert len(at.later(seconds=1)) == 2
    assert at.later(hours=2.9) == []
    assert at.later(hours=0.2) == [("webhook", "trigger", "a100")]
    assert at.later(hours=3.1) == [("webhook", "trigger", "a100")]
    assert at.later(hours=3.1) == [], "twice, as the configuration says"
    assert len(set(at.ids)) == 4, "a repeat is a message of its own"


def test_an_emergency_that_nobody_acknowledges_in_time_goes_to_the_next_recipient_and_then_to_the_one_after(
    house: Callable[[str], House],
) -> None:
    at = house("{escalate_to: [lead, boss], escalate_after_minutes: 20, repeat_after_hours: 9}")
    at.alert("a", "100")
    at.alert("b", "95")
    at.later(seconds=1)
    assert at.later(minutes=19) == []
    assert at.later(minutes=2) == [("lead", "trigger", "a100")]
    assert at.later(minutes=20) == [("boss", "trigger", "a100")]
    assert at.later(minutes=60) == []


def test_when_a_raise_brings_a_budget_back_under_those_who_were_told_hear_that_it_is_over(
    house: Callable[[str], House],
) -> None:
    at = house("{}")
    for tier in ("80", "95", "100"):
        at.alert("a", tier)
        at.later(seconds=1)
    at.alert("b", "80")
    assert at.later(seconds=1) == [("webhook", "trigger", "b80")]
    at.below("a", "b")
    assert at.later(seconds=1) == [("webhook", "resolve", "a100")], "once, of the highest tier; not of a warning"
    assert at.later(hours=1) == []


def test_when_its_period_ends_an_alert_is_over(house: Callable[[str], House]) -> None:
    at = house("{repeat_after_hours: 100}")
    at.alert("a", "100", to=("ops", "duty"))
    at.later(seconds=1)
    assert at.later(hours=19) == []
    assert sorted(at.later(hours=2)) == [("pagerduty", "resolve", "a100"), ("webhook", "resolve", "a100")]


def test_pagerduty_hears_of_the_end_of_every_tier_because_each_opened_an_incident(
    house: Callable[[str], House],
) -> None:
    at = house("{}")
    at.alert("a", "80", to=("duty",))
    at.later(seconds=1)
    at.alert("a2", "95", to=("duty",))
    at.later(seconds=1)
    assert sorted(at.later(hours=21)) == [("pagerduty", "resolve", "a295"), ("pagerduty", "resolve", "a80")]


def test_an_emergency_that_gets_through_nowhere_in_time_goes_out_by_sms(house: Callable[[str], House]) -> None:
    at = house("{}")
    at.refusing.add("webhook")
    at.alert("a", "100")
    at.alert("b", "95")
    assert at.later(seconds=1) == []
    assert at.later(seconds=60) == []
    assert at.later(seconds=90) == [("123", "trigger", "a100")]
    assert at.later(minutes=10) == [], "once"


def test_the_fallback_of_the_tier_comes_before_that_of_the_configuration(house: Callable[[str], House]) -> None:
    at = house("{fallback: [boss]}")
    at.refusing.add("webhook")
    at.alert("a", "100", fallback=["lead"])
    at.alert("b", "100")
    at.later(seconds=1)
    assert sorted(at.later(minutes=3)) == [("boss", "trigger", "b100"), ("lead", "trigger", "a100")]


@pytest.mark.parametrize(
    ("kind", "facts", "calls"),
    [("enforcement", {"what": "failed"}, True), ("enforcement", {"what": "applied"}, False),
     ("enforcement", {"what": "dry_run"}, False), ("test", {"recipient": "ops"}, False), ("source", {}, True)],
)  # fmt: skip
@pytest.mark.parametrize("heard", [True, False])
def test_what_only_notes_that_something_was_done_calls_nobody_again(
    kind: str, facts: dict[str, object], calls: bool, heard: bool, house: Callable[[str], House]
) -> None:
    at = house("{repeat_after_hours: 1, repeat_most: 1, escalate_to: [lead], escalate_after_minutes: 20}")
    taken: list[str] = []

    def send(message: Message, recipient: Recipient) -> Outcome:
        taken.append(recipient.channel)
        return Outcome("accepted", "ok", 200) if heard or recipient.channel != "webhook" else REFUSED

    def later(**time: float) -> list[str]:
        at.clock.now += timedelta(**time)
        taken.clear()
        deliver_due(at.connection, at.settings, by="t", clock=at.clock, send=send)
        return sorted(taken)

    alert = alert_of(kind, "about", at.clock(), None, "0", "emergency", facts)
    with at.connection.transaction():
        raise_alert(at.connection, alert, [("ops", "webhook")])
    assert later(seconds=1) == ["webhook"]
    assert ("sms" in later(minutes=3)) == (calls and not heard)
    assert ("email" in later(minutes=18)) == calls
    if heard:
        assert later(hours=2) == (["webhook"] if calls else [])


def test_an_emergency_that_one_recipient_got_needs_no_fallback(house: Callable[[str], House]) -> None:
    at = house("{repeat_after_hours: 100}")
    at.refusing.add("webhook")
    at.alert("a", "100", to=("ops", "owner"))
    assert at.later(seconds=1) == [("owner", "trigger", "a100")]
    assert at.later(hours=1) == []


def test_every_name_in_alerting_must_be_a_recipient() -> None:
    for part in (
        "ops: [x]",
        "escalate_to: [x]",
        "fallback: x",
        "quiet_hours: [{recipients: x, from: '01:00', to: '02:00'}]",
    ):
        with pytest.raises(SettingsError, match="is not a recipient"):
            parse_settings(f"{HOUSE}alerting: {{{part}}}\n", "c.yaml")
