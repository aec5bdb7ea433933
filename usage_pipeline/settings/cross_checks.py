"""What no single value can get wrong: references, duplicates and order across the configuration."""

from collections.abc import Iterator
from dataclasses import dataclass

from usage_pipeline.settings.anomalies import Anomaly
from usage_pipeline.settings.budget_pools import check_pools
from usage_pipeline.settings.dimensions import DAILY_KEYS, DIMENSIONS
from usage_pipeline.settings.enforcement_checks import enforcement_findings
from usage_pipeline.settings.model import OWNER, Settings, Tier
from usage_pipeline.settings.person_names import same_person
from usage_pipeline.settings.price_checks import price_findings
from usage_pipeline.settings.yaml_positions import Path


@dataclass(frozen=True)
class ConfigurationFinding:
    """Something wrong at a place in the configuration."""

    path: Path
    value: str
    message: str
    fix: str


def cross_check(settings: Settings) -> Iterator[ConfigurationFinding]:
    """Returns everything that does not fit together, in the file's order of sections."""
    yield from _currencies(settings)
    yield from (ConfigurationFinding(*found) for found in price_findings(settings))
    yield from _duplicates("api_keys", [named.key for named in settings.api_keys], "key")
    yield from _duplicates("sources", [source.id for source in settings.sources], "id")
    yield from _duplicates("tenants", [rule.tenant for rule in settings.tenants], "tenant")
    yield from _duplicates("budgets", [budget.id for budget in settings.budgets], "id")
    for position, rule in enumerate(settings.tenants):
        yield from _names(settings, ("tenants", position, "recipients"), rule.recipients, owner=False)
    yield from _tiers(settings, ("tiers",), settings.tiers)
    for position, budget in enumerate(settings.budgets):
        if budget.tiers is not None:
            yield from _tiers(settings, ("budgets", position, "tiers"), budget.tiers)
    for position, field, value, message, fix in check_pools(settings.budgets):
        yield ConfigurationFinding(("budgets", position, *field), value, message, fix)
    yield from _duplicates("anomalies", [rule.id for rule in settings.anomalies], "id")
    yield from _names(settings, ("loops", "notify"), settings.loops.notify, owner=True)
    for position, anomaly in enumerate(settings.anomalies):
        yield from _names(settings, ("anomalies", position, "notify"), anomaly.notify, owner=True)
        yield from _anomaly(anomaly, ("anomalies", position))
    yield from _approvers(settings.approvals.approvers)
    yield from _people(settings)
    yield from _names(settings, ("approvals", "notify"), settings.approvals.notify, owner=True)
    yield from (ConfigurationFinding(*found) for found in enforcement_findings(settings))
    yield from _names(settings, ("reports", "recipients"), settings.reports.recipients, owner=False)
    for key in ("ops", "escalate_to", "fallback"):
        yield from _names(settings, ("alerting", key), getattr(settings.alerting, key), owner=False)
    for position, hours in enumerate(settings.alerting.quiet_hours):
        yield from _names(settings, ("alerting", "quiet_hours", position, "recipients"), hours.recipients, owner=False)


def _approvers(approvers: tuple[str, ...]) -> Iterator[ConfigurationFinding]:
    """Two spellings of one name could ask and approve in turn."""
    for position, name in enumerate(approvers):
        path: Path = ("approvals", "approvers", position)
        if not name.strip():
            yield ConfigurationFinding(path, name, "is no name", "write the name, such as zhang.wei")
        for first, other in enumerate(approvers[:position]):
            if same_person(name, other):
                fix = "name each approver once, by names that cannot be taken for each other"
                yield ConfigurationFinding(path, name, f"reads as approvals.approvers[{first}] does", fix)
                break


def _people(settings: Settings) -> Iterator[ConfigurationFinding]:
    """Each way in which two people would be known, and each recipient that is none."""
    seen: dict[tuple[str, str], str] = {}
    for person, described in settings.approvals.people.items():
        path: Path = ("approvals", "people", person)
        yield from _names(settings, (*path, "recipients"), described.recipients, owner=False)
        for way in ("recipients", "accounts", "headers"):
            for position, name in enumerate(getattr(described, way)):
                other = seen.setdefault((way, name), person)
                if other != person:
                    says = f"is how approvals.people.{other} is known"
                    yield ConfigurationFinding((*path, way, position), name, says, "leave it to one of them")


def _anomaly(anomaly: Anomaly, path: Path) -> Iterator[ConfigurationFinding]:
    of_one_tenant = [dimension.key for dimension in DIMENSIONS if dimension.named_by]
    if OWNER in anomaly.notify and anomaly.per not in of_one_tenant:
        yield ConfigurationFinding(
            (*path, "notify"),
            OWNER,
            "is not known: its values lie in no single tenant",
            f"name recipients, or write per: {', '.join(of_one_tenant[:-1])} or {of_one_tenant[-1]}",
        )
    for key in (*anomaly.scope.values(), *anomaly.scope.excluded()):
        if key not in DAILY_KEYS:
            yield ConfigurationFinding(
                (*path, "scope"), key, "is not known to the daily tables", "name projects or models instead"
            )


def _currencies(settings: Settings) -> Iterator[ConfigurationFinding]:
    known = {settings.currency} | {currency for _, currency, _ in settings.rate_table()}
    for position, rule in enumerate(settings.prices):
        if rule.currency not in known:
            yield ConfigurationFinding(
                ("prices", position, "currency"),
                rule.currency,
                f"has no rate to {settings.currency}",
                f"add it: exchange_rates: {{{rule.currency}: <{settings.currency} for 1 {rule.currency}>}}",
            )


def _duplicates(section: str, values: list[str], key: str) -> Iterator[ConfigurationFinding]:
    for position, value in enumerate(values):
        if value in values[:position]:
            first = values.index(value)
            yield ConfigurationFinding(
                (section, position, key), value, f"is the {key} of {section}[{first}] already", "rename one"
            )


def _tiers(settings: Settings, path: Path, tiers: tuple[Tier, ...]) -> Iterator[ConfigurationFinding]:
    if not tiers:
        yield ConfigurationFinding(
            path, "[]", "has no tier", "write at least one, or leave `tiers` out for the default ones"
        )
    for position, tier in enumerate(tiers):
        before = [other.at for other in tiers[:position] if other.on == tier.on]
        if before and tier.at <= before[-1]:
            yield ConfigurationFinding(
                (*path, position, "at"),
                str(tier.at),
                f"does not stand above {before[-1]}",
                "order tiers from the lowest to the highest, each once",
            )
        yield from _names(settings, (*path, position, "notify"), tier.notify, owner=True)
        yield from _names(settings, (*path, position, "fallback"), tier.fallback, owner=True)


def _names(settings: Settings, path: Path, names: tuple[str, ...], *, owner: bool) -> Iterator[ConfigurationFinding]:
    for position, name in enumerate(names):
        if name in settings.recipients or (owner and name == OWNER):
            continue
        yield ConfigurationFinding(
            (*path, position),
            name,
            "is not a recipient",
            f"add it under `recipients:`{_suggestion(name, list(settings.recipients))}",
        )


def _suggestion(name: str, known: list[str]) -> str:
    from difflib import get_close_matches  # noqa: PLC0415

    close = get_close_matches(name, known, n=1)
    return f", or did you mean {close[0]!r}?" if close else ""
