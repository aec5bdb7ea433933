"""Messages as an office would get them, each kind with names and figures of its own, in Chinese and English."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from usage_pipeline.alerts.kinds.registry import kind_of, kinds
from usage_pipeline.alerts.message import Alert, Message
from usage_pipeline.alerts.text.texts import deeds_of

PAGE = "https://usage.example.com/a/eyJ…"
Event = Literal["trigger", "acknowledge", "resolve"]
# What differs by language are names: Chinese first.
_Names = Mapping[str, tuple[str, str]]

_NAMES: _Names = {
    "leads": ("线索补全", "lead-enricher"),
    "leads-day": ("智能体每日用量", "Agents, a day"),
    "bot": ("智能客服", "support-bot"),
    "bot-month": ("生产环境每月费用", "Production, a month"),
    "docs": ("合同问答", "contract-search"),
    "docs-week": ("知识库每周用量", "Knowledge, a week"),
    "marketing": ("市场部", "Marketing"),
    "legal": ("法务部", "Legal"),
    "service": ("客户服务部", "Customer service"),
    "company": ("公司每月费用", "Company, a month"),
    "key-day": ("密钥每日用量", "Keys, a day"),
    "crm-key": ("CRM 密钥", "crm-key"),
    "reason": ("双十一活动，咨询量翻倍", "Spring sale: twice the questions"),
    "note": ("活动结束后恢复", "until the sale ends"),
    "taken": ("已联系研发，正在排查", "Called the team, looking into it"),
}


def _n(name: str, language: str) -> str:
    return _NAMES[name][0 if language == "zh" else 1]


def examples(language: str) -> Mapping[str, Message]:
    """Returns messages by what they are called: every kind, budgets at each level, one that is over, one of five."""
    red, orange, yellow = (_budget(which, language) for which in ("leads", "bot", "docs"))
    found = {
        "budget": _message("budget", "emergency", red, language),
        "budget, orange": _message("budget", "critical", orange, language),
        "budget, forecast": _message("budget", "warning", yellow, language),
        "budget, taken": _message(
            "budget", "emergency", {**red, "acknowledged": _taken(language)}, language, "acknowledge"
        ),
        "budget, over": _message("budget", "emergency", {**red, "ended": _ended(language)}, language, "resolve"),
    }
    others = [name for name in kinds() if name != "budget"]
    found |= {name: _message(name, _LEVELS[name], _facts(name, language), language) for name in others}
    key = {**orange, "budget_name": _n("key-day", language), "scope_name": _n("crm-key", language), "measure": "calls",
           "spent": "4100", "limit": "5000", "ratio": "0.82", "forecast": "4900", "crossing_at": None}  # fmt: skip
    company = {**orange, "budget_name": _n("company", language), "scope_name": "", "ratio": "0.8012", "spent": "40060",
               "limit": "50000", "forecast": "49000", "crossing_at": None}  # fmt: skip
    later = [("critical", orange), ("warning", yellow), ("warning", key), ("warning", company)]
    found["budget, five at once"] = _with(found["budget"], later)
    return found


_LEVEL_OF = {"leads": "emergency", "bot": "critical", "docs": "warning"}
_LEVELS = {
    "anomaly": "warning", "loop": "critical", "override": "info", "enforcement": "emergency", "source": "critical",
    "watch": "critical", "configuration": "critical", "delivery": "critical", "report": "info", "test": "info",
}  # fmt: skip


def _message(kind: str, level: str, facts: Mapping[str, object], language: str, event: Event = "trigger") -> Message:
    alert_id = {"budget": "B7f3k2m9qa"}.get(kind, f"{kind[0].upper()}4c8x1r5tb")
    alert = Alert(alert_id, kind, level, facts)
    return Message("d1", alert_id, kind, level, facts, language, links=_links(alert, event), event=event)


def _with(first: Message, later: Sequence[tuple[str, Mapping[str, object]]]) -> Message:
    others = [Alert(f"B{number}d5w7z3nc", "budget", level, facts) for number, (level, facts) in enumerate(later, 1)]
    linked = tuple(Alert(each.alert_id, each.kind, each.level, each.facts, _links(each, "trigger")) for each in others)
    return Message(**{**vars(first), "others": linked})


def _links(alert: Alert, event: Event) -> tuple[tuple[str, str], ...]:
    return tuple((deed, PAGE) for deed in deeds_of(alert, event))


def _shares(*named: tuple[str, str, str, int]) -> list[dict[str, object]]:
    return [
        {"name": name, "share": share, "tokens": tokens, "calls": str(calls), "cost": f"{float(tokens) / 40_000:.2f}"}
        for name, share, tokens, calls in named
    ]


def _budget(which: str, language: str) -> dict[str, Any]:
    example = kind_of("budget").example().stored()
    own: dict[str, Any] = {
        "leads": {
            "budget_name": _n("leads-day", language), "scope_name": _n("leads", language),
            "tenant_name": _n("marketing", language), "spent": "3082408", "limit": "2000000", "ratio": "1.5412",
            "tokens": "3082408", "cost": "77.06", "burn_last_hour": "412000", "forecast": "6200000",
            "previous_period": "121000", "trailing_average": "118400.5", "enforcement_mode": "auto",
            "top_in_period": {
                "callers": _shares(("api: user-11", "0.98", "3020759", 1180), ("web_app: li.si", "0.012", "36988", 41)),
                "models": _shares(("qwen3-max", "0.91", "2804991", 902), ("qwen3-mini", "0.09", "277417", 319)),
                "nodes": _shares(("LLM 2", "0.74", "2280981", 611)),
            },
            "top": {"callers": _shares(("api: user-11", "1", "412000", 160))},
        },
        "bot": {
            "budget_name": _n("bot-month", language), "scope_name": _n("bot", language),
            "tenant_name": _n("service", language), "measure": "cost", "spent": "9542.70", "limit": "10000",
            "ratio": "0.95427", "tokens": "381708000", "cost": "9542.70", "burn_last_hour": "31.20",
            "forecast": "11820", "previous_period": "8710", "trailing_average": "8405.10", "period": "month",
            "period_start": "2026-10-31T16:00:00+00:00", "period_end": "2026-11-30T16:00:00+00:00",
            "actions": ["switch_model"], "enforcement_mode": "approve", "crossing_at": "2026-11-26T03:20:00+00:00",
            "top_in_period": {
                "callers": _shares(
                    ("web_app: zhao.liu", "0.31", "118329480", 40210), ("explore: wang.wu", "0.22", "83975760", 18774)
                ),
                "models": _shares(("gpt-5", "0.83", "316817640", 50118)),
            },
            "top": {"callers": _shares(("web_app: zhao.liu", "0.44", "549120", 96))},
        },
        "docs": {
            "budget_name": _n("docs-week", language), "scope_name": _n("docs", language),
            "tenant_name": _n("legal", language), "spent": "812000", "limit": "1500000", "ratio": "0.5413",
            "tokens": "812000", "cost": "20.30", "burn_last_hour": "38000", "forecast": "1810000",
            "tier_on": "forecast", "tier": "100", "period": "week", "period_start": "2026-11-22T16:00:00+00:00",
            "period_end": "2026-11-29T16:00:00+00:00", "previous_period": "640000", "trailing_average": "655000",
            "actions": [], "crossing_at": "2026-11-28T09:40:00+00:00",
            "top_in_period": {"callers": _shares(("trigger: nightly-import", "0.57", "462840", 2210))},
            "top": {"callers": _shares(("trigger: nightly-import", "0.8", "30400", 118))},
        },
    }[which]  # fmt: skip
    return {**example, "dry_run_apps": [], **own, "level": _LEVEL_OF[which]}


def _taken(language: str) -> dict[str, str]:
    return {"by": "li.si", "at": "2026-11-25T02:41:00+00:00", "note": _n("taken", language)}


def _ended(language: str) -> dict[str, object]:
    app = _n("leads", language)
    return {
        "why": "below", "at": "2026-11-25T06:12:00+00:00", "since": "2026-11-25T02:30:00+00:00", "spent": "3110200",
        "limit": "4000000", "ratio": "0.7775", "cost": "77.75",
        "undone": [{"action": "pause_app", "project": app, "at": "2026-11-25T06:12:00+00:00"}], "still": [],
    }  # fmt: skip


def _facts(kind: str, language: str) -> dict[str, object]:
    zh = language == "zh"
    bot, docs, leads = (_n(name, language) for name in ("bot", "docs", "leads"))
    own: dict[str, dict[str, object]] = {
        "anomaly": {"scope_name": docs},
        "loop": {"project": leads},
        "override": {
            "budget_name": _n("bot-month", language), "scope_name": bot, "reason": _n("reason", language), "note": "",
            "decided_by": "", "raise": {"cost": "2000"},
        },
        "enforcement": {"project": leads, "budget_name": _n("leads-day", language), "scope_name": leads, "decide": None,
                        "alert": "B7f3k2m9qa"},
        "source": {"trouble": None, "error": "source 'main': cannot connect to db-replica: connection refused"},
        "watch": {"usual": None, "run": None, "link": None} if zh else {
            "watch": "pass_failed", "about": "", "recipient": None, "channel": None, "attempts": None, "usual": None,
            "answer": "OperationalError",
        },
        "configuration": {"lost": [], "decide": None} if zh else {"problems": []},
        "delivery": {"budget_name": _n("leads-day", language), "scope_name": leads, "alert": "B7f3k2m9qa"},
        "report": {
            "title": "每日用量报告" if zh else "Daily report", "period": "2026-11-24",
            "lines": [
                ["昨日费用" if zh else "Cost", "¥412.30" if zh else "CN¥412.30"],
                ["比前一日" if zh else "Against the day before", "+18 %"],
                ["超出限额的预算" if zh else "Budgets above their limits", "1 / 14"],
                [bot, "62 %"], [docs, "21 %"], [leads, "9 %"],
            ],
        },
    }  # fmt: skip
    return {**kind_of(kind).example().stored(), **own.get(kind, {})}
