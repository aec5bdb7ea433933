"""What FOCUS 1.0 asks of its columns: which must be there, what they may hold, and what must not be null."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation

MANDATORY = {
    "BilledCost", "BillingAccountId", "BillingAccountName", "BillingCurrency", "BillingPeriodEnd",
    "BillingPeriodStart", "ChargeCategory", "ChargeClass", "ChargeDescription", "ChargePeriodEnd",
    "ChargePeriodStart", "ContractedCost", "EffectiveCost", "InvoiceIssuerName", "ListCost", "PricingQuantity",
    "PricingUnit", "ProviderName", "PublisherName", "ServiceCategory", "ServiceName",
}  # fmt: skip
# Recommended or conditional ones; what a provider does not support may be left out.
OPTIONAL = {
    "AvailabilityZone", "ChargeFrequency", "CommitmentDiscountCategory", "CommitmentDiscountId",
    "CommitmentDiscountName", "CommitmentDiscountStatus", "CommitmentDiscountType", "ConsumedQuantity",
    "ConsumedUnit", "ContractedUnitPrice", "ListUnitPrice", "PricingCategory", "RegionId", "RegionName",
    "ResourceId", "ResourceName", "ResourceType", "SkuId", "SkuPriceId", "SubAccountId", "SubAccountName", "Tags",
}  # fmt: skip
# Of a usage charge that is no correction.
NOT_NULL = MANDATORY - {"ChargeClass", "BillingAccountName", "ChargeDescription"} | {
    "ChargeFrequency", "ConsumedQuantity", "ConsumedUnit", "PricingCategory", "SkuId",
}  # fmt: skip
NUMBERS = {"BilledCost", "ContractedCost", "EffectiveCost", "ListCost", "PricingQuantity", "ConsumedQuantity"}
TIMES = {"BillingPeriodStart", "BillingPeriodEnd", "ChargePeriodStart", "ChargePeriodEnd"}
ALLOWED = {
    "ChargeCategory": {"Usage", "Purchase", "Tax", "Credit", "Adjustment"},
    "ChargeClass": {"", "Correction"},
    "ChargeFrequency": {"One-Time", "Recurring", "Usage-Based"},
    "PricingCategory": {"", "Standard", "Dynamic", "Committed", "Other"},
    "ServiceCategory": {
        "AI and Machine Learning", "Analytics", "Business Applications", "Compute", "Databases", "Developer Tools",
        "Multicloud", "Identity", "Integration", "Internet of Things", "Management and Governance", "Media",
        "Migration", "Mobile", "Networking", "Security", "Storage", "Web", "Other",
    },
}  # fmt: skip
_TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
_NUMBER = re.compile(r"^-?\d+(\.\d+)?$")


def column_faults(columns: Sequence[str]) -> Iterator[str]:
    """What is wrong with a file's header."""
    for name in sorted(MANDATORY - set(columns)):
        yield f"{name} is missing"
    for name in columns:
        if name not in MANDATORY | OPTIONAL and not name.startswith("x_"):
            yield f"{name} is neither of FOCUS nor marked x_"
    if len(set(columns)) != len(columns):
        yield "a column stands there twice"
    for quantity, unit in (("ConsumedQuantity", "ConsumedUnit"), ("PricingQuantity", "PricingUnit")):
        if (quantity in columns) != (unit in columns):
            yield f"{quantity} and {unit} go together"


def row_faults(row: Mapping[str, str]) -> Iterator[str]:
    """What is wrong with a charge."""
    for name in sorted(NOT_NULL):
        if row.get(name, "") == "":
            yield f"{name} is null"
    for name in NUMBERS:
        if not _NUMBER.match(row[name]):
            yield f"{name} is not a plain decimal: {row[name]!r}"
    for name in TIMES:
        if not _TIME.match(row[name]):
            yield f"{name} is not UTC in ISO 8601: {row[name]!r}"
    for name, allowed in ALLOWED.items():
        if row[name] not in allowed:
            yield f"{name} may not be {row[name]!r}"
    yield from _meaning_faults(row)


def _meaning_faults(row: Mapping[str, str]) -> Iterator[str]:
    """What no single pattern tells."""
    if not re.fullmatch(r"[A-Z]{3}", row["BillingCurrency"]):
        yield f"BillingCurrency is no ISO 4217 code: {row['BillingCurrency']!r}"
    try:
        if not Decimal(row["ConsumedQuantity"]) >= 0:
            yield "ConsumedQuantity is negative"
    except InvalidOperation:
        pass
    if not isinstance(json.loads(row["Tags"]), dict):
        yield "Tags is not an object"
    start, end = (datetime.fromisoformat(row[f"ChargePeriod{edge}"]) for edge in ("Start", "End"))
    if not start < end:
        yield "the charge period is empty"
    if not (
        row["BillingPeriodStart"] <= row["ChargePeriodStart"] and row["ChargePeriodEnd"] <= row["BillingPeriodEnd"]
    ):
        yield "the charge period leaves the billing period"
