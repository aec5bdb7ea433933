"""The report in three sentences made from its figures: what it cost, who caused it, what was done and what is to do."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from usage_pipeline.alerts.text.format import written
from usage_pipeline.reports import labels
from usage_pipeline.reports.document import BudgetLine, Report, ReportDay
from usage_pipeline.reports.measures import ZERO, ratio
from usage_pipeline.reports.movers import Mover
from usage_pipeline.reports.numbers import change, cost, count, measured, share
from usage_pipeline.reports.story import clock

_WEEKS = 4
_DAYS = 28
# A week or a month that differs by no more than this from the one before is called usual.
_USUAL = Decimal("0.25")
# From twice as much on, times are easier to grasp than per cent.
_TIMES = 1
_WEEKDAYS = (
    ("Mondays", "周一"), ("Tuesdays", "周二"), ("Wednesdays", "周三"), ("Thursdays", "周四"), ("Fridays", "周五"),
    ("Saturdays", "周六"), ("Sundays", "周日"),
)  # fmt: skip
_TEXTS: Mapping[str, tuple[str, str]] = {
    "nothing": ("Nothing was spent in {days}.", "{days} 没有费用。"),
    "spent_day": ("{cost} was spent on {days}", "{days} 共花费 {cost}"),
    "spent_week": ("{cost} was spent in the week {days}", "{days} 周共花费 {cost}"),
    "spent_month": ("{cost} was spent in the month {days}", "{days} 月共花费 {cost}"),
    "before_day": ("the day before", "前一天"),
    "before_week": ("the week before", "上一周"),
    "before_month": ("the month before", "上个月"),
    "like": ("the mean of the last {n} {weekday} ({cost})", "近 {n} 个{weekday}的均值（{cost}）"),
    "more": ("{share} more than {of}", "比{of}多 {share}"),
    "less": ("{share} less than {of}", "比{of}少 {share}"),
    "same": ("as much as {of}", "与{of}持平"),
    "times": ("{times} times as much as {of}", "是{of}的 {times} 倍"),
    "usual": ("That is usual.", "属正常水平。"),
    "unusual_high": (
        "That is unusually much: no day of the {n} before cost as much.",
        "属异常偏高：此前 {n} 天中没有一天达到此水平。",
    ),
    "unusual_low": (
        "That is unusually little: no day of the {n} before cost as little.",
        "属异常偏低：此前 {n} 天中没有一天如此低。",
    ),
    "unusual_more": ("That is unusually much.", "属异常偏高。"),
    "unusual_less": ("That is unusually little.", "属异常偏低。"),
    "unknown": ("There is too little before it to say whether that is usual.", "历史数据不足，尚无法判断是否正常。"),
    "running": (
        "The days are not over: it is too early to say whether that is usual.",
        "统计日尚未结束，暂不判断是否正常。",
    ),
    "most": ("Most came from {project} ({cost}, {share})", "主要来自 {project}（{cost}，占 {share}）"),
    "moved": (
        "{project} cost {cost} {more} than before, mainly because of {why}.",
        "{project} 比上期{more} {cost}，主要因为{why}。",
    ),
    "moved_same": (
        "it cost {cost} {more} than before, mainly because of {why}.",
        "比上期{more} {cost}，主要因为{why}。",
    ),
    "word_more": ("more", "增加"),
    "word_less": ("less", "减少"),
    "why_calls": ("the number of calls ({before} → {now})", "调用次数（{before} → {now} 次）"),
    "why_length": ("the tokens a call ({before} → {now})", "每次调用的 tokens（{before} → {now}）"),
    "why_price": ("the price a token", "tokens 单价"),
    "why_mix": ("another mix of models ({shift})", "模型构成变化（{shift}）"),
    "nobody": ("Nobody used anything.", "没有任何使用。"),
    "full": ("Budget “{budget}” reached {percent} of {limit}", "预算“{budget}”达到 {limit} 的 {percent}"),
    "no_tier": ("No budget reached a threshold and nothing was stopped.", "没有预算触及阈值，也没有任何处置。"),
    "done": ("“{action}” for {target} at {at}", "{at} 对 {target} 执行“{action}”"),
    "undone": ("undone at {at} ({why})", "{at} 解除（{why}）"),
    "raised": ("{by} approved {amount} more", "{by} 批准上调 {amount}"),
    "nothing_done": ("nothing was stopped", "未做处置"),
    "needs": ("To do: {needs}.", "需要您处理：{needs}。"),
    "needs_nothing": ("You do not have to do anything.", "您无需处理任何事项。"),
    "need_override": ("decide on {by}'s request for “{budget}”", "审批 {by} 对“{budget}”的上调申请"),
    "need_action": ("decide on “{action}” of {target}", "审批对 {target} 的“{action}”"),
    "need_failed": ("look at “{action}” of {target}, which failed", "检查对 {target} 执行失败的“{action}”"),
    "need_over": ("“{budget}” stands above its limit: stop it or raise it", "“{budget}”已超限：请停用或上调"),
    "need_price": (
        "give {tokens} tokens a price (they are not in the sum)",
        "为 {tokens} 个未定价 tokens 设置价格（未计入合计）",
    ),
    "need_fit": ("look at what does not fit Dify's own sums", "核查与 Dify 自身合计不符的数据"),
    "and": ("; ", "；"),
    "comma": (", ", "，"),
    "stop": (".", "。"),
}


@dataclass(frozen=True)
class Headline:
    """Three sentences: what it cost and whether that is usual, who caused it, what was done and what is to do."""

    spent: str
    who: str
    done: str
    verdict: str  # usual, high, low or unknown

    @property
    def sentences(self) -> tuple[str, str, str]:
        """Returns them in reading order."""
        return self.spent, self.who, self.done


@dataclass(frozen=True)
class Usual:
    """Days like the report's: the mean of the same weekdays of four weeks, and the extremes of 28 days; in cost."""

    mean: Decimal | None
    weekdays: int
    lowest: Decimal
    highest: Decimal
    days: int


def headline(report: Report, language: str) -> Headline:
    """Returns the three sentences in a language."""
    writer = _Writer(report, language)
    verdict = verdict_of(report)
    return Headline(writer.spent(verdict), writer.who(), writer.done(), verdict)


def usual_of(trend: Sequence[ReportDay], day: date) -> Usual | None:
    """Returns what days like it cost; None without a day of usage before it."""
    before = [each for each in trend if day - timedelta(days=_DAYS) <= each.usage_date < day]
    used = next((at for at, each in enumerate(before) if each.calls), None)
    if used is None:
        return None
    known = before[used:]
    like = [each.base_cost for each in known if each.usage_date.weekday() == day.weekday()]
    mean = sum(like, ZERO) / len(like) if like else None
    costs = [each.base_cost for each in known]
    return Usual(mean, len(like), min(costs), max(costs), len(costs))


def verdict_of(report: Report) -> str:
    """Returns usual, high, low, or unknown where there is less than a week (or no edition) to compare with."""
    found = _verdict_by_now(report)
    # Part of a day may be too much already; that it is little says nothing yet.
    return "unknown" if is_running(report) and found != "high" else found


def _verdict_by_now(report: Report) -> str:
    total = report.totals.base_cost
    if report.edition.kind == "day":
        usual = usual_of(report.trend, report.edition.period.first)
        if usual is None or usual.days < 7:
            return "unknown"
        return "high" if total > usual.highest else "low" if total < usual.lowest else "usual"
    before = report.comparisons[0].change
    if before is None:
        return "unknown"
    return "usual" if abs(before) <= _USUAL else "high" if before > 0 else "low"


def is_running(report: Report) -> bool:
    """Whether days of the edition are not over yet."""
    return any(why.reason == "not_over" for why in report.open_reasons)


def needs(report: Report, language: str) -> list[str]:
    """Returns what asks for a person, in words."""
    return list(_Writer(report, language).needs())


class _Writer:
    """Writes one report's sentences in one language."""

    def __init__(self, report: Report, language: str) -> None:
        self.report = report
        self.language = language

    def spent(self, verdict: str) -> str:
        """What it cost, against the edition before and days like it, and whether that is usual."""
        days = self.report.edition.name
        totals = self.report.totals
        if not totals.calls and not totals.base_cost:
            return self._say("nothing", days=days)
        said = self._say(f"spent_{self.report.edition.kind}", cost=self._cost(totals.base_cost), days=days)
        return (
            self._say("comma").join([said, *self._against()]) + self._say("stop") + self._gap() + self._verdict(verdict)
        )

    def _against(self) -> Iterator[str]:
        kind = self.report.edition.kind
        before = self.report.comparisons[0].change if self.report.comparisons else None
        if before is not None:
            yield self._change(before, self._say(f"before_{kind}"))
        usual = usual_of(self.report.trend, self.report.edition.period.first) if kind == "day" else None
        if usual and usual.mean and usual.weekdays > 1:
            weekday = _WEEKDAYS[self.report.edition.period.first.weekday()][1 if self.language == "zh" else 0]
            like = self._say("like", n=str(usual.weekdays), weekday=weekday, cost=self._cost(usual.mean))
            yield self._change(ratio(self.report.totals.base_cost - usual.mean, usual.mean) or ZERO, like)

    def _verdict(self, verdict: str) -> str:
        if verdict == "unknown" and is_running(self.report):
            return self._say("running")
        if verdict in ("usual", "unknown"):
            return self._say(verdict)
        usual = usual_of(self.report.trend, self.report.edition.period.first)
        if self.report.edition.kind != "day" or usual is None:
            return self._say("unusual_more" if verdict == "high" else "unusual_less")
        return self._say(f"unusual_{verdict}", n=str(usual.days))

    def who(self) -> str:
        """Who spent most, and whose cost moved most, with the reason."""
        projects = [each for each in self.report.spent["project"] if each.base_cost]
        if not projects:
            return self._say("nobody")
        most = projects[0]
        part = ratio(most.base_cost, self.report.totals.base_cost) or ZERO
        said = self._say("most", project=most.name, cost=self._cost(most.base_cost), share=share(part))
        if not self.report.movers:
            return said + self._say("stop")
        mover = self.report.movers[0]
        what = "moved_same" if mover.key == most.key else "moved"
        more = self._say("word_more" if mover.change > 0 else "word_less")
        why = self._why(mover)
        return (
            said
            + (self._say("comma") if what == "moved_same" else self._say("stop") + self._gap())
            + self._say(what, project=mover.name, cost=self._cost(abs(mover.change)), more=more, why=why)
        )

    def _why(self, mover: Mover) -> str:
        values = {"before": "", "now": "", "shift": ""}
        if mover.reason == "calls":
            values |= {"before": count(mover.calls_before), "now": count(mover.calls_now)}
        if mover.reason == "length":
            values |= {"before": count(mover.tokens_a_call_before), "now": count(mover.tokens_a_call_now)}
        if mover.reason == "mix" and mover.shifts:
            shift = mover.shifts[0]
            values["shift"] = f"{shift.model} {share(shift.before)} → {share(shift.now)}"
        return self._say(f"why_{mover.reason}", **values)

    def done(self) -> str:
        """Which budget was fullest, what was done and undone, and what needs a person."""
        full = [line for line in self.report.budgets if line.highest_level not in ("ok", "info")]
        parts = [self._full(full[0]), *self._acts()] if full else list(self._acts())
        if not parts:
            said = self._say("no_tier")
        else:
            parts += [] if len(parts) > 1 or not full else [self._say("nothing_done")]
            said = self._say("and").join(parts) + self._say("stop")
        open_now = list(self.needs())
        asked = self._say("needs", needs=self._say("and").join(open_now)) if open_now else self._say("needs_nothing")
        return said + self._gap() + asked

    def _full(self, line: BudgetLine) -> str:
        unit = "" if line.measure == "cost" else f" {labels.measure(line.measure, self.language)}"
        limit = measured(line.base_limit, line.measure, self.report.currency, self.language) + unit
        scope = f" · {line.scope_name}" if line.scope_name else ""
        return self._say("full", budget=f"{line.name}{scope}", percent=share(line.highest_ratio), limit=limit)

    def _acts(self) -> Iterator[str]:
        for action in [each for each in reversed(self.report.actions) if each.applied_at][:2]:
            name = labels.action(action.action, self.language)
            if action.applied_at:
                at = clock(action.applied_at, self.report)
                yield self._say("done", action=name, target=action.target, at=at)
            if action.released_at:
                at, why = clock(action.released_at, self.report), labels.ground(action.release_why, self.language)
                yield self._say("undone", at=at, why=why)
        for line in [each for each in self.report.overrides if each.state in ("approved", "ended")][:1]:
            amount = (
                f"{line.raise_percent.normalize():f} %"
                if line.raise_percent is not None
                else measured(line.raise_by, line.measure or "tokens", self.report.currency, self.language)
            )
            yield self._say("raised", by=line.decided_by or "", amount=amount)

    def needs(self) -> Iterator[str]:
        """What waits for a person."""
        called = {line.budget_id: line.name for line in self.report.budgets}
        for line in self.report.overrides:
            if line.state == "pending":
                name = called.get(line.budget_id, line.budget_id)
                yield self._say("need_override", by=line.requested_by, budget=name)
        for action in self.report.actions:
            if action.state in ("planned", "failed"):
                what = "need_action" if action.state == "planned" else "need_failed"
                yield self._say(what, action=labels.action(action.action, self.language), target=action.target)
        stopped = {(a.budget_id, a.scope_value) for a in self.report.actions if a.applied_at and not a.released_at}
        stopped |= {(lock.budget_id, lock.scope_value) for lock in self.report.locks if not lock.unlocked_at}
        for budget in self.report.budgets:
            runs_on = budget.last > self.report.edition.period.last
            if budget.ratio >= 1 and runs_on and (budget.budget_id, budget.scope_value) not in stopped:
                scope = f" · {budget.scope_name}" if budget.scope_name else ""
                yield self._say("need_over", budget=f"{budget.name}{scope}")
        if self.report.totals.unpriced_tokens:
            yield self._say("need_price", tokens=count(self.report.totals.unpriced_tokens))
        if self.report.unreconciled:
            yield self._say("need_fit")

    def _change(self, value: Decimal, of: str) -> str:
        if abs(value) < Decimal("0.0005"):
            return self._say("same", of=of)
        if value >= _TIMES:
            return self._say("times", times=written(value + 1, "#,##0.#"), of=of)
        return self._say("more" if value > 0 else "less", share=change(abs(value)).lstrip("+"), of=of)

    def _gap(self) -> str:
        return "" if self.language == "zh" else " "

    def _cost(self, value: Decimal) -> str:
        return cost(value, self.report.currency, self.language)

    def _say(self, what: str, **parts: str) -> str:
        return _TEXTS[what][1 if self.language == "zh" else 0].format(**parts)
