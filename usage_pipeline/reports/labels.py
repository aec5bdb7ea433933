"""Codes and ids of the warehouse in the words that people know them by; files for machines keep the codes."""

from collections.abc import Mapping

from usage_pipeline.alerts.kinds.enforcement import ENFORCEMENT
from usage_pipeline.alerts.kinds.override import OVERRIDE
from usage_pipeline.alerts.text.names import shown_name as name
from usage_pipeline.alerts.text.words import WORDS

# By code: English, Chinese.
_STATES: Mapping[str, tuple[str, str]] = {
    "dry_run": ("dry run, nothing was done", "演练，未实际执行"),
    "planned": ("waits for approval", "等待审批"),
    "approved": ("approved, not done yet", "已批准，尚未执行"),
    "applied": ("done", "已执行"),
    "verified": ("done and verified", "已执行并核实"),
    "released": ("undone", "已解除"),
    "failed": ("failed", "执行失败"),
    "refused": ("not done", "未执行"),
    "rejected": ("rejected", "已驳回"),
    "expired": ("nobody approved it in time", "审批超时"),
    "not_needed": ("no longer needed", "已无需执行"),
}
_KINDS: Mapping[str, tuple[str, str]] = {
    "budget": ("Budget", "预算"),
    "anomaly": ("Unusual usage", "异常用量"),
    "override": ("Override of a budget", "预算临时上调"),
    "enforcement": ("Action", "处置"),
    "source": ("Source", "数据来源"),
    "watch": ("Pipeline", "采集流程"),
    "configuration": ("Configuration", "配置"),
    "delivery": ("Delivery", "消息投递"),
    "test": ("Test", "测试"),
}
_PERIODS: Mapping[str, tuple[str, str]] = {
    "hour": ("hour", "小时"),
    "day": ("day", "日"),
    "week": ("week", "周"),
    "month": ("month", "月"),
    "quarter": ("quarter", "季度"),
    "year": ("year", "年"),
    "rolling": ("rolling window", "滚动窗口"),
    "campaign": ("campaign", "活动期"),
}
_RAISED = ("a raise was approved", "临时上调已获批准")
_COST = ("cost", "费用")
_OK = ("ok", "正常")

__all__ = [
    "action",
    "action_state",
    "attribution",
    "ground",
    "kind",
    "level",
    "measure",
    "name",
    "override_state",
    "period",
]


def _word(words: Mapping[str, tuple[str, str]], code: str, language: str) -> str:
    found = words.get(code)
    return code if found is None else found[1 if language == "zh" else 0]


def level(code: str, language: str) -> str:
    """Returns the word of a level; that of a budget below all tiers too."""
    return _OK[1 if language == "zh" else 0] if code == "ok" else WORDS[language].levels.get(code, code)


def action(code: str, language: str) -> str:
    """Returns the word of an action."""
    return ENFORCEMENT.words[language].enforcement_actions.get(code, code)


def action_state(code: str, language: str) -> str:
    """Returns the word of an action's state."""
    return _word(_STATES, code, language)


def override_state(code: str, language: str) -> str:
    """Returns the word of an override's state."""
    return OVERRIDE.words[language].override_steps.get("requested" if code == "pending" else code, code)


def kind(code: str, language: str) -> str:
    """Returns the word of a kind of alert."""
    return _word(_KINDS, code, language)


def period(code: str, language: str) -> str:
    """Returns the word of a budget's period; of rolling windows and campaigns, how long or when."""
    first, _, rest = code.partition(":")
    word = _word(_PERIODS, first, language)
    return f"{word} {rest.replace(':', ' – ')}" if rest else word


def measure(code: str, language: str) -> str:
    """Returns the unit of a measure."""
    return _COST[1 if language == "zh" else 0] if code == "cost" else WORDS[language].measures.get(code, code)


def ground(why: str | None, language: str) -> str:
    """Returns why an action or a lock was undone; what a person wrote stays as it is."""
    if why is None:
        return ""
    if why.startswith("raise "):
        return _RAISED[1 if language == "zh" else 0]
    return WORDS[language].grounds.get(why, why)


def attribution(code: str, language: str) -> str:
    """Returns how calls were told to an API key, for what is not."""
    return name("api_key", f"({code})", language).strip("()（）")
