"""Rules of the configuration price exactly as written: tiers by input, prices a call, days on which they hold."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from usage_pipeline.warehouse.connection import Connection
from usage_pipeline_tests.pricing.test_catalogue import CONFIG, price, staged

__all__ = ["staged"]  # the fixture
NOON = datetime(2026, 9, 1, 12, tzinfo=UTC)
TIERED = (
    CONFIG
    + "prices:\n"
    + "  - model: long-*\n    input_per_million: 2.5\n    output_per_million: 15\n    currency: USD\n"
    + "    tiers:\n      - {above: 200000, input_per_million: 5, output_per_million: 22.5}\n"
    + "      - {above: 500000, input_per_million: 7, output_per_million: 30}\n"
)


def test_all_tokens_of_a_call_pay_the_tier_that_its_input_reaches(staged: Connection) -> None:
    @settings(max_examples=60)
    @given(
        st.one_of(st.integers(1, 300_000), st.integers(199_998, 200_003), st.integers(499_998, 500_003)),
        st.integers(0, 80_000),
    )
    def holds(given_tokens: int, taken_tokens: int) -> None:
        rates = ("2.5", "15") if given_tokens <= 200_000 else ("5", "22.5") if given_tokens <= 500_000 else ("7", "30")
        wanted = (given_tokens * Decimal(rates[0]) + taken_tokens * Decimal(rates[1])) / 1_000_000
        found = price(staged, ("vllm", "long-context", given_tokens, taken_tokens, NOON), TIERED)
        assert found == ("override", wanted, "USD", wanted)

    holds()


PER_CALL = CONFIG + "prices: [{model: 'draw-*', per_call: 0.04, currency: USD}]\n"


@pytest.mark.parametrize(
    ("tokens", "more", "wanted"),
    [
        ((0, 0), {"status": "succeeded"}, ("override", Decimal("0.04"))),
        ((10, 5), {"status": "succeeded"}, ("override", Decimal("0.04"))),
        ((10, 5), {"status": "failed"}, ("override", Decimal("0.04"))),
        ((0, 0), {"status": "failed"}, ("dify", Decimal(0))),
        ((0, 0), {"status": "running"}, ("dify", Decimal(0))),
        ((10, 5), {"status": "succeeded", "logged_cost": Decimal("0.3")}, ("dify", Decimal("0.3"))),
    ],
)
def test_a_price_a_call_holds_for_calls_that_were_answered_or_used_tokens(
    staged: Connection, tokens: tuple[int, int], more: dict[str, object], wanted: tuple[str, Decimal]
) -> None:
    assert price(staged, ("tools", "draw-3", *tokens, NOON), PER_CALL, **more)[:2] == wanted


def test_rules_hold_on_their_days(staged: Connection) -> None:
    config = CONFIG + (
        "prices:\n"
        "  - {model: m, from: 2026-09-01, until: 2026-09-02, currency: USD,"
        " input_per_million: 1, output_per_million: 1}\n"
        "  - {model: m, input_per_million: 9, output_per_million: 9, currency: USD}\n"
    )
    for day, rate in ((31, 9), (1, 1), (2, 9)):
        moment = datetime(2026, 8 if day == 31 else 9, day, 23, 59, tzinfo=UTC)
        assert price(staged, ("p", "m", 1_000_000, 0, moment), config)[1] == rate


def test_tokens_without_their_split_are_never_priced_at_zero(staged: Connection) -> None:
    rule = CONFIG + "prices: [{{model: m, input_per_million: {}, output_per_million: 6, currency: USD}}]\n"
    call = ("p", "m", 0, 0, NOON)
    assert price(staged, call, rule.format(2), total_tokens=1_000_000)[:2] == ("unpriced", None)
    assert price(staged, call, rule.format(6), total_tokens=1_000_000)[:2] == ("override", Decimal(6))
    replaced = rule.format(2).replace("model: m", "model: m, replace: true")
    found = price(staged, call, replaced, total_tokens=1_000_000, logged_cost=Decimal("0.7"))
    assert found[:2] == ("dify", Decimal("0.7"))
