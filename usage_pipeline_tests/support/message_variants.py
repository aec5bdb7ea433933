"""Every kind of message in each of its variants, and the names in it, which nobody translates."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from usage_pipeline.alerts.kinds.enforcement import EnforcementStep
from usage_pipeline.alerts.kinds.facts import as_json
from usage_pipeline.alerts.kinds.override import OverrideStep
from usage_pipeline.alerts.kinds.pipeline import Trouble
from usage_pipeline.alerts.kinds.registry import kinds

# What facts hold in words of people or of other systems; everything else in a message is a word of ours.
NAMES = frozenset({
    "alert", "answer", "app_id", "approvers", "budget_id", "budget_name", "caller", "decide", "decided_by",
    "dry_run_apps", "environment", "error", "fallback", "file", "lines", "link", "lost", "name", "note",
    "override", "period", "picture", "problems", "project", "reason", "recipient", "recipients", "requested_by",
    "run", "scope_name", "source", "tenant_name", "timezone", "title", "undo",
})  # fmt: skip
_AT = datetime(2026, 11, 25, 8, tzinfo=UTC)


def variants() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yields the kind, what the variant is called, and its facts as a row has them."""
    for kind, each in kinds().items():
        example = each.example().stored()
        yield kind, "", example
        for changes in _CHANGES.get(kind, ()):
            called = " ".join(f"{value}"[:40] for value in changes.values())
            yield kind, called, {**example, **{name: as_json(value) for name, value in changes.items()}}


def names_in(facts: Mapping[str, object]) -> list[str]:
    """Returns the names that stand in facts, the longest first."""
    return sorted(set(_names(facts, named=False)), key=len, reverse=True)


def _names(value: object, *, named: bool) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, part in value.items():
            yield from _names(part, named=named or key in NAMES)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _names(part, named=named)
    elif named and isinstance(value, str):
        yield value
        # A caller's name without how they call.
        yield from filter(None, [value.partition(": ")[2]])


_ENDED = {
    "why": "below",
    "at": _AT,
    "since": _AT,
    "spent": Decimal(1100),
    "limit": Decimal(2000),
    "ratio": Decimal("0.55"),
    "cost": Decimal("2.20"),
    "undone": [{"action": "pause_app", "project": "lead-enricher", "at": _AT}],
    "still": [{"action": "lock", "project": "lead-enricher"}],
}
_CHANGES: Mapping[str, list[dict[str, Any]]] = {
    "budget": [
        *({"enforcement_mode": mode} for mode in ("off", "dry_run", "approve", "auto")),
        *({"actions": (action,)} for action in ("pause_app", "switch_model", "lock", "throttle", "webhook")),
        *({"measure": measure} for measure in ("cost", "calls", "input_tokens", "output_tokens")),
        *({"period": period} for period in ("hour", "week", "month", "quarter", "year", "rolling:24h", "rolling:7d")),
        {"period": "campaign:2026-11-01:2026-11-30"},
        {"tier_on": "forecast", "ratio": Decimal("0.8")},
        {"dry_run_apps": (), "enforcement_mode": "dry_run"},
        {"ended": _ENDED},
        {"ended": {**_ENDED, "why": "period_over"}},
    ],
    "anomaly": [
        *({"window": window} for window in ("hour", "week")),
        *({"rule": rule, "scope_name": ""} for rule in ("everything-by-day", "everything-by-hour", "projects-by-hour")),
        {"measure": "cost"},
    ],
    "loop": [
        *({"enforcement_mode": mode} for mode in ("off", "dry_run", "approve")),
        *({"caller": f"{how}: user-11"} for how in ("web_app", "explore", "debug", "trigger", "openapi", "nested")),
    ],
    "override": [{"step": step.value} for step in OverrideStep],
    "enforcement": [
        *({"what": step.value} for step in EnforcementStep),
        *({"action": action} for action in ("switch_model", "lock", "throttle", "webhook")),
        *(
            {"detail": detail}
            for detail in (
                "web_app closed; not: mcp_server: closed",
                "period ended: web_app open, service_api open",
                "raise r7: trigger open; still held by act-7k3m9qab",
                "limit raised: left as somebody has set it: web_app",
                "budget removed",
                "web_app closed; all of it was so before: it stays so when this is undone",
                "by hand at Dify",
                "it is on the list enforcement.never",
                "mode is dry_run now",
            )
        ),
        {
            "limits_of_action": (
                "console", "nested", "in_flight", "throttle_late", "throttle_beside", "old_conversations", "pinned",
            )
        },
    ],
    "source": [{"trouble": "behind"}, {"last_read_at": None}],
    "watch": [
        *({"watch": trouble.value} for trouble in Trouble),
        *({"channel": channel} for channel in ("dingtalk", "feishu", "email", "sms", "webhook")),
        {"well_until": None, "link": None},
    ],
    "configuration": [{"lost": (), "decide": None}],
    "delivery": [{"channel": channel} for channel in ("dingtalk", "feishu", "email", "sms")],
}  # fmt: skip
