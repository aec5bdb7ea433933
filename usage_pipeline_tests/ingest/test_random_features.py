"""The random histories hold everything that they are there for."""

import hypothesis
from hypothesis import given

from usage_pipeline_tests.support.histories.features import EVERY_FEATURE, features
from usage_pipeline_tests.support.histories.plans import Plan, plans

PLANS_A_BATCH = 400
BATCHES = 8  # two or three suffice; the nightly run plays five


def test_every_feature_comes_up() -> None:
    found: set[str] = set()
    for number in range(BATCHES):
        if found >= EVERY_FEATURE:
            break
        _look(number, found)
    assert sorted(EVERY_FEATURE - found) == [], "these never came up"


def _look(number: int, found: set[str]) -> None:
    @hypothesis.seed(number)
    @hypothesis.settings(
        max_examples=PLANS_A_BATCH, database=None, phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )  # fmt: skip
    @given(plan=plans())
    def look(plan: Plan) -> None:
        found.update(features(plan))

    look()
