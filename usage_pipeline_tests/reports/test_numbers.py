"""Numbers of a report as people read them: exact texts."""

from decimal import Decimal

import pytest

from usage_pipeline.reports.numbers import change, cost, count, money, places_of, share, short_count, trimmed


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        ("0", "0.00"),
        ("0.00005", "0.0001"),
        ("0.12345", "0.1235"),
        ("-0.5", "-0.5000"),
        ("1", "1.00"),
        ("1234.565", "1,234.57"),
        ("-1234.565", "-1,234.57"),
        ("12345678901234567890123456789012.345", "12,345,678,901,234,567,890,123,456,789,012.35"),
    ],
)
def test_money_has_two_decimals_and_four_below_one(value: str | None, text: str) -> None:
    assert money(None if value is None else Decimal(value)) == text


@pytest.mark.parametrize(("value", "text"), [(None, "–"), (0, "0"), (1234567, "1,234,567"), ("2.5", "3")])
def test_a_count_is_a_whole_number(value: str | int | None, text: str) -> None:
    assert count(None if value is None else Decimal(value)) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "–"), ("0", "+0.0 %"), ("0.12345", "+12.3 %"), ("-0.5", "-50.0 %"), ("20", "+2,000.0 %")],
)
def test_a_change_has_its_sign(value: str | None, text: str) -> None:
    assert change(None if value is None else Decimal(value)) == text


@pytest.mark.parametrize(("value", "text"), [("0.9", "90.0 %"), ("0.99999", "99.9 %"), ("1", "100.0 %")])
def test_a_share_of_a_limit_is_never_rounded_up(value: str, text: str) -> None:
    assert share(Decimal(value)) == text


def test_zeros_at_the_end_are_cut() -> None:
    assert (trimmed(Decimal("1.500")), trimmed(Decimal("1E+3")), trimmed(Decimal(0))) == ("1.5", "1000", "0")


def test_a_column_has_one_precision() -> None:
    assert places_of([Decimal("79.19"), Decimal("0.826"), Decimal("0.0537"), None]) == 2
    assert places_of([Decimal("0.826"), Decimal("-0.0537")]) == 4
    assert (money(Decimal("0.0537"), 2), money(Decimal("0.0537"), 4)) == ("0.05", "0.0537")


def test_amounts_have_the_symbol_that_a_language_knows() -> None:
    value = Decimal("1234.5")
    assert (cost(value, "CNY", "zh"), cost(value, "CNY", "en")) == ("¥1,234.50", "CN¥1,234.50")
    assert (cost(-value, "USD", "en"), cost(value, "EUR", "en", signed=True)) == ("-$1,234.50", "+€1,234.50")
    assert cost(value, "CHF", "en") == "CHF 1,234.50"


def test_chinese_counts_in_ten_thousands_from_a_hundred_thousand_on() -> None:
    assert [short_count(value, "zh") for value in (99_999, 100_000, 3_083_000)] == ["99,999", "10 万", "308.3 万"]
    assert short_count(3_083_000, "en") == "3,083,000"
