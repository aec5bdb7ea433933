"""The words of enforcement's alerts, in Chinese and English; what a detail says in words of the program among them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from usage_pipeline.alerts.text.words import WORDS


@dataclass(frozen=True)
class EnforcementWords:
    """The words of one language."""

    enforcement_steps: dict[str, str]
    enforcement_actions: dict[str, str]
    limits: dict[str, str]
    said: Mapping[str, str]  # what a detail says in words of the program, and how a person says it
    sentences: Sequence[tuple[str, str]]  # patterns of what a detail says, and how it is said in the language
    because_of: str
    detail: str
    not_stopped: str
    undo: str


ENFORCEMENT_WORDS: Mapping[str, EnforcementWords] = {
    "zh": EnforcementWords(
        enforcement_steps={
            "dry_run": "演练：本应执行，未实际执行",
            "waiting for approval": "等待审批",
            "applied": "已执行",
            "failed": "执行失败",
            "released": "已解除",
            "by_hand": "已被人工恢复，不再干预",
            "refused": "未执行",
            "rejected": "审批未通过",
            "expired": "审批超时，未执行",
            "release_failed": "暂时无法解除，仍在重试",
            "asked": "请求外部系统处置",
            "no_more": "外部系统可恢复",
        },
        enforcement_actions={
            "pause_app": "暂停应用",
            "switch_model": "切换模型",
            "lock": "锁定",
            "throttle": "限制并发",
            "webhook": "通知外部系统",
        },
        limits={
            "console": "控制台内的探索与调试",
            "nested": "作为工具被其他应用调用",
            "in_flight": "已在运行的调用",
            "throttle_late": "约五分钟内才生效",
            "throttle_beside": "触发器与嵌套调用",
            "old_conversations": "已有对话仍用原模型",
            "pinned": "指定了版本的调用与工作流工具",
        },
        said={
            "service_api": "服务 API",
            "web_app": "网页应用",
            "mcp_server": "MCP 服务",
            "trigger": "触发器",
            "throttle": "并发上限",
            "open": "已开启",
            "closed": "已关闭",
            "raise": "临时上调",
            "it is on the list enforcement.never": "该项目在永不处置名单中",
            "all of it was so before: it stays so when this is undone": "处置前已是如此，解除后保持原样",
        },
        sentences=(
            (r"source (.+?) has no console to act through", r"数据源 \1 未配置控制台，无法处置"),
            (r"^mode (?:is )?off(?: now)?", "处置现为关闭"),
            (r"^mode (?:is )?dry_run(?: now)?", "处置现为演练模式"),
            (r"^mode (?:is )?approve(?: now)?", "处置现为审批模式"),
            (r"^mode (?:is )?auto(?: now)?", "处置现为自动模式"),
            (r"^model (?=\S)", "模型 "),
            (r"; not: ", "；未成功："),
            (r"left as somebody has set it: ", "保留他人的设置："),
            (r"still held by ", "仍受其他处置限制："),
            (r"not as it was set: ", "与设置不符："),
            (r"could not be read", "无法读取"),
            (
                r"somebody has changed the app's configuration meanwhile; nothing was done",
                "应用配置期间已被他人修改，未执行",
            ),
            (r"it has no draft that could be published", "没有可发布的草稿"),
            (r"it was never published", "从未发布"),
            (r"somebody has published another version meanwhile; nothing was done", "期间已有人发布其他版本，未执行"),
            (
                r"the workflow has edits that are not published; publishing would ship them: publish or discard them",
                "工作流有未发布的修改，发布会将其一并上线；请先发布或放弃这些修改",
            ),
            (r"somebody is editing the workflow; nothing was done", "有人正在编辑工作流，未执行"),
            (
                r"somebody is editing the workflow; its draft has our models, not published",
                "有人正在编辑工作流；草稿已换用我们的模型，尚未发布",
            ),
            (r"it uses no model that enforcement\.cheaper_models has another for", "没有可替换为更便宜模型的模型"),
            (r"no more than (\d+) calls may run at once already", r"并发上限已不超过 \1"),
            (r"it has none of the doors that enforcement\.pause names", "没有可关闭的入口"),
        ),
        because_of="起因告警",
        detail="详情",
        not_stopped="无法阻止",
        undo="撤销命令",
    ),
    "en": EnforcementWords(
        enforcement_steps={
            "dry_run": "dry run: would have been done, nothing was done",
            "waiting for approval": "waits for approval",
            "applied": "done",
            "failed": "failed",
            "released": "undone",
            "by_hand": "was undone by hand; it is left so",
            "refused": "not done",
            "rejected": "rejected",
            "expired": "nobody approved it in time; not done",
            "release_failed": "cannot be undone yet; it is tried again",
            "asked": "please act",
            "no_more": "no longer needed",
        },
        enforcement_actions={
            "pause_app": "pause app",
            "switch_model": "switch model",
            "lock": "lock",
            "throttle": "throttle",
            "webhook": "outside system",
        },
        limits={
            "console": "Explore and debugging in the console",
            "nested": "calls as a tool of other apps",
            "in_flight": "runs that have begun",
            "throttle_late": "calls of the next five minutes",
            "throttle_beside": "triggers and nested calls",
            "old_conversations": "conversations that have begun keep the old model",
            "pinned": "callers that name a version, and workflow tools",
        },
        said={
            "service_api": "API",
            "web_app": "web app",
            "mcp_server": "MCP server",
            "raise": "override",
            "trigger": "trigger",
            "throttle": "cap of calls at once",
            "it is on the list enforcement.never": "it is never to be touched",
        },
        sentences=(
            (
                r"it uses no model that enforcement\.cheaper_models has another for",
                "it uses no model that has a cheaper one",
            ),
            (r"it has none of the doors that enforcement\.pause names", "it has no way in that could be closed"),
            (r"^mode (?:is )?dry_run(?: now)?", "enforcement is a dry run now"),
            (r"^mode (?:is )?(off|approve|auto)(?: now)?", r"enforcement is now in mode \1"),
        ),
        because_of="Because of alert",
        detail="Detail",
        not_stopped="Does not stop",
        undo="Undo with",
    ),
}


def detail_in_words(detail: str, language: str) -> str:
    """Returns a detail as a person says it: known sentences first, then whole words of the program, the longest first.

    What Dify's console or a person said stays as it is.
    """
    words = ENFORCEMENT_WORDS[language]
    for pattern, form in words.sentences:
        detail = re.sub(pattern, form, detail)
    said = {**WORDS[language].grounds, **words.said}
    known = "|".join(re.escape(word) for word in sorted(said, key=len, reverse=True))
    return re.sub(rf"(?<![\w-])({known})(?![\w-])", lambda found: said[found[1]], detail)
