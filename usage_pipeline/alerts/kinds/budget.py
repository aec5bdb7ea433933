"""A budget reached a tier: one alert, ever, for each value and period."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Literal

from usage_pipeline.alerts.kinds.base import AlertFacts, AlertKind, Identity, Lines, NewAlert
from usage_pipeline.alerts.kinds.facts import as_json, number, pairs
from usage_pipeline.alerts.outbox import raise_alert
from usage_pipeline.alerts.recipients import TenantName, addressees, recipients_of_tier, resolved_names
from usage_pipeline.alerts.text.escape import plain
from usage_pipeline.alerts.text.format import amount, moment, percent, period
from usage_pipeline.alerts.text.words import WORDS
from usage_pipeline.budgets.evaluate import Reached, in_scope_parameters
from usage_pipeline.budgets.scope import in_scope
from usage_pipeline.settings import Budget, Settings, Tier
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.rows import row, value_or_none

_TOP = ("callers", "projects", "models", "nodes")


@dataclass(frozen=True)
class Share:
    """Who burnt how much in the last hour; ``share`` is of all that was burnt then, 1 for everything.

    ``tenants`` are the id and name of each tenant that it is of.
    """

    name: str
    tokens: Decimal | None
    cost: Decimal | None
    share: Decimal | None
    tenants: tuple[tuple[str, str], ...] = ()


Top = Mapping[str, Sequence[Share]]


def _top(stored: object) -> dict[str, tuple[Share, ...]] | None:
    if not isinstance(stored, Mapping):
        return None
    return {str(kind): _shares(entries) for kind, entries in stored.items()}


def _shares(entries: object) -> tuple[Share, ...]:
    every = entries if isinstance(entries, list | tuple) else ()
    listed = [entry for entry in every if isinstance(entry, Mapping)]
    return tuple(
        Share(
            name=str(entry.get("name") or ""),
            tokens=number(entry.get("tokens")),
            cost=number(entry.get("cost")),
            share=number(entry.get("share")),
            tenants=pairs(entry.get("tenants")),
        )
        for entry in listed
    )


@dataclass(frozen=True, kw_only=True)
class BudgetFacts(AlertFacts):
    """How a budget's value stood; amounts in the measure's unit, cost in ``currency``, ratio 1 at the limit.

    ``tokens`` and ``cost`` are what was spent of either, whatever is limited; ``top`` and ``burn_last_hour`` are of the
    hour before ``as_of``; ``fallback`` names who is called when nobody else was reached.
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
    top: Top | None = field(default=None, metadata={"read": _top})
    actions: tuple[str, ...] = ()
    enforcement_mode: str | None = None
    fallback: tuple[str, ...] = ()

    def stored(self) -> dict[str, object]:
        """Returns the facts as they stand in usage.alert."""
        top = {kind: [as_json(vars(share)) for share in shares] for kind, shares in (self.top or {}).items()}
        return {**super().stored(), "top": top}


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


@dataclass(frozen=True)
class _Words:
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
    actions: str
    action_dry_run: str
    action_approve: str
    action_auto: str


_WORDS: Mapping[str, _Words] = {
    "zh": _Words(
        tenant="工作空间",
        environment="环境",
        spent="已用 / 限额",
        also="折合",
        period="周期",
        burn="近一小时",
        forecast="周期末预测",
        crossing="预计触限",
        previous="上一周期",
        average="历史平均",
        top_callers="主要调用方",
        top_projects="主要项目",
        top_models="主要模型",
        top_nodes="主要节点",
        actions="处置",
        action_dry_run="演练模式：本应执行 {actions}，未实际执行",
        action_approve="等待审批后执行 {actions}",
        action_auto="将自动执行 {actions}",
    ),
    "en": _Words(
        tenant="Workspace",
        environment="Environment",
        spent="Spent / limit",
        also="That is",
        period="Period",
        burn="Last hour",
        forecast="Forecast for the period",
        crossing="Limit crossed at",
        previous="Period before",
        average="Average before",
        top_callers="Top callers",
        top_projects="Top projects",
        top_models="Top models",
        top_nodes="Top nodes",
        actions="Action",
        action_dry_run="dry run: would have done {actions}; nothing was done",
        action_approve="{actions} waits for approval",
        action_auto="{actions} is being done",
    ),
}


class BudgetKind(AlertKind[BudgetFacts, _Words]):
    """What was spent of what, how fast, by whom, and what is done about it."""

    name = "budget"
    of_budget = True
    facts_class = BudgetFacts
    words = _WORDS

    def title(self, facts: BudgetFacts, language: str) -> str:
        """Budget, scope and how much of the limit."""
        scope, name = plain(facts.scope_name), plain(facts.budget_name or facts.budget_id or self.name)
        ratio = f": {percent(facts.ratio)}" if facts.ratio is not None else ""
        return f"{name}{f' · {scope}' if scope else ''}{ratio}"

    def summary(self, facts: BudgetFacts, language: str) -> str:
        """What was spent of what."""
        return self._spent(facts, language) or super().summary(facts, language)

    def lines(self, facts: BudgetFacts, language: str) -> Lines:
        """Everything that is known, in reading order."""
        words, shared = self.words[language], WORDS[language]

        def measured(value: Decimal | None) -> str:
            return amount(value, facts.measure, facts.currency, shared) or ""

        # The other of tokens and money, whichever the budget does not limit.
        other = "tokens" if facts.measure == "cost" else "cost"
        also = facts.tokens if other == "tokens" else facts.cost
        ends = period(facts.period_start, facts.period_end, facts.as_of, facts.timezone, shared)
        return [
            (words.tenant, plain(facts.tenant_name)),
            (words.environment, plain(facts.environment)),
            (shared.scope, plain(facts.scope_name)),
            (words.spent, self._spent(facts, language)),
            (words.also, amount(also, other, facts.currency, shared) or ""),
            (words.period, ends or ""),
            (words.burn, measured(facts.burn_last_hour)),
            (words.forecast, measured(facts.forecast)),
            (words.crossing, moment(facts.crossing_at, facts.timezone) or ""),
            (words.previous, _compared(measured(facts.previous_period), facts.previous_period, facts.spent)),
            (words.average, _compared(measured(facts.trailing_average), facts.trailing_average, facts.spent)),
            *((getattr(words, f"top_{kind}"), _named_shares(facts.top, kind)) for kind in _TOP),
            (words.actions, _what_is_done(facts, words)),
        ]

    def example(self) -> BudgetFacts:
        """A day's budget of a project, used up by two callers."""
        share = Share("api: crm", Decimal(700), Decimal("1.40"), Decimal("0.7000"))
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
            actions=("pause_app",),
            enforcement_mode="approve",
            fallback=("on-call",),
        )

    def _spent(self, facts: BudgetFacts, language: str) -> str:
        words = WORDS[language]
        spent, limit = (amount(each, facts.measure, facts.currency, words) for each in (facts.spent, facts.limit))
        if spent is None or limit is None:
            return spent or limit or ""
        return f"{spent} / {limit} ({percent(facts.ratio)})"


BUDGET = BudgetKind()


def _compared(shown: str, before: Decimal | None, now: Decimal | None) -> str:
    """What was spent before, and how many times as much it is now."""
    if not shown or not before or before < 0 or now is None:
        return shown
    return f"{shown} (×{(now / before).quantize(Decimal('0.1')):,f})"


def _named_shares(top: Top | None, kind: str) -> str:
    shares = (top or {}).get(kind, ())
    return ", ".join(f"{plain(each.name)} {percent(each.share)}" for each in shares)


def _what_is_done(facts: BudgetFacts, words: _Words) -> str:
    if not facts.actions or facts.enforcement_mode == "off":
        return ""
    by_mode = {"auto": words.action_auto, "approve": words.action_approve}
    said = by_mode.get(str(facts.enforcement_mode), words.action_dry_run)
    return said.format(actions=", ".join(plain(action) for action in facts.actions))


def raise_budget_alerts(
    connection: Connection, settings: Settings, version: int, reached: Sequence[Reached], as_of: datetime
) -> list[str]:
    """Writes one alert a tier reached, with its deliveries; returns the ids of those that are new.

    Runs inside the transaction that wrote the status.
    """
    budgets = {budget.id: budget for budget in settings.budgets}
    raised = []
    for item in reached:
        budget = budgets[item.budget_id]
        tier = next(t for t in settings.tiers_of(budget) if t.at == item.tier and t.on == item.tier_on)
        alert = budget_alert(connection, settings, budget, tier, item, as_of, version)
        if raise_alert(connection, alert, addressees(settings, alert.facts.recipients)):
            raised.append(alert.alert_id)
    return raised


def budget_alert(
    connection: Connection,
    settings: Settings,
    budget: Budget,
    tier: Tier,
    item: Reached,
    as_of: datetime,
    version: int | None = None,
) -> NewAlert[BudgetFacts]:
    """Returns the alert of a tier as it is at ``as_of`` (aware UTC), with its recipients. Reads only."""
    return NewAlert(
        kind=BUDGET,
        key=BudgetKey(item.budget_id, item.scope_value, item.period_start, tier.at, tier.on, item.round),
        period_end=item.period_end,
        level=tier.level,
        facts=_facts(connection, settings, budget, tier, item, as_of),
        config_version=version,
        at=as_of,
    )


@dataclass(frozen=True)
class _History:
    burn_last_hour: str | None = None
    top: Mapping[str, object] | None = None
    previous_period: str | None = None
    trailing_average: str | None = None
    tenant_name: str | None = None
    environment: str | None = None


def _facts(
    connection: Connection, settings: Settings, budget: Budget, tier: Tier, item: Reached, as_of: datetime
) -> BudgetFacts:
    tenant = _tenant_of(connection, item)
    parameters = {
        **in_scope_parameters(connection, budget, item.scope),
        "budget_id": budget.id,
        "period": item.period,
        "as_of": as_of,
        "scope_value": item.scope_value,
        "measure": item.measure,
        "period_start": item.period_start,
        "scope_source": item.scope.get("source"),
        "scope_tenant": item.scope.get("tenant_id"),
        "scope_app": item.scope.get("app_id"),
    }
    known = row(connection, _History, in_scope("alerts/facts"), parameters) or _History()
    burn = number(known.burn_last_hour)
    return BudgetFacts(
        level=tier.level,
        recipients=tuple(name for name, _ in recipients_of_tier(settings, budget, tier, tenant)),
        budget_id=budget.id,
        budget_name=budget.name or budget.id,
        scope_name=item.scope_name,
        tenant_name=known.tenant_name or (tenant.name if tenant else None),
        environment=known.environment or item.scope.get("environment"),
        tier=tier.at.normalize(),
        tier_on=tier.on,
        measure=item.measure,
        currency=settings.currency,
        spent=item.spent,
        limit=item.limit,
        ratio=item.ratio,
        tokens=item.tokens,
        cost=item.cost,
        period=item.period,
        period_start=item.period_start,
        period_end=item.period_end,
        timezone=item.zone,
        as_of=as_of,
        burn_last_hour=burn,
        forecast=item.forecast,
        crossing_at=_crossing(item, burn, as_of),
        previous_period=number(known.previous_period),
        trailing_average=number(known.trailing_average),
        top=_top(known.top or {}),
        actions=tuple(tier.actions),
        enforcement_mode=settings.mode_of(tier),
        fallback=tuple(resolved_names(settings, tier.fallback, tenant)),
    )


def _tenant_of(connection: Connection, item: Reached) -> TenantName | None:
    tenant_id = item.scope.get("tenant_id")
    if tenant_id is None:
        return None
    name = value_or_none(
        connection,
        str,
        "SELECT name FROM usage.tenant WHERE source = %s AND tenant_id = %s",
        [item.scope.get("source"), tenant_id],
    )
    return TenantName(tenant_id, tenant_id if name is None else name)


def _crossing(item: Reached, pace: Decimal | None, as_of: datetime) -> datetime | None:
    """When the limit is crossed at the last hour's pace; None when it is, or when that lies beyond the period."""
    left = item.limit - item.spent
    if left <= 0 or pace is None or pace <= 0:
        return None
    at = as_of + timedelta(hours=min(float(left / pace), 24 * 400))
    return at if at < item.period_end else None
