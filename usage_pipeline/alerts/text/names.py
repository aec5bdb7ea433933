"""What the program calls by codes, in the words that people know them by: channels, callers, keys, models and nodes."""

from collections.abc import Mapping

# By code: English, Chinese.
_CHANNELS: Mapping[str, tuple[str, str]] = {
    "wecom": ("WeCom", "企业微信"),
    "dingtalk": ("DingTalk", "钉钉"),
    "feishu": ("Feishu", "飞书"),
    "lark": ("Lark", "Lark"),
    "slack": ("Slack", "Slack"),
    "teams": ("Microsoft Teams", "Microsoft Teams"),
    "email": ("mail", "邮件"),
    "webhook": ("webhook", "Webhook"),
    "pagerduty": ("PagerDuty", "PagerDuty"),
    "sms": ("text message", "短信"),
    "apprise": ("Apprise", "Apprise"),
}
_NAMES: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "api_key": {
        "(shared)": ("(several keys, which one is not logged)", "（多个密钥，日志未区分）"),
        "(none)": ("(no API key)", "（未使用 API 密钥）"),
        "(declared)": ("(key named by a rule)", "（按规则归属的密钥）"),
        "(exact)": ("(unnamed key)", "（未命名密钥）"),
        "(sole)": ("(the project's only key)", "（项目唯一密钥）"),
        "(observed)": ("(observed key)", "（观测到的密钥）"),
    },
    "model": {"(unknown)": ("(unknown model)", "（未知模型）")},
    "node": {"(no node)": ("(outside of workflow nodes)", "（非工作流节点）")},
}
_CALLERS: Mapping[str, tuple[str, str]] = {
    "api": ("API", "API"),
    "openapi": ("Open API", "开放 API"),
    "web_app": ("Web app", "网页应用"),
    "explore": ("Explore", "探索页"),
    "console": ("Console", "控制台"),
    "debug": ("Debugging", "调试"),
    "trigger": ("Trigger", "触发器"),
    "mcp": ("MCP", "MCP"),
    "nested": ("Other app", "其他应用"),
    "indexing": ("Indexing", "知识库索引"),
    "unknown": ("Unknown", "未知"),
}


def _word(words: Mapping[str, tuple[str, str]], code: str, language: str) -> str:
    found = words.get(code)
    return code if found is None else found[1 if language == "zh" else 0]


def channel_name(code: str | None, language: str) -> str:
    """Returns a channel as people call it; one that is not known by its code."""
    return _word(_CHANNELS, code or "", language)


def shown_name(dimension: str, shown: str, language: str) -> str:
    """Returns a name of a tenant, project, key, user, model or node as people read it: codes become words."""
    if dimension == "user":
        kind, colon, who = shown.partition(": ")
        return f"{_word(_CALLERS, kind, language)}{colon}{who}"
    return _word(_NAMES.get(dimension, {}), shown, language)
