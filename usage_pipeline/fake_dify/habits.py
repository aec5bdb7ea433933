"""How a Dify writes its rows: what its version, its settings and the clock of its machine decide."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Literal

PriceForm = Literal["text", "number", "empty", "word", "not_a_number", "null"]
_KNOWN_FORMS = ("text", "number")


@dataclass(frozen=True)
class Habits:
    """One Dify's ways; the defaults are those of 1.12.1."""

    price: PriceForm = "text"
    usage_in: Literal["process_data", "outputs", "nowhere"] = "process_data"  # outputs alone before 1.6.0
    # What a run's own total says: 1.9.0 and 1.9.1 write zero, 1.9.2 and 1.10.0 count containers beside their children.
    run_total: Literal["right", "zero", "doubled"] = "right"
    repeats_nested: bool = True  # a workflow tool's row and its run repeat what the called workflow used; from 1.9.2
    short_providers: bool = False  # `openai`, before 1.0
    retries_in_rows: bool = False  # each attempt has a row of its own, up to 1.8
    keeps_created_at: bool = True  # of a paused run that is resumed; from 1.13.1
    pace: float = 1.0  # how much longer everything takes than with quick models
    app_clock: timedelta = timedelta(0)  # how far the application's clock is ahead of the database's

    @property
    def prices_known(self) -> bool:
        """Whether a reader can know the price that a node's row was given."""
        return self.price in _KNOWN_FORMS

    def written_price(self, amount: Decimal) -> object:
        """Returns a price as it stands in a node's JSON."""
        forms: dict[str, object] = {
            "text": str(amount), "number": float(amount), "empty": "", "word": "NaN", "not_a_number": float("nan"),
            "null": None,
        }  # fmt: skip
        return forms[self.price]

    def provider(self, provider_id: str) -> str:
        """Returns a provider's id as it is written."""
        return provider_id.rsplit("/", 1)[-1] if self.short_providers else provider_id


DIFY_1_12 = Habits()
