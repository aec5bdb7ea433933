"""The random histories hold everything that they are there for."""

import hypothesis
from hypothesis import given

from usage_pipeline_tests.histories.features import EVERY_FEATURE, features
from usage_pipeline_tests.histories.plans import Plan, plans

PLANS = 800


def test_every_feature_comes_up() -> None:
    found: set[str] = set()

    @hypothesis.settings(
        max_examples=PLANS, database=None, derandomize=True, phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )  # fmt: skip
    @given(plan=plans())
    def look(plan: Plan) -> None:
        found.update(features(plan))

    look()
    assert sorted(EVERY_FEATURE - found) == [], "these never came up"
