"""The words of alerts in Chinese and English."""

from typing import Any

WORDS: dict[str, Any] = {
    "zh": {
        "levels": {"info": "提示", "warning": "黄色预警", "critical": "橙色预警", "emergency": "红色告警"},
        "tenant": "工作空间", "environment": "环境", "scope": "范围", "spent": "已用 / 限额", "also": "折合",
        "period": "周期", "left_days": "还剩 {days} 天 {hours} 小时", "left_hours": "还剩 {hours} 小时 {minutes} 分",
        "left_minutes": "还剩 {minutes} 分钟", "budget": "预算",
        "measures": {"tokens": "tokens", "input_tokens": "输入 tokens", "output_tokens": "输出 tokens",
                     "calls": "次调用"},
        "burn": "近一小时", "forecast": "周期末预测",
        "crossing": "预计触限", "previous": "上一周期", "average": "历史平均", "top_callers": "主要调用方",
        "top_projects": "主要项目", "top_models": "主要模型", "top_nodes": "主要节点", "actions": "处置",
        "action_dry_run": "演练模式：本应执行 {actions}，未实际执行", "action_approve": "等待审批后执行 {actions}",
        "action_auto": "将自动执行 {actions}", "id": "告警编号", "look": "查看",
        "configuration_refused": "配置文件有误，未生效", "problem": "问题", "in_force": "当前生效",
        "last_valid": "上一个有效版本", "delivery_failed": "告警未能送达", "failed_alert": "未送达的告警",
        "source_unread": "数据源 {source} 无法读取", "last_read": "最近一次读取", "never": "从未成功",
        "meanwhile": "影响", "not_watched": "恢复之前，该处的用量不受监控",
        "recipient": "接收人", "channel": "渠道", "answer": "渠道答复",
    },
    "en": {
        "levels": {"info": "note", "warning": "yellow", "critical": "orange", "emergency": "RED"},
        "tenant": "Workspace", "environment": "Environment", "scope": "Scope", "spent": "Spent / limit",
        "also": "That is", "period": "Period", "left_days": "{days} d {hours} h left",
        "left_hours": "{hours} h {minutes} min left", "left_minutes": "{minutes} min left", "budget": "Budget",
        "measures": {"tokens": "tokens", "input_tokens": "input tokens", "output_tokens": "output tokens",
                     "calls": "calls"},
        "burn": "Last hour",
        "forecast": "Forecast for the period", "crossing": "Limit crossed at", "previous": "Period before",
        "average": "Average before", "top_callers": "Top callers", "top_projects": "Top projects",
        "top_models": "Top models", "top_nodes": "Top nodes", "actions": "Action",
        "action_dry_run": "dry run: would have done {actions}; nothing was done",
        "action_approve": "{actions} waits for approval", "action_auto": "{actions} is being done",
        "id": "Alert", "look": "Look at it", "configuration_refused": "The configuration file is refused",
        "problem": "Problem", "in_force": "In force", "last_valid": "the last valid version",
        "delivery_failed": "An alert could not be delivered", "failed_alert": "Undelivered alert",
        "source_unread": "Source {source} cannot be read", "last_read": "Last read", "never": "never",
        "meanwhile": "Meanwhile", "not_watched": "what is spent there is not watched",
        "recipient": "Recipient", "channel": "Channel", "answer": "Channel's answer",
    },
}  # fmt: skip
