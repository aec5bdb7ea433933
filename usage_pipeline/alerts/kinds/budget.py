"""A budget reached a tier: one alert, ever, for each value and period."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Literal

from usage_pipeline.alerts.kinds.base import AlertFacts, AlertKind, Identity, Lines
from usage_pipeline.alerts.kinds.budget_parts import Ended, Share, Top, ended_of, shares_as_json, top_of
from usage_pipeline.alerts.kinds.budget_words import BUDGET_WORDS, BudgetWords
from usage_pipeline.alerts.kinds.what_is_done import action_names, undoing, what_is_done
from usage_pipeline.alerts.text.escape import plain
from usage_pipeline.alerts.text.format import amount, duration, moment, percent, period, rounded_amount
from usage_pipeline.alerts.text.names import shown_name
from usage_pipeline.alerts.text.words import WORDS, Words

_TOP = ("callers", "projects", "models", "nodes")
_DIMENSIONS = {"callers": "user", "models": "model", "nodes": "node"}
# From how many times the usual on it is worth a word.
_UNUSUAL = Decimal("1.5")


@dataclass(frozen=True, kw_only=True)
class BudgetFacts(AlertFacts):
    """How a budget's value stood; amounts in the measure's unit, cost in ``currency``, ratio 1 at the limit.

    ``tokens`` and ``cost`` are what was spent of either, whatever is limited; ``top`` and ``burn_last_hour`` are of the
    hour before ``as_of``, ``top_in_period`` of the period so far; ``fallback`` names who is called when nobody else was
    reached. ``dry_run_apps`` and ``ended`` are added when the message is made.
    """

    budget_id: str | None = None
    budget_name: str | None = None
    scope_name: str | None = None
    tenant_name: str | None = None
    environment: str | None = None
    tier: Decimal | None = None
    tier_on: str | None = None
    measure: str | None = None
    currency: str | None = None
    spent: Decimal | None = None
    limit: Decimal | None = None
    ratio: Decimal | None = None
    tokens: Decimal | None = None
    cost: Decimal | None = None
    period: str | None = None
    period_start: datetime | None = None
    period_end: datetime | None = None
    timezone: str | None = None
    as_of: datetime | None = None
    burn_last_hour: Decimal | None = None
    forecast: Decimal | None = None
    crossing_at: datetime | None = None
    previous_period: Decimal | None = None
    trailing_average: Decimal | None = None
    top: Top | None = field(default=None, metadata={"read": top_of})
    top_in_period: Top | None = field(default=None, metadata={"read": top_of})
    actions: tuple[str, ...] = ()
    enforcement_mode: str | None = None
    dry_run_apps: tuple[str, ...] = ()
    ended: Ended | None = field(default=None, metadata={"read": ended_of, "only_if_known": True})
    fallback: tuple[str, ...] = ()

    def stored(self) -> dict[str, object]:
        """Returns the facts as they stand in usage.alert."""
        parts = {"top": shares_as_json(self.top), "top_in_period": shares_as_json(self.top_in_period)}
        return {**super().stored(), **parts}


@dataclass(frozen=True)
class BudgetKey:
    """A tier of a budget's value and period; the round grows when a raised limit is reached again in the period."""

    budget_id: str
    scope_value: str
    period_start: datetime
    tier: Decimal
    tier_on: Literal["spent", "forecast"] = "spent"
    round: int = 0

    def identity(self) -> Identity:
        """Returns the columns that it stands in."""
        return Identity(self.budget_id, self.scope_value, self.period_start, self.tier, self.tier_on, self.round)


class BudgetKind(AlertKind[BudgetFacts, BudgetWords]):
    """What was spent of what, how fast, by whom, and what is done about it."""

    name = "budget"
    of_budget = True
    facts_class = BudgetFacts
    words = BUDGET_WORDS

    def title(self, facts: BudgetFacts, language: str) -> str:
        """Budget, scope and how much of the limit."""
        scope, name = plain(facts.scope_name), plain(facts.budget_name or facts.budget_id or self.name)
        now = facts.ended.ratio if facts.ended and facts.ended.ratio is not None else facts.ratio
        ratio = f": {percent(now)}" if now is not None else ""
        return f"{name}{f' · {scope}' if scope else ''}{ratio}"

    def summary(self, facts: BudgetFacts, language: str) -> str:
        """The story in a sentence; of one that is over, how it ended."""
        told = "" if facts.ended else _story(facts, language)
        return told or super().summary(facts, language)

    def lines(self, facts: BudgetFacts, language: str) -> Lines:
        """Everything that is known, in reading order; of an alert that is over, how it ended."""
        words = self.words[language]
        whose = [
            (words.tenant, plain(facts.tenant_name)),
            (words.environment, plain(facts.environment)),
            (WORDS[language].scope, plain(facts.scope_name)),
        ]
        if facts.ended:
            at_the_end = replace(facts, as_of=facts.ended.at or facts.as_of)
            return [*_end(facts, facts.ended, language), *whose, (words.period, _period(at_the_end, language))]
        return [
            (words.story, _story(facts, language)),
            *whose,
            (words.spent, _of_limit(facts.spent, facts.limit, facts.ratio, facts, language)),
            (words.also, _also(facts, language)),
            (words.period, _period(facts, language)),
            *_named(facts.top_in_period, words.in_period, facts, language),
            (words.burn, _measured(facts.burn_last_hour, facts, language)),
            *_named(facts.top, words.in_last_hour, facts, language),
            (words.forecast, "" if _is_window(facts) else _measured(facts.forecast, facts, language)),
            (words.crossing, moment(facts.crossing_at, facts.timezone) or ""),
            (words.previous, _compared(facts.previous_period, facts, language)),
            (words.average, _compared(facts.trailing_average, facts, language)),
            (words.actions, what_is_done(facts, language)),
        ]

    def leading(self, language: str) -> Sequence[str]:
        """How much of the limit, where that leads and until when; of one that is over, why, and how long it lasted."""
        words = self.words[language]
        return (words.ended, words.lasted, words.spent, words.forecast, words.period)

    def deeds(self, facts: BudgetFacts) -> tuple[str, ...]:
        """Taking it, asking for more, and undoing what is done at once."""
        return ("acknowledge", "request", *undoing(facts))

    def example(self) -> BudgetFacts:
        """A day's budget of a project, used up by two callers."""
        share = Share("api: crm", Decimal(700), Decimal("1.40"), Decimal("0.7000"), Decimal(12))
        return BudgetFacts(
            level="emergency",
            recipients=("ops",),
            budget_id="agent-daily",
            budget_name="Agents, a day",
            scope_name="lead-enricher",
            tenant_name="Marketing",
            environment="prod",
            tier=Decimal(100),
            tier_on="spent",
            measure="tokens",
            currency="CNY",
            spent=Decimal(1050),
            limit=Decimal(1000),
            ratio=Decimal("1.0500"),
            tokens=Decimal(1050),
            cost=Decimal("2.10"),
            period="day",
            period_start=datetime(2026, 11, 24, 16, tzinfo=UTC),
            period_end=datetime(2026, 11, 25, 16, tzinfo=UTC),
            timezone="Asia/Shanghai",
            as_of=datetime(2026, 11, 25, 2, 30, tzinfo=UTC),
            burn_last_hour=Decimal(120),
            forecast=Decimal(2400),
            crossing_at=datetime(2026, 11, 25, 4, tzinfo=UTC),
            previous_period=Decimal(500),
            trailing_average=Decimal("480.5"),
            top=dict.fromkeys(_TOP, (share,)),
            top_in_period=dict.fromkeys(_TOP, (share,)),
            actions=("pause_app",),
            enforcement_mode="approve",
            dry_run_apps=("lead-enricher",),
            fallback=("on-call",),
        )


BUDGET = BudgetKind()


def _measured(value: Decimal | None, facts: BudgetFacts, language: str) -> str:
    return amount(value, facts.measure, facts.currency, WORDS[language]) or ""


def _of_limit(
    spent: Decimal | None, limit: Decimal | None, ratio: Decimal | None, facts: BudgetFacts, language: str
) -> str:
    if spent is None or limit is None:
        return _measured(spent if limit is None else limit, facts, language)
    return f"{_measured(spent, facts, language)} / {_measured(limit, facts, language)} ({percent(ratio)})"


def _also(facts: BudgetFacts, language: str) -> str:
    """The other of tokens and money, whichever the budget does not limit."""
    if facts.measure == "cost":
        return amount(facts.tokens, "tokens", facts.currency, WORDS[language]) or ""
    return amount(facts.cost, "cost", facts.currency, WORDS[language]) or ""


def _is_window(facts: BudgetFacts) -> bool:
    """Whether its period is a rolling window, which has no end that anything could be foreseen for."""
    return str(facts.period or "").startswith("rolling:")


def _period(facts: BudgetFacts, language: str) -> str:
    return period(facts.period_start, facts.period_end, facts.as_of, facts.timezone, WORDS[language]) or ""


def _compared(before: Decimal | None, facts: BudgetFacts, language: str) -> str:
    """What was spent before, and how many times as much it is now."""
    shown = _measured(before, facts, language)
    times = _times(facts.spent, before)
    return f"{shown} (×{times})" if shown and times else shown


def _times(now: Decimal | None, before: Decimal | None) -> str:
    if not before or before < 0 or now is None:
        return ""
    return f"{(now / before).quantize(Decimal('0.1')):,f}".removesuffix(".0")


def _story(facts: BudgetFacts, language: str) -> str:
    """Who used how much of what, how that compares, and by whom, in a sentence."""
    words = BUDGET_WORDS[language]
    spent, limit, forecast = (
        rounded_amount(each, facts.measure, facts.currency, WORDS[language])
        for each in (facts.spent, facts.limit, facts.forecast)
    )
    if not spent or not limit:
        return ""
    is_ahead = facts.tier_on == "forecast" and forecast and (facts.ratio is None or facts.ratio < 1)
    form = words.will_use if is_ahead else words.has_used
    told = form.format(
        what=plain(facts.scope_name) or plain(facts.budget_name or facts.budget_id),
        when=_so_far(facts, language),
        spent=spent,
        limit=limit,
        forecast=forecast,
        percent=percent(facts.ratio),
    )
    usual = facts.trailing_average
    if usual and facts.spent is not None and facts.spent >= usual * _UNUSUAL:
        told += words.times_usual.format(times=_times(facts.spent, usual))
    return told + _mostly(facts, language)


def _so_far(facts: BudgetFacts, language: str) -> str:
    words, kind = BUDGET_WORDS[language], str(facts.period or "")
    if _is_window(facts):
        return words.so_far_window.format(length=_window(kind, WORDS[language]))
    return words.so_far.get(kind.partition(":")[0], "")


def _window(kind: str, words: Words) -> str:
    """The length of a rolling window as the configuration has it: in hours, or in days."""
    count, unit = kind.removeprefix("rolling:")[:-1], kind[-1]
    return (words.days if unit == "d" else words.hours).format(count=count)


def _mostly(facts: BudgetFacts, language: str) -> str:
    """By whom: the largest caller, else the largest project, of the period or of the last hour."""
    words = BUDGET_WORDS[language]
    for kind in ("callers", "projects"):
        whole, hour = (next(iter((top or {}).get(kind, ())), None) for top in (facts.top_in_period, facts.top))
        if whole and hour and hour.share and hour.name == whole.name and _is_news(whole, facts):
            of_hour = percent(hour.share)
            return words.mostly_of_both.format(
                share=percent(whole.share), name=_called(kind, whole, language), hour=of_hour
            )
        for first, form in ((whole, words.mostly_by), (hour, words.mostly_in_last_hour)):
            if first and _is_news(first, facts):
                return form.format(share=percent(first.share), name=_called(kind, first, language))
    return ""


def _is_news(share: Share, facts: BudgetFacts) -> bool:
    """Whether it says more than whose the budget is."""
    name, scope = plain(share.name), plain(facts.scope_name)
    # A caller's own budget is named without how they call.
    return bool(share.share and name) and scope not in (name, name.partition(": ")[2])


def _named(top: Top | None, label: str, facts: BudgetFacts, language: str) -> Lines:
    """The largest parts of each kind; that all of a budget of a project is the project's is no news."""
    words = BUDGET_WORDS[language]
    return [
        (
            label.format(part=getattr(words, f"top_{kind}")),
            "; ".join(_share(kind, each, facts, language) for each in shares),
        )
        for kind in _TOP
        if (shares := (top or {}).get(kind, ())) and not _is_all_its_own(shares, facts)
    ]


def _is_all_its_own(shares: Sequence[Share], facts: BudgetFacts) -> bool:
    return len(shares) == 1 and shares[0].share == 1 and not _is_news(shares[0], facts)


def _called(kind: str, share: Share, language: str) -> str:
    """A part's name, with words for what is known by a code."""
    return plain(shown_name(_DIMENSIONS.get(kind, kind), share.name, language))


def _share(kind: str, share: Share, facts: BudgetFacts, language: str) -> str:
    shared = WORDS[language]
    measured = share.cost if facts.measure == "cost" else share.calls if facts.measure == "calls" else share.tokens
    of = "tokens" if facts.measure not in ("cost", "calls") else facts.measure
    # Of input or output alone only the part is known: all tokens beside it would read as if they were these.
    parts = [] if facts.measure in ("input_tokens", "output_tokens") else [amount(measured, of, facts.currency, shared)]
    parts += [amount(share.calls, "calls", None, shared)] if of != "calls" else []
    told = ", ".join(part for part in parts if part)
    return f"{_called(kind, share, language)} {percent(share.share)}" + (f" ({told})" if told else "")


def _end(facts: BudgetFacts, ended: Ended, language: str) -> Lines:
    words = BUDGET_WORDS[language]
    lasted = duration(ended.at - ended.since, WORDS[language]) if ended.at and ended.since else ""
    why = words.why_ended.get(str(ended.why), plain(ended.why))
    return [
        (words.ended, _at(why, ended.at, facts, words)),
        (words.lasted, lasted),
        (words.spent, _of_limit(ended.spent, ended.limit, ended.ratio, facts, language)),
        (words.also, _cost_at_the_end(facts, ended, language)),
        (words.undone, words.list_mark.join(_step(each, facts, language) for each in ended.undone)),
        (words.still, words.list_mark.join(_step(each, facts, language) for each in ended.still)),
    ]


def _cost_at_the_end(facts: BudgetFacts, ended: Ended, language: str) -> str:
    """What it cost in the end, where that is not what is limited."""
    return "" if facts.measure == "cost" else amount(ended.cost, "cost", facts.currency, WORDS[language]) or ""


def _step(step: tuple[str, str, datetime | None], facts: BudgetFacts, language: str) -> str:
    words, (action, project, at) = BUDGET_WORDS[language], step
    told = words.step.format(project=plain(project), action=action_names((action,), language))
    return _at(told, at, facts, words)


def _at(what: str, at: datetime | None, facts: BudgetFacts, words: BudgetWords) -> str:
    when = moment(at, facts.timezone)
    return words.and_at.format(what=what, at=when) if what and when else what
