"""What FOCUS 1.0 and 1.2 ask of their columns: which must be there, their types, nulls and allowed values."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation

VERSIONS = ("1.0", "1.2")


@dataclass(frozen=True)
class Column:
    """A column of the specification; ``null``: whether a usage charge that is no correction may have none."""

    level: str  # mandatory, conditional or recommended
    kind: str  # string, decimal, time, json
    null: bool = False
    allowed: frozenset[str] | None = None
    since: str = "1.0"


def _one_of(*values: str) -> frozenset[str]:
    return frozenset(values)


_CATEGORIES = _one_of(
    "AI and Machine Learning", "Analytics", "Business Applications", "Compute", "Databases", "Developer Tools",
    "Multicloud", "Identity", "Integration", "Internet of Things", "Management and Governance", "Media", "Migration",
    "Mobile", "Networking", "Security", "Storage", "Web", "Other",
)  # fmt: skip
_SUBCATEGORIES = _one_of(
    "AI Platforms", "Bots", "Generative AI", "Machine Learning", "Natural Language Processing",
    "Other (AI and Machine Learning)",
)  # fmt: skip
TABLE: Mapping[str, Column] = {
    "AvailabilityZone": Column("recommended", "string", null=True),
    "BilledCost": Column("mandatory", "decimal"),
    "BillingAccountId": Column("mandatory", "string"),
    "BillingAccountName": Column("mandatory", "string", null=True),
    "BillingAccountType": Column("conditional", "string", since="1.2"),
    "BillingCurrency": Column("mandatory", "currency"),
    "BillingPeriodEnd": Column("mandatory", "time"),
    "BillingPeriodStart": Column("mandatory", "time"),
    "CapacityReservationId": Column("conditional", "string", null=True, since="1.2"),
    "CapacityReservationStatus": Column("conditional", "string", null=True, since="1.2"),
    "ChargeCategory": Column(
        "mandatory", "string", allowed=_one_of("Usage", "Purchase", "Tax", "Credit", "Adjustment")
    ),
    "ChargeClass": Column("mandatory", "string", null=True, allowed=_one_of("Correction")),
    "ChargeDescription": Column("mandatory", "string", null=True),
    "ChargeFrequency": Column("recommended", "string", allowed=_one_of("One-Time", "Recurring", "Usage-Based")),
    "ChargePeriodEnd": Column("mandatory", "time"),
    "ChargePeriodStart": Column("mandatory", "time"),
    "CommitmentDiscountCategory": Column("conditional", "string", null=True),
    "CommitmentDiscountId": Column("conditional", "string", null=True),
    "CommitmentDiscountName": Column("conditional", "string", null=True),
    "CommitmentDiscountQuantity": Column("conditional", "decimal", null=True, since="1.2"),
    "CommitmentDiscountStatus": Column("conditional", "string", null=True),
    "CommitmentDiscountType": Column("conditional", "string", null=True),
    "CommitmentDiscountUnit": Column("conditional", "string", null=True, since="1.2"),
    "ConsumedQuantity": Column("conditional", "decimal"),
    "ConsumedUnit": Column("conditional", "string"),
    "ContractedCost": Column("mandatory", "decimal"),
    "ContractedUnitPrice": Column("conditional", "decimal", null=True),
    "EffectiveCost": Column("mandatory", "decimal"),
    "InvoiceId": Column("recommended", "string", null=True, since="1.2"),
    "InvoiceIssuerName": Column("mandatory", "string"),
    "ListCost": Column("mandatory", "decimal"),
    "ListUnitPrice": Column("conditional", "decimal", null=True),
    "PricingCategory": Column("conditional", "string", allowed=_one_of("Standard", "Dynamic", "Committed", "Other")),
    "PricingCurrency": Column("conditional", "currency", since="1.2"),
    "PricingCurrencyContractedUnitPrice": Column("conditional", "decimal", null=True, since="1.2"),
    "PricingCurrencyEffectiveCost": Column("conditional", "decimal", since="1.2"),
    "PricingCurrencyListUnitPrice": Column("conditional", "decimal", null=True, since="1.2"),
    "PricingQuantity": Column("mandatory", "decimal"),
    "PricingUnit": Column("mandatory", "string"),
    "ProviderName": Column("mandatory", "string"),
    "PublisherName": Column("mandatory", "string"),
    "RegionId": Column("conditional", "string", null=True),
    "RegionName": Column("conditional", "string", null=True),
    "ResourceId": Column("conditional", "string", null=True),
    "ResourceName": Column("conditional", "string", null=True),
    "ResourceType": Column("conditional", "string", null=True),
    "ServiceCategory": Column("mandatory", "string", allowed=_CATEGORIES),
    "ServiceName": Column("mandatory", "string"),
    # Those of AI and Machine Learning, which all charges of ours belong to.
    "ServiceSubcategory": Column("recommended", "string", allowed=_SUBCATEGORIES, since="1.2"),
    "SkuId": Column("conditional", "string"),
    "SkuMeter": Column("conditional", "string", null=True, since="1.2"),
    "SkuPriceDetails": Column("conditional", "json", null=True, since="1.2"),
    "SkuPriceId": Column("conditional", "string", null=True),
    "SubAccountId": Column("conditional", "string", null=True),
    "SubAccountName": Column("conditional", "string", null=True),
    "SubAccountType": Column("conditional", "string", null=True, since="1.2"),
    "Tags": Column("conditional", "json", null=True),
}
# What 1.2 asks for where a provider prices in another currency than it bills, has sub-accounts, and knows invoices.
ASKED_BY_1_2 = {"InvoiceId", "PricingCurrency", "BillingAccountType", "SubAccountType", "ServiceSubcategory"}
_TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
_NUMBER = re.compile(r"^-?\d+(\.\d+)?$")
_CURRENCY = re.compile(r"^[A-Z]{3}$")


def of_version(version: str) -> dict[str, Column]:
    """The columns that a version knows."""
    return {name: column for name, column in TABLE.items() if column.since <= version}


def column_faults(columns: Sequence[str], version: str = "1.2") -> Iterator[str]:
    """What is wrong with a file's header."""
    known = of_version(version)
    for name, column in known.items():
        if name not in columns and (column.level == "mandatory" or (version == "1.2" and name in ASKED_BY_1_2)):
            yield f"{name} is missing"
    for name in columns:
        if name not in known and not name.startswith("x_"):
            yield f"{name} is neither of FOCUS nor marked x_"
    if len(set(columns)) != len(columns):
        yield "a column stands there twice"
    for quantity, unit in (("ConsumedQuantity", "ConsumedUnit"), ("PricingQuantity", "PricingUnit")):
        if (quantity in columns) != (unit in columns):
            yield f"{quantity} and {unit} go together"


def row_faults(row: Mapping[str, str], version: str = "1.2") -> Iterator[str]:
    """What is wrong with a charge."""
    for name, column in of_version(version).items():
        if name not in row:
            continue
        if row[name] == "":
            if not column.null:
                yield f"{name} is null"
            continue
        yield from _cell_faults(name, column, row[name])
    yield from _meaning_faults(row)


def _cell_faults(name: str, column: Column, value: str) -> Iterator[str]:
    if column.kind == "decimal" and not _NUMBER.match(value):
        yield f"{name} is not a plain decimal: {value!r}"
    if column.kind == "time" and not _TIME.match(value):
        yield f"{name} is not UTC in ISO 8601: {value!r}"
    if column.kind == "currency" and not _CURRENCY.match(value):
        yield f"{name} is no ISO 4217 code: {value!r}"
    if column.kind == "json" and not isinstance(json.loads(value), dict):
        yield f"{name} is not an object"
    if column.allowed is not None and value not in column.allowed:
        yield f"{name} may not be {value!r}"


def _meaning_faults(row: Mapping[str, str]) -> Iterator[str]:
    """What no single pattern tells."""
    try:
        if not Decimal(row["ConsumedQuantity"]) >= 0:
            yield "ConsumedQuantity is negative"
    except InvalidOperation:
        pass
    start, end = (datetime.fromisoformat(row[f"ChargePeriod{edge}"]) for edge in ("Start", "End"))
    if not start < end:
        yield "the charge period is empty"
    if not (
        row["BillingPeriodStart"] <= row["ChargePeriodStart"] and row["ChargePeriodEnd"] <= row["BillingPeriodEnd"]
    ):
        yield "the charge period leaves the billing period"
