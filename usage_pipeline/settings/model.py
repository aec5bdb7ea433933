"""The configuration file's shape: what each key means, its unit and its default."""

from datetime import UTC, date, datetime
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from usage_pipeline.settings.recipients import Recipient

Level = Literal["info", "warning", "critical", "emergency"]
Dimension = Literal["tenant", "environment", "project", "api_key", "caller", "provider", "model"]
Period = Literal["day", "week", "month", "quarter", "year"]
OWNER = "owner"


def _zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError(f"is not a time zone; write an IANA name such as Asia/Shanghai or Europe/Berlin")  # noqa: F541
    return name


def _currency(code: str) -> str:
    if not (len(code) == 3 and code.isascii() and code.isalpha()):
        raise ValueError("is not a currency; write its three letters, such as CNY, USD or EUR")
    # Dify's Chinese plugins say RMB; it is one currency with CNY.
    return {"RMB": "CNY"}.get(code.upper(), code.upper())


def _texts(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _exact(value: object) -> object:
    if isinstance(value, bool | float):
        raise ValueError("is not a number; write digits such as 300 or 7.10")  # noqa: TRY004  (pydantic's protocol)
    return value


Zone = Annotated[str, AfterValidator(_zone)]
Currency = Annotated[str, AfterValidator(_currency)]
Globs = Annotated[tuple[str, ...], BeforeValidator(_texts), Field(min_length=1)]
Names = Annotated[tuple[str, ...], BeforeValidator(_texts)]
Amount = Annotated[Decimal, BeforeValidator(_exact), Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, BeforeValidator(_exact), Field(gt=0)]
Price = Annotated[Decimal, BeforeValidator(_exact), Field(ge=0, allow_inf_nan=False)]
Slug = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,62}$")]


class Model(BaseModel):
    """A part of the configuration: unknown keys are errors, values never change after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ConsoleSettings(Model):
    """Where and as whom Dify's console is reached; names of environment variables."""

    url_env: str
    email_env: str | None = None
    password_env: str | None = None
    admin_key_env: str | None = None


class SourceSettings(Model):
    """One place that usage is read from."""

    id: Slug
    kind: Literal["dify"] = "dify"
    url_env: str = "DIFY_DATABASE_URL"
    database_timezone: Zone | None = None  # of times that a MySQL server makes by itself; left out: it is asked
    console: ConsoleSettings | None = None


class PriceRule(Model):
    """Prices per million tokens for models that fit; fills what is unpriced, or replaces Dify's price."""

    provider: str = "*"
    model: str
    input_per_million: Price
    output_per_million: Price
    currency: Currency
    replace: bool = False
    from_date: date | None = Field(default=None, alias="from")
    until: date | None = None


class Rates(Model):
    """Exchange rates in force from a day on: units of the base currency for one unit of the other."""

    from_date: date
    rates: dict[str, Decimal]


class EnvironmentConditions(Model):
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


class EnvironmentRule(Model):
    """Projects that fit belong to the environment; the first rule that fits wins."""

    environment: Slug
    when: EnvironmentConditions


class TenantRule(Model):
    """What is particular to one tenant, named by its workspace's name or id."""

    tenant: str
    timezone: Zone | None = None
    recipients: Names = ()


class KeyRule(Model):
    """Calls of a project whose caller fits are booked to an API key, as declared."""

    project: str
    caller: str
    api_key: str


class Tier(Model):
    """A threshold of a budget, in per cent of the limit."""

    at: Annotated[Decimal, BeforeValidator(_exact), Field(gt=0, le=1000)]
    level: Level
    notify: Names = ()
    fallback: Names = ()
    actions: tuple[Literal["pause_app", "switch_model", "lock"], ...] = ()


class Scope(Model):
    """What a budget takes in; each a name, id or glob, or a list of them. Nothing said: everything."""

    tenant: Globs | None = None
    environment: Globs | None = None
    project: Globs | None = None
    api_key: Globs | None = None
    caller: Globs | None = None
    provider: Globs | None = None
    model: Globs | None = None


class Limit(Model):
    """How much a budget allows in its period; cost in the configuration's currency. The highest ratio decides."""

    tokens: Count | None = None
    input_tokens: Count | None = None
    output_tokens: Count | None = None
    cost: Amount | None = None
    calls: Count | None = None

    @model_validator(mode="after")
    def _limits_something(self) -> Self:
        if not self.measures():
            raise ValueError("limits nothing; write at least one of tokens, input_tokens, output_tokens, cost, calls")
        return self

    def measures(self) -> dict[str, Decimal]:
        """Each measure that is limited, with its limit."""
        found = {name: getattr(self, name) for name in type(self).model_fields}
        return {name: Decimal(value) for name, value in found.items() if value is not None}


class Budget(Model):
    """A limit on a scope over a period; `per` makes one budget for each value of a dimension."""

    id: Slug
    name: str | None = None
    scope: Scope = Scope()
    per: Dimension | None = None
    period: Period
    limit: Limit
    tiers: tuple[Tier, ...] | None = None
    include_estimated: bool = False


class Enforcement(Model):
    """Whether actions of tiers are carried out."""

    mode: Literal["off", "dry_run", "approve", "auto"] = "dry_run"


class Reports(Model):
    """The morning report."""

    daily_at: Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")] = "08:30"
    formats: tuple[Literal["html", "xlsx", "csv", "parquet", "focus"], ...] = ("html", "xlsx")
    recipients: Names = ()  # get the report of all tenants
    to_tenants: bool = True  # each tenant's recipients get their tenant's report
    link: Annotated[str, Field(pattern=r"^https?://[^\s]+$")] | None = None  # where the reports' folder is served


class Schedule(Model):
    """How often a pass runs when the daemon runs."""

    every_minutes: Annotated[int, Field(ge=1, le=60)] = 1


class Delivery(Model):
    """How alerts are handed over."""

    every_seconds: Annotated[int, Field(ge=1, le=300)] = 5


class Lookback(Model):
    """How far back rows are read again, for commits that came late."""

    recent_minutes: Annotated[int, Field(ge=1, le=1440)] = 15
    sweep_hours: Annotated[int, Field(ge=1, le=24 * 31)] = 48
    give_up_days: Annotated[int, Field(ge=1, le=90)] = 7
    statement_timeout_seconds: Annotated[int, Field(ge=1, le=3600)] = 30


DEFAULT_TIERS = (
    Tier(at=Decimal(80), level="warning", notify=(OWNER,)),
    Tier(at=Decimal(95), level="critical", notify=(OWNER,)),
    Tier(at=Decimal(100), level="emergency", notify=(OWNER,)),
)


class ProjectFacts(Model):
    """What environment rules look at."""

    project_id: str
    project_name: str
    workspace_id: str
    workspace_name: str
    tags: tuple[str, ...] = ()


class Settings(Model):
    """The whole configuration file."""

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
    key_rules: tuple[KeyRule, ...] = ()
    recipients: dict[str, Recipient] = {}
    tiers: Annotated[tuple[Tier, ...], Field(min_length=1)] = DEFAULT_TIERS
    budgets: tuple[Budget, ...] = ()
    enforcement: Enforcement = Enforcement()
    reports: Reports = Reports()
    schedule: Schedule = Schedule()
    delivery: Delivery = Delivery()
    lookback: Lookback = Lookback()
    usage_from: date = date(2023, 1, 1)

    def tiers_of(self, budget: Budget) -> tuple[Tier, ...]:
        """The budget's own tiers, or the default ones."""
        return budget.tiers if budget.tiers is not None else self.tiers

    def rate_table(self) -> list[tuple[date, str, Decimal]]:
        """Every exchange rate with the day from which it holds."""
        return [(r.from_date, currency, rate) for r in self.exchange_rates for currency, rate in r.rates.items()]

    def tenant_rule(self, tenant_id: str, name: str) -> TenantRule | None:
        """The rule for a tenant, by id or name."""
        return next((rule for rule in self.tenants if rule.tenant in (tenant_id, name)), None)

    def zone_of_tenant(self, tenant_id: str, name: str) -> str:
        """The tenant's billing zone."""
        rule = self.tenant_rule(tenant_id, name)
        return rule.timezone if rule and rule.timezone else self.timezone

    def environment_of(self, facts: ProjectFacts) -> str:
        """The environment of a project by the first rule that fits."""
        return next((r.environment for r in self.environments if _fits(r.when, facts)), self.default_environment)

    def today(self, now: datetime | None = None) -> date:
        """The current day in the configuration's zone."""
        return (now or datetime.now(UTC)).astimezone(ZoneInfo(self.timezone)).date()


def _fits(when: EnvironmentConditions, facts: ProjectFacts) -> bool:
    return (
        (when.workspace is None or _like(when.workspace, facts.workspace_name, facts.workspace_id))
        and (when.tag is None or _like(when.tag, *facts.tags))
        and (when.project_name is None or _like(when.project_name, facts.project_name))
        and (when.project_id is None or _like(when.project_id, facts.project_id))
    )


def _like(glob: str, *values: str) -> bool:
    return any(fnmatchcase(value, glob) for value in values)
