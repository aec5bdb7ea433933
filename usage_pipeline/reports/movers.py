"""Which projects' cost rose or fell most, and why: an exact decomposition."""

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal

from usage_pipeline.reports.document import ZERO, Measures, Mover, Spent

LIMIT = 10
_SIX = Decimal("0.000001")


def movers(now: Sequence[Spent], before: Sequence[Spent], limit: int = LIMIT) -> list[Mover]:
    """Returns the projects that moved most, the greatest change first."""
    earlier = {spent.key: spent for spent in before}
    later = {spent.key: spent for spent in now}
    found = []
    for key in {**earlier, **later}:
        named = later.get(key) or earlier[key]
        old = earlier.get(key, Measures())
        new = later.get(key, Measures())
        if new.base_cost != old.base_cost:
            found.append(Mover(key, named.name, named.belongs_to, old.base_cost, new.base_cost, *why(old, new)))
    return sorted(found, key=lambda mover: (-abs(mover.change), mover.key))[:limit]


def why(old: Measures, new: Measures) -> tuple[Decimal, Decimal, Decimal]:
    """Returns how much of the change comes from more calls, from more tokens a call, and from a dearer price a token.

    In this order: what the old tokens a call at the old price would have cost with the new calls; then with the new
    tokens too; the rest is the price (a dearer model, or a dearer mix of models). The three add up exactly, since the
    last is what is left. Where there were no calls or no tokens, before or now, all of it is the calls.
    """
    change = new.base_cost - old.base_cost
    if not (old.calls and new.calls and old.total_tokens and new.total_tokens):
        return change, ZERO, ZERO
    same_calls = old.base_cost
    more_calls = _six(old.base_cost * new.calls / old.calls)
    longer = _six(old.base_cost * new.total_tokens / old.total_tokens)
    return more_calls - same_calls, longer - more_calls, new.base_cost - longer


def _six(value: Decimal) -> Decimal:
    return value.quantize(_SIX, ROUND_HALF_UP)
