"""What alerts about the pipeline itself say, in Chinese and English."""

from collections.abc import Mapping

from usage_pipeline.alerts.text.escape import line, plain
from usage_pipeline.alerts.text.format import moment
from usage_pipeline.alerts.text.words import WORDS

_WORDS: Mapping[str, Mapping[str, str]] = {
    "zh": {
        "passes_failed": "连续三次采集未能完成",
        "channel_failing": "渠道一小时以来持续失败：{about}",
        "source_quiet": "数据源 {about} 异常安静",
        "well_until": "此前正常至", "never": "从未", "usual": "往常同一时段的调用数", "attempts": "失败次数",
        "recipient": "接收人", "channel": "渠道", "answer": "最近的答复",
    },
    "en": {
        "passes_failed": "Three passes in a row did not come to their end",
        "channel_failing": "A channel has failed for an hour: {about}",
        "source_quiet": "Source {about} is quieter than it ever is at this time of the week",
        "well_until": "All was well until", "never": "never", "usual": "Calls at this time of other weeks",
        "attempts": "Failed attempts", "recipient": "Recipient", "channel": "Channel", "answer": "Last answer",
    },
}  # fmt: skip


def _said(words: Mapping[str, object]) -> Mapping[str, str]:
    return _WORDS["zh" if words is WORDS["zh"] else "en"]


def watch_title(facts: Mapping[str, object], words: Mapping[str, object]) -> str:
    """What is the matter, in one line, not escaped."""
    said = _said(words)
    return said.get(str(facts.get("watch")), str(facts.get("watch"))).format(about=plain(facts.get("about")))


def watch_lines(facts: Mapping[str, object], words: Mapping[str, object]) -> list[tuple[str, str]]:
    """Since when, and what is known, not escaped."""
    said = _said(words)
    lines = [(said["well_until"], moment(facts.get("well_until"), facts) or said["never"])]
    keys = ("recipient", "channel", "attempts", "usual", "answer")
    return lines + [(said[key], line(facts[key])) for key in keys if facts.get(key)]
