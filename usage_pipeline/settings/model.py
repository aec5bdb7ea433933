"""The configuration file's shape: what each key means, its unit and its default."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import ConfigDict, Field, model_validator

from usage_pipeline.settings.alerting import Alerting, TemplateSettings
from usage_pipeline.settings.anomalies import DEFAULT_ANOMALIES, Anomaly, Loops
from usage_pipeline.settings.api_keys import NamedKey
from usage_pipeline.settings.approvals import Approvals
from usage_pipeline.settings.budget import DEFAULT_TIERS, OWNER, Budget, Level, Tier
from usage_pipeline.settings.counting import Counting
from usage_pipeline.settings.embedded import Embedded
from usage_pipeline.settings.enforcement import AT_DIFY, Enforcement, Mode
from usage_pipeline.settings.recipients import AnyRecipient
from usage_pipeline.settings.reports import Reports
from usage_pipeline.settings.sources import ReadingSettings, SourceSettings
from usage_pipeline.settings.values import (
    Count,
    Currency,
    Day,
    ExchangeRate,
    Names,
    Price,
    Slug,
    StrictModel,
    Zone,
    fits_glob,
)
from usage_pipeline.settings.web import Web

__all__ = ["DEFAULT_TIERS", "OWNER", "Budget", "Level", "ProjectFacts", "Settings", "SourceSettings", "Tier"]


class PriceTier(StrictModel):
    """Prices of a call whose input has more tokens than ``above``: all of its tokens pay them."""

    above: Count
    input_per_million: Price
    output_per_million: Price


class PriceRule(StrictModel):
    """Prices per million tokens or per call for models that fit; fills what is unpriced, or replaces Dify's price."""

    provider: str = "*"
    model: str
    input_per_million: Price | None = None
    output_per_million: Price | None = None
    tiers: tuple[PriceTier, ...] = ()
    per_call: Price | None = None
    currency: Currency
    replace: bool = False
    from_date: Day | None = Field(default=None, alias="from")
    until: Day | None = None

    @model_validator(mode="after")
    def _prices_something(self) -> Self:
        rates = (self.input_per_million, self.output_per_million)
        if (rates[0] is None) != (rates[1] is None):
            missing = "input_per_million" if rates[0] is None else "output_per_million"
            raise ValueError(f"prices one half of a call; add {missing} (0 where it is free)")
        if rates[0] is None and self.per_call is None:
            raise ValueError("has no price; write input_per_million and output_per_million, or per_call")
        if rates[0] is None and self.tiers:
            raise ValueError("has tiers above no price; add input_per_million and output_per_million")
        return self


class Rates(StrictModel):
    """Exchange rates in force from a day on: units of the base currency for one unit of the other."""

    from_date: Day
    rates: dict[str, ExchangeRate]


class EnvironmentConditions(StrictModel):
    """What must fit, all of it."""

    workspace: str | None = None
    tag: str | None = None
    project_name: str | None = None
    project_id: str | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("says nothing; write at least one of workspace, tag, project_name, project_id")
        return self


class EnvironmentRule(StrictModel):
    """Projects that fit belong to the environment; the first rule that fits wins."""

    environment: Slug
    when: EnvironmentConditions


class TenantRule(StrictModel):
    """What is particular to one tenant, named by its workspace's name or id."""

    tenant: str
    timezone: Zone | None = None
    recipients: Names = ()


class KeyRule(StrictModel):
    """Calls of a project whose caller fits are booked to an API key, as declared."""

    project: str
    caller: str
    api_key: str


class Schedule(StrictModel):
    """How often a pass runs when the daemon runs, and how long its run can be looked at."""

    every_minutes: Annotated[int, Field(ge=1, le=24 * 60)] = 1
    # More often than a minute: a sensor asks instead of the schedule.
    every_seconds: Annotated[int, Field(ge=5, le=59)] | None = None
    keep_runs_days: Annotated[int, Field(ge=1, le=365)] = 2

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if self.every_seconds is not None and self.every_minutes != 1:
            raise ValueError("every_minutes and every_seconds contradict each other; leave one of them out")
        return self


class Delivery(StrictModel):
    """How alerts are handed over."""

    every_seconds: Annotated[int, Field(ge=1, le=300)] = 5


class Lookback(StrictModel):
    """How far back rows are read again, for commits that came late."""

    recent_minutes: Annotated[int, Field(ge=1, le=1440)] = 15
    sweep_hours: Annotated[int, Field(ge=1, le=24 * 31)] = 48
    give_up_days: Annotated[int, Field(ge=1, le=90)] = 7
    statement_timeout_seconds: Annotated[int, Field(ge=1, le=3600)] = 30


class ProjectFacts(StrictModel):
    """What environment rules look at."""

    project_id: str
    project_name: str
    workspace_id: str
    workspace_name: str
    tags: tuple[str, ...] = ()


class Settings(StrictModel):
    """The whole configuration file."""

    # The channels' classes are looked up when the first file is read: they import this module.
    model_config = ConfigDict(defer_build=True)

    version: Literal[1]
    timezone: Zone = "UTC"
    currency: Currency = "USD"
    language: Literal["zh", "en"] = "en"
    exchange_rates: tuple[Rates, ...] = ()
    prices: tuple[PriceRule, ...] = ()
    sources: Annotated[tuple[SourceSettings, ...], Field(min_length=1)] = (SourceSettings(id="main"),)
    environments: tuple[EnvironmentRule, ...] = ()
    default_environment: Slug = "prod"
    tenants: tuple[TenantRule, ...] = ()
    api_keys: tuple[NamedKey, ...] = ()
    key_rules: tuple[KeyRule, ...] = ()
    counting: Counting = Counting()
    recipients: dict[str, AnyRecipient] = Field(default={})
    templates: TemplateSettings = TemplateSettings()
    tiers: Annotated[tuple[Tier, ...], Field(min_length=1)] = DEFAULT_TIERS
    budgets: tuple[Budget, ...] = ()
    anomalies: tuple[Anomaly, ...] = DEFAULT_ANOMALIES
    loops: Loops = Loops()
    approvals: Approvals = Approvals()
    enforcement: Enforcement = Enforcement()
    reports: Reports = Reports()
    schedule: Schedule = Schedule()
    delivery: Delivery = Delivery()
    alerting: Alerting = Alerting()
    lookback: Lookback = Lookback()
    reading: ReadingSettings = ReadingSettings()
    usage_from: Day | None = None
    web: Web | None = None
    embedded: Embedded | None = None

    def tiers_of(self, budget: Budget) -> tuple[Tier, ...]:
        """Returns the budget's own tiers, or the default ones.

        A budget that is of no project in particular inherits no action that is carried out at apps: what stops a whole
        company must be written at its budget.
        """
        if budget.tiers is not None:
            return budget.tiers
        return self.tiers if budget.of_projects else tuple(tier.without_actions(AT_DIFY) for tier in self.tiers)

    def harmless_actions(self, budget: Budget) -> tuple[str, ...]:
        """Returns the actions of the default tiers that the budget does not inherit."""
        if budget.tiers is not None or budget.of_projects:
            return ()
        return tuple(dict.fromkeys(a for tier in self.tiers for a in tier.actions if a in AT_DIFY))

    def mode_of(self, tier: Tier) -> Mode:
        """Returns what becomes of a tier's actions."""
        return tier.mode or self.enforcement.mode

    def rate_table(self) -> list[tuple[date, str, Decimal]]:
        """Returns every exchange rate with the day from which it holds."""
        return [(r.from_date, currency, rate) for r in self.exchange_rates for currency, rate in r.rates.items()]

    def tenant_rule(self, tenant_id: str, name: str) -> TenantRule | None:
        """Returns the rule for a tenant, by id or name."""
        return next((rule for rule in self.tenants if rule.tenant in (tenant_id, name)), None)

    def zone_of_tenant(self, tenant_id: str, name: str) -> str:
        """Returns the tenant's billing zone."""
        rule = self.tenant_rule(tenant_id, name)
        return rule.timezone if rule and rule.timezone else self.timezone

    def environment_of(self, facts: ProjectFacts) -> str:
        """Returns the environment of a project by the first rule that fits."""
        return next((r.environment for r in self.environments if _fits(r.when, facts)), self.default_environment)

    def today(self, now: datetime | None = None) -> date:
        """Returns the current day in the configuration's zone."""
        return (now or datetime.now(UTC)).astimezone(ZoneInfo(self.timezone)).date()

    def foremost_zone(self, now: datetime | None = None) -> str:
        """Returns the zone, of those that days are cut in, where a day begins first."""
        moment = now or datetime.now(UTC)
        zones = {self.timezone, *(rule.timezone for rule in self.tenants if rule.timezone)}
        return max(sorted(zones), key=lambda zone: moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None))

    def newest_day(self, now: datetime | None = None) -> date:
        """Returns the last day that has begun in any zone that days are cut in."""
        return (now or datetime.now(UTC)).astimezone(ZoneInfo(self.foremost_zone(now))).date()


def _fits(when: EnvironmentConditions, facts: ProjectFacts) -> bool:
    return (
        (when.workspace is None or _like(when.workspace, facts.workspace_name, facts.workspace_id))
        and (when.tag is None or _like(when.tag, *facts.tags))
        and (when.project_name is None or _like(when.project_name, facts.project_name))
        and (when.project_id is None or _like(when.project_id, facts.project_id))
    )


def _like(glob: str, *values: str) -> bool:
    return any(fits_glob(value, glob) for value in values)
