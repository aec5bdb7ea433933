"""Who takes an alert: it calls nobody again, what it stood for is taken with it, and the group hears it."""

from collections.abc import Callable

from usage_pipeline.alerts.silences import acknowledge, unacknowledged
from usage_pipeline.alerts.text.texts import lines_of
from usage_pipeline_tests.support.house import House


def test_an_acknowledged_emergency_is_neither_repeated_nor_escalated(house: Callable[[str], House]) -> None:
    at = house("{repeat_after_hours: 3, escalate_to: [lead]}")
    alert_id = at.alert("a", "100")
    at.later(seconds=1)
    assert acknowledge(at.connection, alert_id, "zhang", "on it", at.clock())
    assert not acknowledge(at.connection, alert_id, "wang", None, at.clock())
    assert at.later(hours=10) == []
    row = at.connection.execute("SELECT by_whom, detail FROM usage.alert_event WHERE what = 'acknowledged'").fetchall()
    assert row == [("zhang", "on it")]


def test_an_acknowledged_alert_is_acknowledged_at_pagerduty_too_under_the_same_key(
    house: Callable[[str], House],
) -> None:
    at = house("{}")
    alert_id = at.alert("a", "100", to=("duty", "ops"))
    at.later(seconds=1)
    acknowledge(at.connection, alert_id, "zhang", None, at.clock())
    assert at.later(seconds=1) == [("pagerduty", "acknowledge", "a100")]


def test_what_an_alert_stood_for_is_acknowledged_with_it(house: Callable[[str], House]) -> None:
    at = house("{}")
    lower = [at.alert("a", tier) for tier in ("80", "95")]
    top = at.alert("a", "100")
    other = at.alert("b", "100")
    at.later(seconds=1)
    assert at.sent[-1] == ("webhook", "trigger", "b100")
    assert acknowledge(at.connection, lower[1], "zhang", "on it", at.clock())
    assert taken(at) == {lower[0], lower[1]}
    assert acknowledge(at.connection, top, "wang", None, at.clock())
    assert taken(at) == {*lower, top}
    assert at.connection.execute(
        "SELECT by_whom FROM usage.acknowledgement WHERE alert_id = %s", [lower[0]]
    ).fetchall() == [("zhang",)], "who took it first keeps it"
    assert unacknowledged(at.connection, "b") == [other]
    assert unacknowledged(at.connection, "a") == []


def test_the_first_of_a_message_takes_the_others_along(house: Callable[[str], House]) -> None:
    at = house("{}")
    ids = {name: at.alert(name, "100", to=("group",)) for name in ("a", "b", "c")}
    (sent,) = at.later(seconds=1)
    assert sent == ("wecom", "trigger", "a100+b100+c100")
    first = min(ids.values(), key=at.order)
    assert acknowledge(at.connection, next(each for each in ids.values() if each != first), "li", None, at.clock())
    assert len(taken(at)) == 1
    assert acknowledge(at.connection, first, "zhang", "we look at it", at.clock())
    assert taken(at) == set(ids.values())
    told = [names for _, event, names in at.later(seconds=1) if event == "acknowledge"]
    assert "".join(told).count("100") == 2, "of what each took at once, one"


def test_the_group_hears_once_who_took_it_and_why(house: Callable[[str], House]) -> None:
    at = house("{}")
    for tier in ("95", "100"):
        at.alert("a", tier, to=("group",))
    at.later(seconds=1)
    top = at.connection.execute("SELECT alert_id FROM usage.alert WHERE tier = 100").fetchone()
    assert top
    acknowledge(at.connection, str(top[0]), "zhang", "the import job, stopping it", at.clock())
    assert at.later(seconds=1) == [("wecom", "acknowledge", "a100")]
    lines = dict(lines_of(at.messages[-1].alerts[0], "en"))
    assert lines["Taken by"].startswith("zhang, ")
    assert lines["Note"] == "the import job, stopping it"
    assert at.later(hours=1) == []


def taken(at: House) -> set[object]:
    """The alerts that somebody has acknowledged."""
    return {alert_id for (alert_id,) in at.connection.execute("SELECT alert_id FROM usage.acknowledgement")}
