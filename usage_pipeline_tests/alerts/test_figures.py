"""Figures of alerts as people read them: exact texts, in both languages, and never nearer to a limit than they are."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from usage_pipeline.alerts.kinds.facts import number
from usage_pipeline.alerts.text.format import amount, percent
from usage_pipeline.alerts.text.words import WORDS

ZH, EN = WORDS["zh"], WORDS["en"]


@pytest.mark.parametrize(
    ("value", "currency", "chinese", "english"),
    [
        ("1234.5", "CNY", "¥1,234.50", "CN¥1,234.50"),
        ("1234.5", "USD", "US$1,234.50", "$1,234.50"),
        ("1234.5", "EUR", "€1,234.50", "€1,234.50"),
        ("1234.5", "JPY", "JP¥1,234.50", "¥1,234.50"),
        ("1234.5", "CHF", "CHF 1,234.50", "CHF 1,234.50"),
        ("0", "CNY", "¥0.00", "CN¥0.00"),
        ("99999999999999999999999999999", "CNY", "¥99,999,999,999,999,999,999,999,999,999.00", None),
        ("NaN", "CNY", None, None),
        ("1e400", "CNY", None, None),
        ("many", "CNY", None, None),
    ],
)
def test_money_has_two_decimals_and_the_readers_symbol(
    value: str, currency: str, chinese: str | None, english: str | None
) -> None:
    assert amount(number(value), "cost", currency, ZH) == chinese
    if english or chinese is None:
        assert amount(number(value), "cost", currency, EN) == english


def test_tokens_and_calls_are_whole_numbers() -> None:
    assert amount(Decimal("1234567.4"), "tokens", "CNY", EN) == "1,234,567 tokens"
    assert amount(Decimal(12), "calls", "CNY", EN) == "12 calls"


@pytest.mark.parametrize(
    ("ratio", "text"),
    [
        ("0", "0 %"),
        ("0.8", "80 %"),
        ("0.99951", "99.9 %"),
        ("0.99999999", "99.9 %"),
        ("1", "100 %"),
        ("12.3456", "1,234.5 %"),
        ("nan", "?"),
        (None, "?"),
    ],
)
def test_a_ratio_is_in_per_cent_with_one_decimal_at_most(ratio: object, text: str) -> None:
    assert percent(number(ratio)) == text


@given(st.decimals(0, Decimal("0.9999999999"), places=10))
def test_what_is_below_its_limit_never_reads_as_100_per_cent(ratio: Decimal) -> None:
    shown = Decimal(percent(ratio).removesuffix(" %"))
    assert shown <= ratio * 100 < shown + Decimal("0.1")
