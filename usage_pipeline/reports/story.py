"""What happened in an edition's days as a story: tiers reached, overrides, actions and locks, in the order of time."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from usage_pipeline.alerts.kinds.registry import kind_of
from usage_pipeline.alerts.message import severity
from usage_pipeline.reports import labels
from usage_pipeline.reports.document import Report
from usage_pipeline.reports.happened import ActionLine, AlertLine, LockLine, OverrideLine
from usage_pipeline.reports.numbers import measured, share

# Told by what was done itself.
_TOLD_ELSEWHERE = ("override", "enforcement")
_TEXTS: Mapping[str, tuple[str, str]] = {
    "reached": (
        "Budget “{budget}” reached {percent} of its limit: {spent} of {limit} {unit}.",
        "预算“{budget}”已用 {percent}：{spent} / {limit} {unit}。",
    ),
    "foreseen": (
        "Budget “{budget}” is on its way to {percent} of its limit of {limit} {unit}.",
        "预算“{budget}”预计将达到限额 {limit} {unit} 的 {percent}。",
    ),
    "requested": (
        "{by} asked for {amount} more for “{budget}” until {until}: {reason}.",
        "{by} 申请将“{budget}”上调 {amount}，至 {until}：{reason}。",
    ),
    "approved": ("{by} approved {amount} more for “{budget}”.", "{by} 批准将“{budget}”上调 {amount}。"),
    "rejected": ("{by} rejected the request for “{budget}”.", "{by} 驳回了“{budget}”的上调申请。"),
    "planned": ("{action} of {target} waits for approval.", "{target}：{action}，等待审批。"),
    "dry_run": (
        "{action} of {target} would have been done; it was a dry run.",
        "{target}：本应执行“{action}”，演练模式未实际执行。",
    ),
    "applied": ("{action} of {target}: done.", "{target}：已执行“{action}”。"),
    "applied_by": ("{action} of {target}: done, {by} approved it.", "{target}：经 {by} 批准，已执行“{action}”。"),
    "released": ("{action} of {target}: undone, {why}.", "{target}：已解除“{action}”，{why}。"),
    "failed": ("{action} of {target}: {state}.", "{target}：{action}，{state}。"),
    "locked": ("“{budget}” was locked.", "“{budget}”已锁定。"),
    "unlocked": ("“{budget}” was opened again: {why}.", "“{budget}”已解锁：{why}。"),
}


@dataclass(frozen=True)
class StoryEntry:
    """Something that happened: when (aware), how grave (a level, or empty), and a sentence in the language."""

    at: datetime
    level: str
    text: str


def story(report: Report, language: str) -> list[StoryEntry]:
    """Returns what happened within the edition, oldest first; of tiers reached at one moment only the gravest."""
    teller = _Teller(report, language)
    every = [*teller.tiers(), *teller.others(), *teller.overrides(), *teller.actions(), *teller.locks()]
    begins, ends = report.edition.begins_at(report.zone), report.edition.ends_at(report.zone)
    within = [entry for entry in every if begins <= entry.at < ends]
    return sorted(within, key=lambda entry: (entry.at, severity(entry.level), entry.text))


def clock(at: datetime, report: Report) -> str:
    """Returns a moment in the report's zone: the time of day, with the day where the edition is longer than one."""
    local = at.astimezone(ZoneInfo(report.zone))
    return f"{local:%H:%M}" if report.edition.kind == "day" else f"{local:%m-%d %H:%M}"


class _Teller:
    """Tells one report's story in one language."""

    def __init__(self, report: Report, language: str) -> None:
        self.report = report
        self.language = language
        self.budgets = {line.budget_id: line for line in report.budgets}

    def tiers(self) -> Iterator[StoryEntry]:
        """Budgets that reached tiers: of those of one moment the gravest."""
        gravest: dict[tuple[object, ...], AlertLine] = {}
        for alert in self.report.alerts:
            if alert.kind != "budget":
                continue
            key = alert.created_at, alert.budget_id, alert.scope_value
            if key not in gravest or alert.tier > gravest[key].tier:
                gravest[key] = alert
        for alert in gravest.values():
            yield StoryEntry(alert.created_at, alert.level, self._tier(alert))

    def _tier(self, alert: AlertLine) -> str:
        spent, limit, measure = alert.spent, alert.limit, alert.measure or "tokens"
        foreseen = alert.facts.get("tier_on") == "forecast" or not (spent is not None and limit)
        ratio = spent / limit if spent is not None and limit and not foreseen else alert.tier / 100
        return (
            self._say(
                "foreseen" if foreseen else "reached",
                budget=self._budget(alert.budget_id, alert.scope_name, alert.facts.get("budget_name")),
                percent=share(ratio),
                spent=self._amount(spent, measure),
                limit=self._amount(limit, measure),
                unit="" if measure == "cost" else labels.measure(measure, self.language),
            )
            .replace(" .", ".")
            .replace(" 。", "。")
        )

    def others(self) -> Iterator[StoryEntry]:
        """Alerts of other kinds, in the words that their messages have."""
        for alert in self.report.alerts:
            if alert.kind != "budget" and alert.kind not in _TOLD_ELSEWHERE:
                kind = kind_of(alert.kind)
                title = kind.title(kind.read(alert.facts), self.language)
                yield StoryEntry(alert.created_at, alert.level, f"{labels.kind(alert.kind, self.language)}: {title}")

    def overrides(self) -> Iterator[StoryEntry]:
        """Requests for overrides, and what was decided on them."""
        for line in self.report.overrides:
            said = {"budget": self._budget(line.budget_id, line.scope_name), "amount": self._more(line)}
            until = f"{line.until.astimezone(ZoneInfo(self.report.zone)):%m-%d %H:%M}"
            text = self._say("requested", by=line.requested_by, until=until, reason=line.reason, **said)
            yield StoryEntry(line.requested_at, "", text)
            if line.decided_at and line.state in ("approved", "ended", "rejected"):
                what = "rejected" if line.state == "rejected" else "approved"
                yield StoryEntry(line.decided_at, "", self._say(what, by=line.decided_by or "", **said))

    def actions(self) -> Iterator[StoryEntry]:
        """What enforcement did, undid, would have done or could not do."""
        for line in self.report.actions:
            said = {"action": self._action(line), "target": self._target(line)}
            if line.applied_at:
                what = "applied_by" if line.decided_by and not line.decided_by.startswith("mode ") else "applied"
                yield StoryEntry(line.applied_at, line.level, self._say(what, by=line.decided_by or "", **said))
            elif line.state in ("dry_run", "planned"):
                yield StoryEntry(line.at, line.level, self._say(line.state, **said))
            else:
                state = labels.action_state(line.state, self.language)
                yield StoryEntry(line.at, line.level, self._say("failed", state=state, **said))
            if line.released_at:
                why = labels.ground(line.release_why, self.language) or labels.action_state("released", self.language)
                yield StoryEntry(line.released_at, "", self._say("released", why=why, **said))

    def locks(self) -> Iterator[StoryEntry]:
        """Values that were locked and opened again."""
        for line in self.report.locks:
            budget = self._of_lock(line)
            yield StoryEntry(line.locked_at, "emergency", self._say("locked", budget=budget))
            if line.unlocked_at:
                why = labels.ground(line.unlocked_why, self.language)
                yield StoryEntry(line.unlocked_at, "", self._say("unlocked", budget=budget, why=why))

    def _of_lock(self, line: LockLine) -> str:
        return self._budget(line.budget_id, line.scope_name)

    def _action(self, line: ActionLine) -> str:
        word = labels.action(line.action, self.language)
        return word[:1].upper() + word[1:]

    def _target(self, line: ActionLine) -> str:
        return line.target or self._budget(line.budget_id, line.scope_name)

    def _more(self, line: OverrideLine) -> str:
        if line.raise_percent is not None:
            return f"{line.raise_percent.normalize():f} %"
        measure = line.measure or "tokens"
        unit = "" if measure == "cost" else f" {labels.measure(measure, self.language)}"
        return f"{self._amount(line.raise_by, measure)}{unit}"

    def _budget(self, budget_id: str, scope_name: str, name: object = None) -> str:
        known = self.budgets.get(budget_id)
        called = str(name) if name else known.name if known else budget_id
        return f"{called} · {scope_name}" if scope_name else called

    def _amount(self, value: Decimal | None, measure: str) -> str:
        return measured(value, measure, self.report.currency, self.language)

    def _say(self, what: str, **parts: str) -> str:
        return _TEXTS[what][1 if self.language == "zh" else 0].format(**parts)
