"""Which projects' cost rose or fell most, and why: an exact decomposition."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from usage_pipeline.reports.measures import NOTHING, ZERO, Measures, Spent, ratio

LIMIT = 10
_SHIFTS = 2
_SIX = Decimal("0.000001")


@dataclass(frozen=True)
class ModelShift:
    """A model's part of a project's tokens, before and now, as ratios."""

    model: str
    before: Decimal
    now: Decimal


@dataclass(frozen=True)
class Mover:
    """A project whose cost rose or fell, and why; the three parts add up to the change, to the last decimal.

    ``by_mix`` is the part of ``by_price`` that comes from another mix of models; ``shifts`` says which ones.
    """

    key: str
    name: str
    tenant: str | None
    before: Decimal
    now: Decimal
    by_calls: Decimal
    by_length: Decimal
    by_price: Decimal
    old: Measures = NOTHING
    new: Measures = NOTHING
    by_mix: Decimal = ZERO
    shifts: Sequence[ModelShift] = ()

    @property
    def change(self) -> Decimal:
        """Returns what it costs more than before; negative when less."""
        return self.now - self.before

    @property
    def reason(self) -> str:
        """Returns the part that weighs most: calls, length, price, or mix where that makes most of the price."""
        parts = {"calls": self.by_calls, "length": self.by_length, "price": self.by_price}
        found = max(parts, key=lambda name: (abs(parts[name]), name))
        return "mix" if found == "price" and abs(self.by_mix) * 2 > abs(self.by_price) else found

    @property
    def calls_before(self) -> int:
        """Returns the calls of the edition before."""
        return self.old.calls

    @property
    def calls_now(self) -> int:
        """Returns the calls of this edition."""
        return self.new.calls

    @property
    def tokens_a_call_before(self) -> Decimal | None:
        """Returns tokens a call in the edition before; None without calls."""
        return ratio(Decimal(self.old.total_tokens), Decimal(self.old.calls))

    @property
    def tokens_a_call_now(self) -> Decimal | None:
        """Returns tokens a call in this edition; None without calls."""
        return ratio(Decimal(self.new.total_tokens), Decimal(self.new.calls))


@dataclass(frozen=True)
class ModelUse:
    """A project's tokens and cost of one model."""

    model: str
    total_tokens: int
    base_cost: Decimal


Uses = Mapping[str, Sequence[ModelUse]]  # by the project's key


def movers(
    now: Sequence[Spent],
    before: Sequence[Spent],
    limit: int = LIMIT,
    uses: Uses | None = None,
    uses_before: Uses | None = None,
) -> list[Mover]:
    """Returns the projects that moved most, the greatest change first.

    ``uses`` and ``uses_before`` say which models a project called: without them no change comes from their mix.
    """
    earlier = {spent.key: spent for spent in before}
    later = {spent.key: spent for spent in now}
    found = []
    for key in {**earlier, **later}:
        named = later.get(key) or earlier[key]
        old: Measures = earlier.get(key, NOTHING)
        new: Measures = later.get(key, NOTHING)
        if new.base_cost == old.base_cost:
            continue
        models = (uses_before or {}).get(key, ()), (uses or {}).get(key, ())
        by_calls, by_length, by_price = why(old, new)
        found.append(
            Mover(
                key,
                named.name,
                named.belongs_to,
                old.base_cost,
                new.base_cost,
                by_calls,
                by_length,
                by_price,
                old,
                new,
                by_mix(*models) if by_price else ZERO,
                shifts(*models),
            )
        )
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


def by_mix(before: Sequence[ModelUse], now: Sequence[ModelUse]) -> Decimal:
    """Returns what the new mix of models costs more than the old one for the new tokens.

    At the old price a token of each model, and at the new one where it was not called before.
    """
    old, new = _by_model(before), _by_model(now)
    tokens_before, tokens = sum(u.total_tokens for u in before), sum(u.total_tokens for u in now)
    if not tokens_before or not tokens:
        return ZERO
    total = ZERO
    for model in {**old, **new}:
        priced = old.get(model) or new[model]
        if not priced.total_tokens:
            continue
        shift = _part(new.get(model), tokens) - _part(old.get(model), tokens_before)
        total += shift * tokens * priced.base_cost / priced.total_tokens
    return _six(total)


def shifts(before: Sequence[ModelUse], now: Sequence[ModelUse]) -> tuple[ModelShift, ...]:
    """Returns the models whose part of the tokens changed most; none where no part changed by a hundredth."""
    old, new = _by_model(before), _by_model(now)
    tokens_before, tokens = sum(u.total_tokens for u in before), sum(u.total_tokens for u in now)
    if not tokens_before or not tokens:
        return ()
    every = [
        ModelShift(model, _part(old.get(model), tokens_before), _part(new.get(model), tokens))
        for model in {**old, **new}
    ]
    moved = [shift for shift in every if abs(shift.now - shift.before) >= Decimal("0.01")]
    return tuple(sorted(moved, key=lambda shift: (-abs(shift.now - shift.before), shift.model))[:_SHIFTS])


def _by_model(uses: Sequence[ModelUse]) -> dict[str, ModelUse]:
    return {use.model: use for use in uses}


def _part(use: ModelUse | None, of: int) -> Decimal:
    return (ratio(Decimal(use.total_tokens), Decimal(of)) or ZERO) if use else ZERO


def _six(value: Decimal) -> Decimal:
    return value.quantize(_SIX, ROUND_HALF_UP)
