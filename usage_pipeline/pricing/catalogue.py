"""List prices of well-known models, for what neither Dify nor the configuration has a price for (genai-prices)."""

import json
from collections.abc import Iterable, Iterator
from datetime import date
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from genai_prices.types import ModelPrice, TieredPrices

# The catalogue's names of Dify's providers. Only names that mean one company's own service stand here: a gateway or a
# server of one's own (openai_api_compatible, ollama, vllm) has no list price, whatever its models are called.
_CATALOGUE_NAME = {
    "anthropic": "anthropic",
    "azure": "azure",
    "azure_openai": "azure",
    "bedrock": "aws",
    "cerebras": "cerebras",
    "cohere": "cohere",
    "databricks": "databricks",
    "deepseek": "deepseek",
    "fireworks": "fireworks",
    "gemini": "google",
    "google": "google",  # langgenius/gemini/google
    "groq": "groq",
    "minimax": "minimax",
    "mistral": "mistral",
    "mistralai": "mistral",
    "moonshot": "moonshotai",
    "moonshotai": "moonshotai",
    "novita": "novita",
    "openai": "openai",
    "openrouter": "openrouter",
    "ovhcloud": "ovhcloud",
    "perplexity": "perplexity",
    "together": "together",
    "togetherai": "together",
    "vertex_ai": "google",
    "voyage": "voyageai",
    "x": "x-ai",
    "xai": "x-ai",
    "zai": "zai",
    "zhipuai": "zhipuai",
}


def catalogue_rules(models: Iterable[tuple[str, str]]) -> str:
    """Returns prices of the (provider, model) pairs that the catalogue knows, as JSON for sql/pricing/price_events.sql.

    Each is ``{"provider", "model", "from": UTC date or null, "above": input tokens, "input", "output"}``: prices in
    USD per million tokens as decimal text. A call with more input tokens than ``above`` pays that rate for all of them.
    """
    known = sorted({(provider, model) for provider, model in models if provider in _CATALOGUE_NAME})
    return json.dumps([rule for provider, model in known for rule in _rules(provider, model)])


@cache
def _rules(provider: str, model: str) -> tuple[dict[str, object], ...]:
    return tuple(
        {
            "provider": provider,
            "model": model,
            "from": start.isoformat() if start else None,
            "above": above,
            "input": str(input_price),
            "output": str(output_price),
        }
        for start, price in _dated_prices(_CATALOGUE_NAME[provider], model)
        for above, input_price, output_price in _tiers(price)
    )


def _dated_prices(catalogue_name: str, model: str) -> Iterator[tuple[date | None, "ModelPrice"]]:
    """The model's prices, each with the day from which it holds."""
    # Slow to import, and most passes have nothing that needs it.
    from genai_prices.data_snapshot import get_snapshot  # noqa: PLC0415
    from genai_prices.types import ModelPrice, StartDateConstraint  # noqa: PLC0415

    try:
        _, found = get_snapshot().find_provider_model(model, None, catalogue_name, None)
    except LookupError:
        return
    if isinstance(found.prices, ModelPrice):
        yield None, found.prices
        return
    for entry in found.prices:
        # Rebates by the time of day are left out: the price then is the day's, never too low.
        if entry.constraint is None:
            yield None, entry.prices
        elif isinstance(entry.constraint, StartDateConstraint):
            yield entry.constraint.start_date, entry.prices


def _tiers(price: "ModelPrice") -> Iterator[tuple[int, Decimal, Decimal]]:
    """Input tokens above which a rate holds, and the rate for input and output."""
    given, taken = price.input_mtok, price.output_mtok
    if given is None and taken is None:
        return
    starts = {
        tier.start for part in (given, taken) if part is not None and hasattr(part, "tiers") for tier in part.tiers
    }
    for above in sorted({0, *starts}):
        yield above, _rate(given, above), _rate(taken, above)


def _rate(price: "Decimal | TieredPrices | None", above: int) -> Decimal:
    if price is None:
        return Decimal(0)
    if isinstance(price, Decimal):
        return price
    return next((tier.price for tier in reversed(price.tiers) if tier.start <= above), price.base)
