"""Nothing on the list of those that are left alone is ever touched, whatever the budgets, the spending and the list."""

from collections.abc import Iterator
from datetime import timedelta
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from usage_pipeline.enforcement.decisions import decide_action
from usage_pipeline.warehouse.connection import connected
from usage_pipeline.warehouse.embedded import EmbeddedServer
from usage_pipeline_tests.enforcement.conftest import Place, a_place
from usage_pipeline_tests.support.company import Company

NAMES = ("copywriter", "brand-chat", "lead-enricher", "campaign-flow", "seo-chatflow", "landing-test", "idea-lab",
         "support-bot", "triage-flow", "helpdesk-chatflow", "regression-test")  # fmt: skip
RULES = st.lists(
    st.one_of(
        st.sampled_from([*NAMES, "*-flow", "*bot*", "l*", "*"]).map(lambda glob: {"project": glob}),
        st.sampled_from(["dev", "dept:*"]).map(lambda tag: {"tag": tag}),
        st.sampled_from(["prod", "dev"]).map(lambda name: {"environment": name}),
        st.just({"workspace": "Support", "environment": "prod"}),
    ),
    max_size=3,
)
BUDGETS = st.lists(
    st.tuples(
        st.sampled_from(
            ["{}", "{environment: dev}", "{tenant: Marketing}", '{project: "*-flow"}', "{tenant: Support}"]
        ),
        st.sampled_from(["", ", per: project", ", per: tenant"]),
        st.sampled_from(["pause_app", "throttle", "lock"]),
    ),
    min_size=1,
    max_size=3,
)


@pytest.fixture(scope="module")
def shared(postgres: EmbeddedServer, written: Company, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """One place for every example: each goes to a day of its own."""
    with pytest.MonkeyPatch.context() as patch:
        folder: Path = tmp_path_factory.mktemp("never")
        with a_place(postgres, written, folder, patch.setenv) as place:
            yield place


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(never=RULES, budgets=BUDGETS, spent=st.dictionaries(st.sampled_from(NAMES), st.integers(1, 10**6), min_size=1),
       until=st.sampled_from(["all", "under_limit"]))  # fmt: skip
def test_what_is_left_alone_is_never_touched(
    shared: Place, never: list[dict[str, str]], budgets: list[tuple[str, str, str]], spent: dict[str, int], until: str
) -> None:
    place = shared
    place.now += timedelta(days=1)
    _configure(place, never, budgets, until)
    before = {name: place.doors(name) for name in NAMES}
    seen = len(place.fake.faults.changing_calls())
    for name, tokens in spent.items():
        place.tokens_now(name, tokens)
    place.step()
    place.step(minutes=6)
    touched = {call.path.split("/apps/")[1].split("/")[0] for call in place.fake.faults.changing_calls()[seen:]}
    alone = {name for name in NAMES if any(_fits(place, name, rule) for rule in never)}
    assert not touched & {place.app(name) for name in alone}
    assert {name: place.doors(name) for name in alone} == {name: before[name] for name in alone}
    if not set(spent) <= alone:
        paused = {a.target_name for a in place.actions(enforced_only=True)}
        assert paused <= set(spent) - alone, "and nothing that did not spend"
    _give_back(place)
    assert {name: place.doors(name) for name in NAMES} == before


def _configure(place: Place, never: list[dict[str, str]], budgets: list[tuple[str, str, str]], until: str) -> None:
    listed = ", ".join("{" + ", ".join(f'{key}: "{value}"' for key, value in rule.items()) + "}" for rule in never)
    more = "\n".join(
        f"  - {{id: b{number}, scope: {scope}{per}, period: day, limit: {{tokens: 1}}, tiers: [{{at: 100,"
        f" level: emergency, actions: [{action}]}}]}}"
        for number, (scope, per, action) in enumerate(budgets)
    )
    place.configure(limit=900_000_000, more=more,
                    enforcement=f", until: {until}, most_actions_per_hour: 9999, never: [{listed}]")  # fmt: skip


def _fits(place: Place, name: str, rule: dict[str, str]) -> bool:
    """The rule, said plainly."""
    world = place.company.history.world
    app = world.apps[name]
    tenant = next(known for known, (tenant_id, _) in world.tenants.items() if tenant_id == app.tenant_id)
    facts = {
        "project": [name],
        "tag": list(app.tags),
        "environment": ["dev" if "dev" in app.tags else "prod"],
        "workspace": [tenant],
    }
    return all(any(fnmatchcase(value, glob) for value in facts[key]) for key, glob in rule.items())


def _give_back(place: Place) -> None:
    """The day ends: everything is opened again, and what the example spent is gone."""
    place.now += timedelta(days=1)
    place.step()
    for _ in range(2):
        place.step(minutes=11)
    with connected(place.company.warehouse_url) as connection:
        connection.execute("DELETE FROM usage.usage_event WHERE price_source = 'unpriced' AND caller_kind = 'api'"
                           " AND event_id LIKE 'message:%%' AND occurred_at > now() + interval '12 hours'")  # fmt: skip


def test_the_biggest_spender_that_is_left_alone_is_told_of_and_the_next_is_paused(place: Place) -> None:
    tiers = "[{at: 100, level: emergency, notify: [ops], actions: [pause_app]}]"
    place.configure(
        limit=900_000_000,
        enforcement=', most_apps_at_once: 20, never: [{project: "lead-*"}]',
        more=f"  - {{id: all, scope: {{tenant: Marketing}}, period: day, limit: {{tokens: 1000}}, tiers: {tiers}}}",
    )
    place.tokens_now("copywriter", 500)
    place.step()
    states = {a.target_name: (a.state, a.answer) for a in place.actions()}
    assert states["lead-enricher"] == ("refused", "it is on the list enforcement.never")
    assert states["copywriter"] == ("verified", None)
    assert ("refused", "lead-enricher", "warning") in place.told()


def test_a_project_that_comes_on_the_list_is_not_touched_any_more_and_let_go(place: Place) -> None:
    place.configure(mode="approve")
    place.step()
    decide_action(place.warehouse, place.in_force.settings, place.one().action_id, approve=True, by="wang.wu",
                  comment="", now=place.now)  # fmt: skip
    place.configure(mode="approve", enforcement=", never: [{project: lead-enricher}]")
    place.enforce()
    assert (place.one().state, place.one().release_why) == ("not_needed", "it is on the list enforcement.never")
    assert place.changes() == []


def test_what_is_held_is_let_go_when_its_project_comes_on_the_list(place: Place) -> None:
    place.step()
    assert place.call() == 403
    place.configure(enforcement=", never: [{project: lead-enricher}]")
    place.enforce()
    assert place.call() == 200
