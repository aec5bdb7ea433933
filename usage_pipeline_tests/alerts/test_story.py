"""The story of a budget alert in a sentence, its figures, and what fits into a message of several."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from usage_pipeline.alerts.kinds.budget import BUDGET, BudgetFacts
from usage_pipeline.alerts.kinds.budget_parts import Share
from usage_pipeline.alerts.message import Alert, Message
from usage_pipeline.alerts.text.escape import line
from usage_pipeline.alerts.text.format import duration, rounded_amount
from usage_pipeline.alerts.text.words import WORDS
from usage_pipeline.delivery.claim import MAX_ALERTS
from usage_pipeline.delivery.rendering import fitted

CALLER = Share("api: user-11", Decimal(3_020_000), Decimal("77.1"), Decimal("0.9799"), Decimal(140))
FACTS = replace(
    BUDGET.example(),
    spent=Decimal(3_082_408),
    limit=Decimal(2_000_000),
    ratio=Decimal("1.541204"),
    trailing_average=Decimal(118_000),
    top={"callers": (CALLER,)},
    top_in_period={"callers": (CALLER,)},
)


@pytest.mark.parametrize(
    ("facts", "chinese", "english"),
    [
        (
            FACTS,
            "lead-enricher 今天已用 308.24 万 tokens，占限额的 154.1 %，是平日的 26.1 倍；"
            "97.9 % 来自 API: user-11（近一小时占 97.9 %）",
            "lead-enricher has used 3.08 million tokens today, 154.1 % of its limit, 26.1 times the usual;"
            " 97.9 % of it by API: user-11 (97.9 % of the last hour)",
        ),
        (
            replace(FACTS, trailing_average=None, top=None, top_in_period=None, period="rolling:7d",
                    period_start=datetime(2026, 3, 1, tzinfo=UTC), period_end=datetime(2026, 3, 8, tzinfo=UTC)),
            "lead-enricher 最近 7 天已用 308.24 万 tokens，占限额的 154.1 %",
            "lead-enricher has used 3.08 million tokens in the last 7 d, 154.1 % of its limit",
        ),
        (
            replace(FACTS, tier_on="forecast", forecast=Decimal(3_090_000), trailing_average=None, top=None,
                    top_in_period=None, period="rolling:24h"),
            "lead-enricher 最近 24 小时已用 308.24 万 tokens，占限额的 154.1 %",
            "lead-enricher has used 3.08 million tokens in the last 24 h, 154.1 % of its limit",
        ),
        (
            replace(FACTS, scope_name="user-11", trailing_average=None),
            "user-11 今天已用 308.24 万 tokens，占限额的 154.1 %",
            "user-11 has used 3.08 million tokens today, 154.1 % of its limit",
        ),
        (
            replace(FACTS, tier_on="forecast", spent=Decimal(900_000), ratio=Decimal("0.45"), trailing_average=None,
                    forecast=Decimal(2_400_000), top=None, top_in_period=None, period="month"),
            "lead-enricher 本月已用 90 万 tokens，按预测到期末将用 240 万 tokens，超出限额 200 万 tokens",
            "lead-enricher has used 900,000 tokens this month and is on the way to 2.4 million tokens,"
            " above its limit of 2 million tokens",
        ),
        (
            replace(FACTS, measure="cost", currency="CNY", spent=Decimal("78.734"), limit=Decimal(50),
                    ratio=Decimal("1.57468"), trailing_average=Decimal(70), top=None, top_in_period=None),
            "lead-enricher 今天已用 ¥78.73，占限额的 157.4 %",
            "lead-enricher has used CN¥78.73 today, 157.4 % of its limit",
        ),
    ],
)  # fmt: skip
def test_the_story_is_told_in_a_sentence(facts: BudgetFacts, chinese: str, english: str) -> None:
    assert BUDGET.summary(facts, "zh") == chinese
    assert BUDGET.summary(facts, "en") == english
    assert next(value for _, value in BUDGET.lines(facts, "zh") if value) == chinese


def test_shares_name_their_time_and_say_how_much() -> None:
    lines = dict(BUDGET.lines(FACTS, "en"))
    assert lines["Top callers, this period"] == "API: user-11 97.9 % (3,020,000 tokens, 140 calls)"
    assert lines["Top callers, last hour"] == lines["Top callers, this period"]
    once = replace(FACTS, top={"callers": (replace(CALLER, calls=Decimal(1)),)})
    assert "1 call)" in dict(BUDGET.lines(once, "en"))["Top callers, last hour"]


def test_of_input_or_output_alone_only_the_part_is_said() -> None:
    lines = dict(BUDGET.lines(replace(FACTS, measure="output_tokens"), "en"))
    assert lines["Top callers, this period"] == "API: user-11 97.9 % (140 calls)"


def test_nothing_is_foreseen_of_a_window_that_never_ends() -> None:
    forecast = "Forecast for the period"
    assert dict(BUDGET.lines(FACTS, "en"))[forecast]
    assert not dict(BUDGET.lines(replace(FACTS, period="rolling:24h"), "en"))[forecast]


def test_that_all_of_a_projects_budget_is_the_projects_is_no_news() -> None:
    project = replace(CALLER, name="lead-enricher", share=Decimal(1))
    lines = dict(BUDGET.lines(replace(FACTS, top_in_period={"projects": (project,), "callers": (CALLER,)}), "en"))
    assert "Top projects, this period" not in lines
    assert "Top callers, this period" in lines


@pytest.mark.parametrize(
    ("value", "chinese", "english"),
    [
        ("9999", "9,999 tokens", "9,999 tokens"),
        ("10000", "1 万 tokens", "10,000 tokens"),
        ("1999999.9", "199.99 万 tokens", "1.99 million tokens"),
        ("123456789", "1.23 亿 tokens", "123.45 million tokens"),
        ("5000000000", "50 亿 tokens", "5 billion tokens"),
        ("1", "1 tokens", "1 token"),
    ],
)
def test_large_numbers_are_in_the_readers_units_and_never_rounded_up(value: str, chinese: str, english: str) -> None:
    assert rounded_amount(Decimal(value), "tokens", None, WORDS["zh"]) == chinese
    assert rounded_amount(Decimal(value), "tokens", None, WORDS["en"]) == english


@pytest.mark.parametrize(
    ("length", "text"),
    [
        (timedelta(days=7), "7 d"),
        (timedelta(days=1, minutes=5), "1 d 5 min"),
        (timedelta(hours=2, minutes=30), "2 h 30 min"),
        (timedelta(seconds=20), "0 min"),
    ],
)
def test_a_length_of_time_is_in_its_two_largest_units(length: timedelta, text: str) -> None:
    assert duration(length, WORDS["en"]) == text


def _several(count: int) -> Message:
    facts = FACTS.stored()
    others = tuple(Alert(f"B{number}", "budget", "emergency", facts) for number in range(1, count))
    return Message("d", "B0", "budget", "emergency", facts, "zh", others)


def test_the_gravest_three_of_a_message_are_told_in_full_and_the_others_listed() -> None:
    text = fitted("wecom.md.j2", _several(8), line, 4_096).text
    assert text.count("主要调用方（本周期）") == 3
    assert "B7" in text
    assert len(text.encode()) <= 4_096


def test_fewer_are_told_in_full_before_one_is_left_out() -> None:
    text = fitted("wecom.md.j2", _several(3), line, 2_600).text
    assert text.count("主要调用方（本周期）") in (1, 2)
    assert len(text.encode()) <= 2_600


def test_every_alert_of_the_largest_message_is_named_before_sentences_are() -> None:
    """What was delivered must be in the message: an alert that is left out is one that nobody was told."""
    text = fitted("wecom.md.j2", _several(MAX_ALERTS), line, 4_096).text
    assert all(f"B{number}" in text for number in range(MAX_ALERTS))
    assert len(text.encode()) <= 4_096
