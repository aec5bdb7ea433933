"""Price rules that no call could ever be priced by, or that contradict themselves."""

from collections.abc import Iterator
from datetime import date

from usage_pipeline.settings.model import PriceRule, Settings
from usage_pipeline.settings.yaml_positions import Path


def price_findings(settings: Settings) -> Iterator[tuple[Path, str, str, str]]:
    """Returns place, value, what is wrong and what to do, in the file's order."""
    for position, rule in enumerate(settings.prices):
        place = ("prices", position)
        if rule.from_date and rule.until and rule.until <= rule.from_date:
            yield (
                (*place, "until"),
                str(rule.until),
                "does not lie after `from`",
                "`until` is the first day it no longer holds",
            )
        yield from _tiers(rule, place)
        for earlier, other in enumerate(settings.prices[:position]):
            if _hides(other, rule):
                yield (
                    (*place, "model"), rule.model, f"is never reached: prices[{earlier}] fits first on the same days",
                    "move it up, or give the earlier one an `until`",
                )  # fmt: skip
                break


def _tiers(rule: PriceRule, place: Path) -> Iterator[tuple[Path, str, str, str]]:
    for number, tier in enumerate(rule.tiers):
        if number and tier.above <= rule.tiers[number - 1].above:
            yield (
                (*place, "tiers", number, "above"), str(tier.above),
                f"does not stand above {rule.tiers[number - 1].above}", "order tiers from the lowest to the highest",
            )  # fmt: skip


def _hides(earlier: PriceRule, rule: PriceRule) -> bool:
    """Whether each call that fits the rule fits the earlier one too. A glob takes in itself and whatever `*` does."""
    covers = all(
        first in ("*", second) for first, second in ((earlier.provider, rule.provider), (earlier.model, rule.model))
    )
    begins = (earlier.from_date or date.min) <= (rule.from_date or date.min)
    ends = (earlier.until or date.max) >= (rule.until or date.max)
    return covers and begins and ends
