"""What is counted of usage: the daily tables' columns, and rates of them."""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

ZERO = Decimal(0)
_SIX = Decimal("0.000001")


@dataclass(frozen=True)
class Measures:
    """What is counted; the daily tables' columns."""

    calls: int = 0
    failed_calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    total_tokens: int = 0
    estimated_tokens: int = 0
    unpriced_tokens: int = 0
    base_cost: Decimal = ZERO

    @property
    def cost_per_call(self) -> Decimal | None:
        """Returns it rounded to six decimals; None without calls."""
        return ratio(self.base_cost, Decimal(self.calls))

    @property
    def cost_per_thousand_tokens(self) -> Decimal | None:
        """Returns it rounded to six decimals; None without tokens."""
        return ratio(self.base_cost * 1000, Decimal(self.total_tokens))


NOTHING = Measures()


def ratio(part: Decimal, of: Decimal) -> Decimal | None:
    """Returns a quotient rounded to six decimals; None where there is nothing to divide by."""
    return (part / of).quantize(_SIX, ROUND_HALF_UP) if of else None


@dataclass(frozen=True, kw_only=True)
class Spent(Measures):
    """What one tenant, environment, project, key, user, model or node spent, and in the edition before."""

    dimension: str
    key: str
    name: str
    belongs_to: str | None
    cost_before: Decimal = ZERO
