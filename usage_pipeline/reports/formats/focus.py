"""Writes the report's rows as FOCUS (FinOps Open Cost and Usage Specification), a charge a row of daily_usage."""

import csv
import json
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from functools import cache, lru_cache, partial
from pathlib import Path
from zoneinfo import ZoneInfo

from usage_pipeline.reports.cells import plain
from usage_pipeline.reports.document import Report, UsageRow
from usage_pipeline.reports.edition import month_of
from usage_pipeline.reports.formats.base import FormatWriter
from usage_pipeline.reports.measures import ZERO

UNKNOWN = "unknown"
_TOKENS = "Tokens"
Column = Callable[[UsageRow, str], object]


@cache
def _midnight(day: date, zone: str) -> str:
    return plain(datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC))


# Left out, as the specification allows where a provider does not support what they say: availability zones, regions,
# commitment discounts, capacity reservations, and the unit prices of a published price list (ListUnitPrice,
# ContractedUnitPrice, SkuPriceId): input and output have prices of their own, so that a row has no single one.
_OF_1_0: Mapping[str, Column] = {
    "BilledCost": lambda row, _: row.base_cost,
    "BillingAccountId": lambda row, _: row.source,
    "BillingAccountName": lambda row, _: row.source,
    "BillingCurrency": lambda _, currency: currency,
    "BillingPeriodEnd": lambda row, _: _midnight(month_of(row.usage_date).last + timedelta(days=1), row.zone),
    "BillingPeriodStart": lambda row, _: _midnight(month_of(row.usage_date).first, row.zone),
    "ChargeCategory": lambda _row, _: "Usage",
    "ChargeClass": lambda _row, _: None,
    "ChargeDescription": lambda row, _: f"{row.project}: {row.model or UNKNOWN}, {row.calls} calls",
    "ChargeFrequency": lambda _row, _: "Usage-Based",
    "ChargePeriodEnd": lambda row, _: _midnight(row.usage_date + timedelta(days=1), row.zone),
    "ChargePeriodStart": lambda row, _: _midnight(row.usage_date, row.zone),
    "ConsumedQuantity": lambda row, _: row.total_tokens,
    "ConsumedUnit": lambda _row, _: _TOKENS,
    "ContractedCost": lambda row, _: row.base_cost,
    "EffectiveCost": lambda row, _: row.base_cost,
    "InvoiceIssuerName": lambda row, _: row.provider or UNKNOWN,
    "ListCost": lambda row, _: row.base_cost,
    "PricingCategory": lambda _row, _: "Standard",
    "PricingQuantity": lambda row, _: row.total_tokens,
    "PricingUnit": lambda _row, _: _TOKENS,
    "ProviderName": lambda row, _: row.provider or UNKNOWN,
    "PublisherName": lambda row, _: row.provider or UNKNOWN,
    "ResourceId": lambda row, _: row.app_id,
    "ResourceName": lambda row, _: row.project,
    "ResourceType": lambda row, _: f"Dify app ({row.app_mode})" if row.app_mode else "Dify app",
    "ServiceCategory": lambda _row, _: "AI and Machine Learning",
    "ServiceName": lambda row, _: f"{row.provider or UNKNOWN} model calls",
    "SkuId": lambda row, _: f"{row.provider or UNKNOWN}/{row.model or UNKNOWN}",
    "SubAccountId": lambda row, _: row.tenant_id,
    "SubAccountName": lambda row, _: row.tenant,
    "Tags": lambda row, _: _tags(row),
    "x_Calls": lambda row, _: row.calls,
    "x_FailedCalls": lambda row, _: row.failed_calls,
    "x_InputTokens": lambda row, _: row.input_tokens,
    "x_OutputTokens": lambda row, _: row.output_tokens,
    "x_UnpricedTokens": lambda row, _: row.unpriced_tokens,
    "x_SourceCost": lambda row, _: None if price_state(row) == "Unpriced" else row.cost,
    "x_SourceCurrency": lambda row, _: row.currency,
}
# An invoice's id is null until a charge stands on one: which of a month's charges do, no provider says.
_NEW_IN_1_2: Mapping[str, Column] = {
    "BillingAccountType": lambda _row, _: "Dify installation",
    "InvoiceId": lambda _row, _: None,
    "PricingCurrency": lambda row, currency: row.currency or currency,
    "PricingCurrencyEffectiveCost": lambda row, _: row.cost if row.currency else row.base_cost,
    "ServiceSubcategory": lambda _row, _: "Generative AI",
    "SkuMeter": lambda _row, _: _TOKENS,
    "SubAccountType": lambda _row, _: "Dify workspace",
    # No cost of the specification may be null: what has no price is null beside, and zero in those.
    "x_KnownCost": lambda row, _: None if price_state(row) == "Unpriced" else row.base_cost,
    "x_PriceState": lambda row, _: price_state(row),
}


def _in_order(columns: Mapping[str, Column]) -> dict[str, Column]:
    """The specification's columns by their names, ours behind them."""
    return dict(sorted(columns.items(), key=lambda column: (column[0].startswith("x_"), column[0])))


COLUMNS: Mapping[str, Mapping[str, Column]] = {"1.2": _in_order({**_OF_1_0, **_NEW_IN_1_2}), "1.0": _in_order(_OF_1_0)}


def price_state(row: UsageRow) -> str:
    """Returns Priced, Unpriced, or Partly priced where some of the row's tokens have no price."""
    if not row.unpriced_tokens:
        return "Priced"
    return "Unpriced" if row.unpriced_tokens >= row.total_tokens and row.base_cost == ZERO else "Partly priced"


def write_focus(report: Report, _language: str, path: Path, version: str = "1.2") -> None:
    """One CSV file of a version of the specification. Amounts are in the configuration's currency.

    What has no price is charged nothing, and null in x_KnownCost, with its tokens in x_UnpricedTokens. A charge period
    is a day, a billing period a month, both in the tenant's zone, written in UTC.
    """
    columns = COLUMNS[version]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows([plain(value(row, report.currency)) for value in columns.values()] for row in report.rows)


def _tags(row: UsageRow) -> str:
    own = tuple(row.tags or ())
    return _tags_of(own, row.environment, row.api_key, row.key_attribution, row.caller_kind, row.caller_id)


@lru_cache(maxsize=10_000)
def _tags_of(
    own: tuple[str, ...], environment: str, api_key: str, attribution: str, caller_kind: str, caller: str | None
) -> str:
    """Ours begin with dify:, a project's own tags have no value and so are true."""
    tags: dict[str, str | bool] = dict.fromkeys(own, True)
    ours = {
        "dify:environment": environment,
        "dify:api_key": api_key,
        "dify:key_attribution": attribution,
        "dify:caller_kind": caller_kind,
        "dify:caller": caller,
    }
    tags.update({name: value for name, value in ours.items() if value is not None})
    return json.dumps(tags, ensure_ascii=False, sort_keys=True)


FORMAT = FormatWriter(".focus.csv", write_focus, former={"1.0": partial(write_focus, version="1.0")})
