"""Says what alerts of other kinds than budget are about: overrides, enforcement, reports, and our own troubles."""

from collections.abc import Callable, Mapping

from usage_pipeline.alerts.text.escape import line, plain
from usage_pipeline.alerts.text.format import Words, amount, moment, number

Facts = Mapping[str, object]
Lines = list[tuple[str, str]]
# Nobody acknowledges these: they tell of something and ask for nothing.
TOLD_ONLY = ("test", "report")


def title_of_kind(kind: str, facts: Facts, words: Words) -> str | None:
    """What follows the level in the title; None for a kind that is named by its budget. Not escaped."""
    say = _TITLES.get(kind)
    return say(facts, words) if say else None


def lines_of_kind(kind: str, facts: Facts, words: Words) -> Lines:
    """Label and value of everything that is known, in reading order; a line without a value is left out."""
    return [(label, value) for label, value in _LINES.get(kind, _delivery_lines)(facts, words) if label and value]


def _of_budget(facts: Facts) -> str:
    return " · ".join(part for part in (plain(facts.get("budget_name")), plain(facts.get("scope_name"))) if part)


def _with(said: str, about: str) -> str:
    return f"{said}: {about}" if about else said


def _override_title(facts: Facts, words: Words) -> str:
    step = plain(facts.get("step"))
    return _with(f"{words['override']} · {words['override_steps'].get(step, step)}", _of_budget(facts))


def _enforcement_title(facts: Facts, words: Words) -> str:
    what, action = plain(facts.get("what")), plain(facts.get("action"))
    said = f"{words['enforcement_actions'].get(action, action)} · {words['enforcement_steps'].get(what, what)}"
    return _with(said, plain(facts.get("project")) or _of_budget(facts))


def _report_title(facts: Facts, words: Words) -> str:
    parts = (plain(facts.get("title")) or words["report"], plain(facts.get("period")))
    return " · ".join(part for part in parts if part)


def _configuration_lines(facts: Facts, words: Words) -> Lines:
    in_force = f"{words['last_valid']} ({plain(facts.get('in_force_version'))})"
    return [(words["problem"], problem) for problem in _several(facts, "problems")] + [(words["in_force"], in_force)]


def _test_lines(facts: Facts, words: Words) -> Lines:
    sent = moment(facts.get("as_of"), facts) or "?"
    return [(words["recipient"], line(facts.get("recipient"))), (words["channel"], line(facts.get("channel"))),
            (words["sent"], sent), (words["meaning"], words["only_a_test"])]  # fmt: skip


def _source_lines(facts: Facts, words: Words) -> Lines:
    last = moment(facts.get("last_read_at"), facts) or words["never"]
    return [(words["last_read"], last), (words["problem"], line(facts.get("error"))),
            (words["meanwhile"], words["not_watched"])]  # fmt: skip


def _delivery_lines(facts: Facts, words: Words) -> Lines:
    pairs = (
        ("budget_name", "budget"),
        ("scope_name", "scope"),
        ("alert", "failed_alert"),
        ("recipient", "recipient"),
        ("channel", "channel"),
        ("answer", "answer"),
    )
    return [(words[label], line(facts.get(key))) for key, label in pairs]


def _override_lines(facts: Facts, words: Words) -> Lines:
    override = plain(facts.get("override"))
    lines = [
        (words["raise"], _raise(facts, words)),
        (words["until"], moment(facts.get("until"), facts) or ""),
        (words["budget"], line(facts.get("budget_name"))),
        (words["scope"], line(facts.get("scope_name"))),
        (words["reason"], line(facts.get("reason"))),
        (words["requested_by"], line(facts.get("requested_by"))),
        (words["decided_by"], line(facts.get("decided_by"))),
        (words["note"], line(facts.get("note"))),
        (words["override_id"], override),
    ]
    if facts.get("step") == "requested":
        lines.append((words["approvers"], ", ".join(_several(facts, "approvers"))))
        if override:
            commands = [f"usage-pipeline overrides {word} {override}" for word in ("approve", "reject")]
            lines.append((words["decide"], " / ".join(commands)))
    return lines


def _raise(facts: Facts, words: Words) -> str:
    """By how much: with its unit when the facts say what is measured."""
    value, measure = facts.get("raise"), facts.get("measure")
    if isinstance(value, Mapping):
        parts = (amount(part, str(name), str(facts.get("currency")), words) for name, part in value.items())
        return ", ".join(part for part in parts if part)
    if measure and number(value) is not None:
        return amount(value, str(measure), str(facts.get("currency")), words) or ""
    return line(value)


def _enforcement_lines(facts: Facts, words: Words) -> Lines:
    limits = [
        (words["not_stopped"], str(words["limits"].get(limit, limit))) for limit in _several(facts, "limits_of_action")
    ]
    return [
        (words["detail"], line(facts.get("detail"))),
        (words["project"], line(facts.get("project"))),
        (words["budget"], line(facts.get("budget_name"))),
        (words["scope"], line(facts.get("scope_name"))),
        (words["because_of"], line(facts.get("alert"))),
        *limits,
        (words["until"], moment(facts.get("until"), facts) or ""),
        (words["decide"], line(facts.get("decide"))),
        (words["undo"], line(facts.get("undo"))),
    ]


def _anomaly_title(facts: Facts, words: Words) -> str:
    window = plain(facts.get("window"))
    said = f"{words['anomaly']} · {words['in_window'].get(window, window)}"
    return _with(said, plain(facts.get("scope_name")) or plain(facts.get("rule")))


def _anomaly_lines(facts: Facts, words: Words) -> Lines:
    measure, currency = str(facts.get("measure")), str(facts.get("currency"))
    return [
        (words["scope"], line(facts.get("scope_name"))),
        (words["window"], " - ".join(moment(facts.get(key), facts) or "?" for key in ("window_start", "window_end"))),
        (words["sum"], amount(facts.get("amount"), measure, currency, words) or ""),
        (words["usual"], amount(facts.get("usual"), measure, currency, words) or ""),
        (words["score"], words["times_spread"].format(score=plain(facts.get("score")))),
        (words["rule"], line(facts.get("rule"))),
    ]


def _report_lines(facts: Facts, _: Words) -> Lines:
    lines = facts.get("lines")
    listed = lines if isinstance(lines, list | tuple) else ()
    pairs = [pair for pair in listed if isinstance(pair, list | tuple) and len(pair) == 2]
    return [(plain(label), line(value)) for label, value in pairs]


def _several(facts: Facts, key: str) -> list[str]:
    """A list of the facts, each as a line; a single text counts as one."""
    found = facts.get(key)
    every = found if isinstance(found, list | tuple) else [found]
    return [text for text in (line(each) for each in every) if text]


_TITLES: Mapping[str, Callable[[Facts, Words], str]] = {
    "configuration": lambda _, words: str(words["configuration_refused"]),
    "source": lambda facts, words: str(words["source_unread"].format(source=plain(facts.get("source")))),
    "delivery": lambda facts, words: f"{words['delivery_failed']}: {plain(facts.get('recipient'))}",
    "override": _override_title,
    "enforcement": _enforcement_title,
    "anomaly": _anomaly_title,
    "report": _report_title,
}
_LINES: Mapping[str, Callable[[Facts, Words], Lines]] = {
    "configuration": _configuration_lines,
    "test": _test_lines,
    "source": _source_lines,
    "delivery": _delivery_lines,
    "override": _override_lines,
    "enforcement": _enforcement_lines,
    "anomaly": _anomaly_lines,
    "report": _report_lines,
}
