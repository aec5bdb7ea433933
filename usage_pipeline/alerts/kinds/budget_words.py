"""The words of budget alerts, in Chinese and English."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class BudgetWords:
    """The words of one language."""

    story: str
    tenant: str
    environment: str
    spent: str
    also: str
    period: str
    burn: str
    forecast: str
    crossing: str
    previous: str
    average: str
    top_callers: str
    top_projects: str
    top_models: str
    top_nodes: str
    in_period: str
    in_last_hour: str
    actions: str
    action_dry_run: str
    action_dry_run_of: str
    action_approve: str
    action_auto: str
    so_far: Mapping[str, str]
    so_far_window: str
    has_used: str
    will_use: str
    times_usual: str
    mostly_by: str
    mostly_of_both: str
    mostly_in_last_hour: str
    ended: str
    why_ended: Mapping[str, str]
    lasted: str
    undone: str
    still: str
    list_mark: str
    and_at: str
    step: str


BUDGET_WORDS: Mapping[str, BudgetWords] = {
    "zh": BudgetWords(
        story="概况",
        tenant="工作空间",
        environment="环境",
        spent="已用 / 限额",
        also="另计",
        period="周期",
        burn="近一小时",
        forecast="周期末预测",
        crossing="按预测触限时间",
        previous="上一周期",
        average="历史平均",
        top_callers="主要调用方",
        top_projects="主要项目",
        top_models="主要模型",
        top_nodes="主要节点",
        in_period="{part}（本周期）",
        in_last_hour="{part}（近一小时）",
        actions="处置",
        action_dry_run="演练模式：本应{actions}，未实际执行",
        action_dry_run_of="演练模式：本应{actions}（{apps}），未实际执行",
        action_approve="{actions}，等待审批后执行",
        action_auto="将自动{actions}",
        so_far={
            "hour": "这一小时",
            "day": "今天",
            "week": "本周",
            "month": "本月",
            "quarter": "本季度",
            "year": "今年",
            "campaign": "活动期内",
        },
        so_far_window="最近 {length}",
        has_used="{what} {when}已用 {spent}，占限额的 {percent}",
        will_use="{what} {when}已用 {spent}，按预测到期末将用 {forecast}，超出限额 {limit}",
        times_usual="，是平日的 {times} 倍",
        mostly_by="；{share} 来自 {name}",
        mostly_of_both="；{share} 来自 {name}（近一小时占 {hour}）",
        mostly_in_last_hour="；近一小时 {share} 来自 {name}",
        ended="恢复原因",
        why_ended={"period_over": "周期已结束", "below": "已低于该档位（限额上调或用量更正）"},
        lasted="持续时间",
        undone="已解除的处置",
        still="仍在执行的处置",
        list_mark="、",
        and_at="{what}，{at}",
        step="{project}（{action}）",
    ),
    "en": BudgetWords(
        story="In short",
        tenant="Workspace",
        environment="Environment",
        spent="Spent / limit",
        also="As well",
        period="Period",
        burn="Last hour",
        forecast="Forecast for the period",
        crossing="Limit reached by forecast",
        previous="Period before",
        average="Average before",
        top_callers="Top callers",
        top_projects="Top projects",
        top_models="Top models",
        top_nodes="Top nodes",
        in_period="{part}, this period",
        in_last_hour="{part}, last hour",
        actions="Action",
        action_dry_run="dry run: would {actions}; nothing was done",
        action_dry_run_of="dry run: would {actions} ({apps}); nothing was done",
        action_approve="{actions}: waits for approval",
        action_auto="{actions}: being done",
        so_far={
            "hour": "this hour",
            "day": "today",
            "week": "this week",
            "month": "this month",
            "quarter": "this quarter",
            "year": "this year",
            "campaign": "in its campaign",
        },
        so_far_window="in the last {length}",
        has_used="{what} has used {spent} {when}, {percent} of its limit",
        will_use="{what} has used {spent} {when} and is on the way to {forecast}, above its limit of {limit}",
        times_usual=", {times} times the usual",
        mostly_by="; {share} of it by {name}",
        mostly_of_both="; {share} of it by {name} ({hour} of the last hour)",
        mostly_in_last_hour="; {share} of the last hour by {name}",
        ended="Why it is over",
        why_ended={
            "period_over": "its period has ended",
            "below": "below this tier again (limit raised or usage corrected)",
        },
        lasted="It lasted",
        undone="Undone",
        still="Still in force",
        list_mark=", ",
        and_at="{what}, {at}",
        step="{project} ({action})",
    ),
}
