"""What enforcement did, waits to do, or could not do: one alert a step of an action."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum

from usage_pipeline.alerts.kinds.base import AlertFacts, AlertKind, Identity, Lines, NewAlert
from usage_pipeline.alerts.text.escape import line, plain
from usage_pipeline.alerts.text.format import moment
from usage_pipeline.alerts.text.words import WORDS
from usage_pipeline.settings.budget import Level


class EnforcementStep(StrEnum):
    """The steps of an action, each of which is one alert. Their order stands in keys: new ones go to the end."""

    DRY_RUN = "dry_run"
    WAITING = "waiting for approval"
    APPLIED = "applied"
    FAILED = "failed"
    RELEASED = "released"
    BY_HAND = "by_hand"
    REFUSED = "refused"
    REJECTED = "rejected"
    EXPIRED = "expired"
    RELEASE_FAILED = "release_failed"
    ASKED = "asked"
    NO_MORE = "no_more"


_AS_SEVERE_AS_THE_TIER = frozenset(
    {
        EnforcementStep.DRY_RUN,
        EnforcementStep.APPLIED,
        EnforcementStep.FAILED,
        EnforcementStep.WAITING,
        EnforcementStep.ASKED,
    }
)
_WARNINGS = frozenset({EnforcementStep.REFUSED, EnforcementStep.RELEASE_FAILED, EnforcementStep.EXPIRED})


@dataclass(frozen=True, kw_only=True)
class EnforcementFacts(AlertFacts):
    """An action's step (``what``), its target and cause, how to undo or decide it, and what it does not stop."""

    what: str | None = None
    action: str | None = None
    action_id: str | None = None
    project: str | None = None
    budget_id: str | None = None
    budget_name: str | None = None
    scope_name: str | None = None
    alert: str | None = None
    detail: str | None = None
    undo: str | None = None
    decide: str | None = None
    until: datetime | None = None
    limits_of_action: tuple[str, ...] = ()
    as_of: datetime | None = None
    timezone: str | None = None


@dataclass(frozen=True)
class EnforcementKey:
    """A step of an action; ``since`` tells nothing apart: an action's id is made of what it is about."""

    action_id: str
    scope_value: str
    since: datetime
    step: EnforcementStep

    def identity(self) -> Identity:
        """Returns the columns that it stands in."""
        number_of_step = Decimal(list(EnforcementStep).index(self.step) + 1)
        return Identity(self.action_id, self.scope_value, self.since, number_of_step)


@dataclass(frozen=True)
class _Words:
    enforcement_steps: dict[str, str]
    enforcement_actions: dict[str, str]
    limits: dict[str, str]
    said: Mapping[str, str]  # what a detail says in words of the program, and how a person says it
    because_of: str
    detail: str
    not_stopped: str
    undo: str


_WORDS: Mapping[str, _Words] = {
    "zh": _Words(
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
        because_of="起因告警",
        detail="详情",
        not_stopped="无法阻止",
        undo="撤销命令",
    ),
    "en": _Words(
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
            "it is on the list enforcement.never": "it is never to be touched",
        },
        because_of="Because of alert",
        detail="Detail",
        not_stopped="Does not stop",
        undo="Undo with",
    ),
}


class EnforcementKind(AlertKind[EnforcementFacts, _Words]):
    """What was done to which app, because of what, and how to undo it."""

    name = "enforcement"
    # What was done about an alert calls nobody again: the alert itself does.
    only_notes = ({"what": EnforcementStep.DRY_RUN.value}, {"what": EnforcementStep.APPLIED.value})
    facts_class = EnforcementFacts
    words = _WORDS

    def title(self, facts: EnforcementFacts, language: str) -> str:
        """The action, its step, and at which app."""
        words, what, action = self.words[language], plain(facts.what), plain(facts.action)
        said = f"{words.enforcement_actions.get(action, action)} · {words.enforcement_steps.get(what, what)}"
        of_budget = " · ".join(part for part in (plain(facts.budget_name), plain(facts.scope_name)) if part)
        about = plain(facts.project) or of_budget
        return f"{said}: {about}" if about else said

    def lines(self, facts: EnforcementFacts, language: str) -> Lines:
        """Target, cause, what is not stopped, and the commands."""
        words, shared = self.words[language], WORDS[language]
        limits = [line(limit) for limit in facts.limits_of_action]
        return [
            (words.detail, _in_words(line(facts.detail), {**shared.grounds, **words.said})),
            (shared.project, line(facts.project)),
            (shared.budget, line(facts.budget_name)),
            (shared.scope, line(facts.scope_name)),
            (words.because_of, line(facts.alert)),
            *((words.not_stopped, words.limits.get(limit, limit)) for limit in limits),
            (shared.until, moment(facts.until, facts.timezone) or ""),
            (shared.decide, line(facts.decide)),
            (words.undo, line(facts.undo)),
        ]

    def deeds(self, facts: EnforcementFacts) -> tuple[str, ...]:
        """Undoing it where it was done, deciding it where it waits."""
        return (*(("undo",) if facts.undo else ()), *(("approve", "reject") if facts.decide else ()))

    def example(self) -> EnforcementFacts:
        """An app that was paused."""
        return EnforcementFacts(
            level="emergency",
            recipients=("ops",),
            what=EnforcementStep.APPLIED.value,
            action="pause_app",
            action_id="act-7k3m9qab",
            project="support-bot",
            budget_id="dev-daily",
            budget_name="dev-daily",
            scope_name="support-bot",
            alert="Bold",
            detail="web_app closed, service_api closed",
            undo="usage-pipeline enforcement release act-7k3m9qab",
            decide="usage-pipeline enforcement approve act-7k3m9qab",
            until=datetime(2026, 3, 2, 12, tzinfo=UTC),
            limits_of_action=("in_flight", "nested"),
            as_of=datetime(2026, 3, 2, 9, tzinfo=UTC),
            timezone="Asia/Shanghai",
        )


ENFORCEMENT = EnforcementKind()


def _in_words(detail: str, said: Mapping[str, str]) -> str:
    """A detail as a person says it: whole words of the program become words of the language, the longest first."""
    known = "|".join(re.escape(word) for word in sorted(said, key=len, reverse=True))
    return re.sub(rf"(?<![\w-])({known})(?![\w-])", lambda found: said[found[1]], detail)


def enforcement_alert(
    key: EnforcementKey, facts: EnforcementFacts, level_of_tier: Level, config_version: int | None, at: datetime
) -> NewAlert[EnforcementFacts]:
    """Returns the alert of a step: as severe as the tier where something is done, else a warning or a note."""
    step, level = key.step, level_of_tier
    if step not in _AS_SEVERE_AS_THE_TIER:
        level = "warning" if step in _WARNINGS else "info"
    return NewAlert(kind=ENFORCEMENT, key=key, level=level, facts=facts, config_version=config_version, at=at)
