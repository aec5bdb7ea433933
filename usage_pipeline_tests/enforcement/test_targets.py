"""Which projects are touched: the fewest of the largest that let the rest fit under the limit; all where none do."""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import get_args

from hypothesis import given
from hypothesis import strategies as st

from usage_pipeline.enforcement.causes import Cause
from usage_pipeline.enforcement.registry import KINDS
from usage_pipeline.enforcement.targets import Target, chosen
from usage_pipeline.settings.enforcement import AT_DIFY, ActionName, Enforcement, NeverTouch

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def cause(spent: int, limit: int, forecast: int | None) -> Cause:
    """A tier that was reached."""
    stands = (
        "day",
        "UTC",
        NOW,
        NOW,
        NOW,
        Decimal(100),
        "spent",
        0,
        "emergency",
        "tokens",
        Decimal(spent),
        Decimal(limit),
    )
    foreseen = None if forecast is None else Decimal(forecast)
    return Cause("alert:x", "tier", "x", "b", "", "", {}, *stands, foreseen, [], False, None, None, NOW)


def target(number: int, of_late: int) -> Target:
    """A project."""
    return Target("main", f"a{number}", "t", f"app-{number}", "T", "prod", [], Decimal(of_late), Decimal(of_late))


def names(found: Sequence[Target]) -> list[str]:
    """Of projects."""
    return [one.name for one in found]


def test_the_largest_is_enough_where_the_rest_then_fits() -> None:
    three = [target(0, 80), target(1, 15), target(2, 5)]
    assert names(chosen(three, cause(80, 100, 180), "under_limit", Enforcement())) == ["app-0"]
    assert names(chosen(three, cause(80, 100, 280), "under_limit", Enforcement())) == ["app-0", "app-1"]


def test_all_are_touched_at_a_limit_that_is_passed_or_where_the_file_says_so() -> None:
    three = [target(0, 80), target(1, 15), target(2, 5)]
    assert len(chosen(three, cause(101, 100, 180), "under_limit", Enforcement())) == 3
    assert len(chosen(three, cause(10, 100, 20), "all", Enforcement())) == 3


def test_a_project_that_is_left_alone_goes_on_spending() -> None:
    three = [target(0, 80), target(1, 15), target(2, 5)]
    alone = Enforcement(never=(NeverTouch(project="app-0"),))
    assert names(chosen(three, cause(80, 100, 110), "under_limit", alone)) == ["app-0", "app-1", "app-2"]


@given(
    late=st.lists(st.integers(0, 1000), min_size=1, max_size=8).map(lambda amounts: sorted(amounts, reverse=True)),
    spent=st.integers(1, 1000), limit=st.integers(1, 1000), to_come=st.integers(0, 1000),
)  # fmt: skip
def test_no_fewer_would_do_and_no_more_are_taken(late: list[int], spent: int, limit: int, to_come: int) -> None:
    every = [target(number, amount) for number, amount in enumerate(late)]
    found = chosen(every, cause(spent, limit, spent + to_come), "under_limit", Enforcement())
    assert found == every[: len(found)]
    assert found

    def fits(taken: int) -> bool:
        """Whether what is left to spend by those not taken fits."""
        left = sum(late[taken:])
        return (limit - spent) * sum(late) >= to_come * left if sum(late) else spent + to_come <= limit

    assert len(found) == len(every) or fits(len(found))
    assert len(found) == 1 or not fits(len(found) - 1)


def test_every_action_that_a_tier_may_name_is_registered() -> None:
    assert set(KINDS) == set(get_args(ActionName))
    assert {name for name, kind in KINDS.items() if kind.configured} == set(AT_DIFY)
    for kind in KINDS.values():
        assert (kind.configured is None) != (kind.outside is None), kind.name
        assert kind.outside or kind.not_stopped, f"{kind.name} stops everything?"
