"""What the catalogue prices equals the catalogue's own arithmetic; what it must not price stays unpriced."""

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from genai_prices import Usage, calc_price
from genai_prices.data_snapshot import get_snapshot
from hypothesis import given, settings
from hypothesis import strategies as st

from usage_pipeline.ingest.counting import open_staging
from usage_pipeline.pricing.catalogue import _CATALOGUE_NAME, catalogue_rules
from usage_pipeline.pricing.price_rules import price_book
from usage_pipeline.settings import parse_settings
from usage_pipeline.warehouse.connection import Connection, connect
from usage_pipeline.warehouse.statements import statement

CONFIG = "version: 1\ntimezone: UTC\ncurrency: USD\n"
# Dify's provider, the catalogue's name for it, a model; with tiers, with prices that changed, and plain ones.
MODELS = [
    ("openai", "openai", "gpt-4o"),
    ("openai", "openai", "o3"),
    ("gemini", "google", "gemini-2.5-pro"),
    ("anthropic", "anthropic", "claude-sonnet-4-5"),
    ("azure_openai", "azure", "gpt-4o"),
]
Call = tuple[str, str, int, int, datetime]


@pytest.fixture
def staged(warehouse_url: str) -> Connection:
    """A session with staging tables."""
    connection = connect(warehouse_url)
    open_staging(connection)
    return connection


def price(connection: Connection, call: Call, config: str = CONFIG, **more: object) -> tuple[object, ...]:
    """Price source, cost, currency and base cost of one call, as counting prices it."""
    provider, model, given_tokens, taken_tokens, moment = call
    event = {"event_id": "message:1", "provider": provider, "model": model, "input_tokens": given_tokens,
             "output_tokens": taken_tokens, "total_tokens": given_tokens + taken_tokens, "logged_cost": 0,
             "logged_currency": "USD", "occurred_at": moment, "usage_date": moment.date(), **more}  # fmt: skip
    book = price_book(parse_settings(config, "c.yaml"))
    with connection.transaction():
        names, values = ", ".join(event), ", ".join(["%s"] * len(event))
        connection.execute(f"INSERT INTO stage_event ({names}) VALUES ({values})".encode(), list(event.values()))
        cursor = connection.execute(statement("pricing/unpriced_models"))
        while cursor.nextset():
            pass
        unpriced = [(str(p), str(m)) for p, m in cursor.fetchall()]
        connection.execute(
            statement("pricing/price_events"),
            {
                "rules": book.rules,
                "rates": book.rates,
                "currency_signs": book.currency_signs,
                "base_currency": book.base_currency,
                "catalogue": catalogue_rules(unpriced),
            },
        )
        row = connection.execute("SELECT price_source, cost, currency, base_cost FROM stage_event").fetchone()
    assert row
    return row


def test_it_equals_the_catalogues_own_arithmetic(staged: Connection) -> None:
    @settings(max_examples=60)
    @given(
        st.sampled_from(MODELS),
        st.one_of(st.integers(0, 5_000), st.integers(199_990, 200_010), st.integers(200_000, 900_000)),
        st.integers(0, 60_000),
        st.datetimes(datetime(2024, 6, 1), datetime(2026, 10, 1)),  # noqa: DTZ001
    )
    def holds(model: tuple[str, str, str], given_tokens: int, taken_tokens: int, moment: datetime) -> None:
        ours, theirs, name = model
        at = moment.replace(tzinfo=UTC)
        wanted = calc_price(
            Usage(input_tokens=given_tokens, output_tokens=taken_tokens),
            name,
            provider_id=theirs,
            genai_request_timestamp=at,
        ).total_price
        source, cost, currency, base = price(staged, (ours, name, given_tokens, taken_tokens, at))
        if given_tokens + taken_tokens == 0:
            assert source == "dify"
            return
        assert (source, currency) == ("catalog", "USD")
        assert cost == base == wanted

    holds()


NOW = datetime(2026, 9, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize("provider", ["openai_api_compatible", "ollama", "xinference", "localai", "tongyi", ""])
def test_a_gateway_or_own_server_has_no_list_price(staged: Connection, provider: str) -> None:
    assert price(staged, (provider, "gpt-4o", 100, 10, NOW)) == ("unpriced", None, "USD", None)


def test_the_providers_path_is_left_out(staged: Connection) -> None:
    source, cost, *_ = price(staged, ("langgenius/openai/openai", "gpt-4o", 1_000_000, 0, NOW))
    assert (source, cost) == ("catalog", Decimal("2.5"))


def test_difys_price_and_a_rule_come_before_the_catalogue(staged: Connection) -> None:
    call = ("openai", "gpt-4o", 1_000_000, 0, NOW)
    assert price(staged, call, logged_cost=Decimal("0.5"))[:2] == ("dify", Decimal("0.5"))
    rule = "prices:\n  - {model: 'gpt-*', input_per_million: 1, output_per_million: 2, currency: USD}\n"
    assert price(staged, call, CONFIG + rule)[:2] == ("override", Decimal(1))


def test_tokens_without_their_split_are_not_priced(staged: Connection) -> None:
    assert price(staged, ("openai", "gpt-4o", 0, 0, NOW), total_tokens=500)[0] == "unpriced"


def test_without_a_rate_the_cost_is_known_and_the_base_cost_is_not(staged: Connection) -> None:
    config = CONFIG.replace("currency: USD", "currency: CNY")
    assert price(staged, ("openai", "gpt-4o", 1_000_000, 0, NOW), config) == ("catalog", Decimal("2.5"), "USD", None)


def test_an_unknown_model_has_no_rules() -> None:
    assert json.loads(catalogue_rules([("openai", "nobody-made-this"), ("nobody", "gpt-4o")])) == []


# A model of each provider of Dify's marketplace that the catalogue prices, by the last part of its id there.
_ON_THE_MARKETPLACE = {
    "anthropic": "claude-3-5-sonnet-20241022",
    "azure_openai": "gpt-4o",
    "bedrock": "anthropic.claude-3-5-sonnet-20241022-v2:0",
    "cohere": "command-r-plus",
    "deepseek": "deepseek-chat",
    "google": "gemini-2.0-flash",
    "groq": "llama-3.3-70b-versatile",
    "mistralai": "mistral-large-latest",
    "openai": "gpt-4o-mini",
    "openrouter": "openai/gpt-4o",
    "perplexity": "sonar",
    "vertex_ai": "gemini-2.0-flash",
    "x": "grok-3",
}


@pytest.mark.parametrize("provider", sorted(_ON_THE_MARKETPLACE))
def test_each_provider_of_the_marketplace_that_the_catalogue_knows_is_priced(provider: str) -> None:
    assert json.loads(catalogue_rules([(provider, _ON_THE_MARKETPLACE[provider])])), "unpriced"


def test_every_name_leads_to_a_provider_of_the_catalogue() -> None:
    known = {provider.id for provider in get_snapshot().providers}
    assert set(_CATALOGUE_NAME.values()) <= known
