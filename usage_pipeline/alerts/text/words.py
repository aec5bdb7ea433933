"""The words that alerts share, in Chinese and English; what only one kind uses stands with the kind."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True)
class Words:
    """The words of one language."""

    locale: str  # of CLDR
    levels: Mapping[str, str]
    events: Mapping[str, str]
    grounds: Mapping[str, str]  # why an action or a lock was undone
    measures: Mapping[str, str]
    measure_of_one: Mapping[str, str]
    large_numbers: Sequence[tuple[Decimal, str]]  # the largest first, with how it is written behind a number
    days: str
    hours: str
    minutes: str
    left_days: str
    left_hours: str
    left_minutes: str
    budget: str
    scope: str
    project: str
    problem: str
    error: str
    recipient: str
    channel: str
    answer: str
    until: str
    usual: str
    decide: str
    id: str
    look: str
    acknowledge: str
    deeds: Mapping[str, str]
    taken_by: str
    note: str
    list: str
    more: str
    and_more: str
    cut: str


WORDS: Mapping[str, Words] = {
    "zh": Words(
        locale="zh_CN",
        levels={"info": "提示", "warning": "黄色预警", "critical": "橙色预警", "emergency": "红色告警"},
        events={"resolve": "已恢复", "acknowledge": "已确认"},
        grounds={
            "period ended": "周期已结束",
            "window moved on": "窗口已滚动",
            "limit raised": "限额已上调",
            "no longer in the budget": "预算不再要求此处置",
            "loops are no longer paused": "配置不再要求暂停循环调用的应用",
            "budget removed": "预算已删除",
            "gone at Dify": "应用已在 Dify 中删除",
            "by hand at Dify": "已在 Dify 中人工恢复",
        },
        measures={
            "tokens": "tokens",
            "input_tokens": "输入 tokens",
            "output_tokens": "输出 tokens",
            "calls": "次调用",
        },
        measure_of_one={},
        large_numbers=((Decimal(10**8), " 亿"), (Decimal(10**4), " 万")),
        days="{count} 天",
        hours="{count} 小时",
        minutes="{count} 分钟",
        left_days="还剩 {days} 天 {hours} 小时",
        left_hours="还剩 {hours} 小时 {minutes} 分",
        left_minutes="还剩 {minutes} 分钟",
        budget="预算",
        scope="范围",
        project="项目",
        problem="问题",
        error="错误原文",
        recipient="接收人",
        channel="渠道",
        answer="渠道答复（原文）",
        until="有效期至",
        usual="往常（中位数）",
        decide="批准或驳回",
        id="告警编号",
        look="查看",
        acknowledge="确认",
        deeds={
            "read": "打开",
            "acknowledge": "我来处理",
            "request": "申请更多额度",
            "approve": "批准",
            "reject": "驳回",
            "undo": "撤销处置",
        },
        taken_by="接手人",
        note="备注",
        list="全部告警",
        more="另有 {count} 条未列出",
        and_more="等，另有 {count} 条",
        cut="…(已截断)",
    ),
    "en": Words(
        locale="en",
        levels={"info": "note", "warning": "yellow", "critical": "orange", "emergency": "RED"},
        events={"resolve": "resolved", "acknowledge": "acknowledged"},
        grounds={
            "period ended": "the period ended",
            "window moved on": "the window moved on",
            "limit raised": "the limit was raised",
            "no longer in the budget": "the budget asks for it no more",
            "loops are no longer paused": "the configuration pauses loops no more",
            "budget removed": "the budget was removed",
            "gone at Dify": "the app is gone at Dify",
            "by hand at Dify": "somebody undid it at Dify",
        },
        measures={
            "tokens": "tokens",
            "input_tokens": "input tokens",
            "output_tokens": "output tokens",
            "calls": "calls",
        },
        measure_of_one={
            "tokens": "token",
            "input_tokens": "input token",
            "output_tokens": "output token",
            "calls": "call",
        },
        large_numbers=((Decimal(10**9), " billion"), (Decimal(10**6), " million")),
        days="{count} d",
        hours="{count} h",
        minutes="{count} min",
        left_days="{days} d {hours} h left",
        left_hours="{hours} h {minutes} min left",
        left_minutes="{minutes} min left",
        budget="Budget",
        scope="Scope",
        project="Project",
        problem="Problem",
        error="Problem",
        recipient="Recipient",
        channel="Channel",
        answer="Channel's answer",
        until="Until",
        usual="Usual (median)",
        decide="Approve or reject",
        id="Alert",
        look="Look at it",
        acknowledge="Acknowledge",
        deeds={
            "read": "Open",
            "acknowledge": "I take it",
            "request": "Ask for more",
            "approve": "Approve",
            "reject": "Reject",
            "undo": "Undo",
        },
        taken_by="Taken by",
        note="Note",
        list="All alerts",
        more="and {count} more",
        and_more="and {count} more",
        cut="…(cut)",
    ),
}
