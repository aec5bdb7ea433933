"""A model switch reaches callers, keeps everything else, and is undone only where nobody has changed anything since."""

import json
from datetime import timedelta
from typing import Any

import pytest

from usage_pipeline.enforcement.decisions import release_action
from usage_pipeline.fake_dify.console_faults import Fault, FaultKind
from usage_pipeline.warehouse.connection import connected
from usage_pipeline_tests.enforcement.conftest import AGENT, Place

FLOW = "seo-chatflow"
RULES = (
    ", cheaper_models: [{model: qwen-max, to: {model: qwen-plus}},"
    " {provider: openai, model: gpt-4o, to: {model: gpt-4o-mini, completion_params: {temperature: 1}}}]"
)


def broken(place: Place, name: str) -> None:
    """A budget of a project that is used up, with a switch of its model; the agent's own is not."""
    budget = f"  - {{id: flow, scope: {{project: {name}}}, period: day, limit: {{tokens: 5}}}}"
    place.configure(action="switch_model", limit=900_000_000, enforcement=RULES, more=budget)
    place.tokens_now(name, 10)
    place.step()


def graph(place: Place, name: str = FLOW, *, draft: bool = False) -> Any:
    """The graph that callers get, or the one that is being edited."""
    with connected(place.company.dify_url) as dify:
        row = dify.execute(
            "SELECT w.graph FROM workflows w JOIN apps a ON a.id = w.app_id WHERE a.id = %s AND"
            + (" w.version = 'draft'" if draft else " w.id = a.workflow_id"),
            [place.app(name)],
        ).fetchone()
    assert row
    return json.loads(str(row[0]))


def models(found: Any) -> list[str]:
    """Models of a graph's nodes in their order."""
    return [node["data"]["model"]["name"] for node in found["nodes"] if "model" in node["data"]]


def edit(place: Place, change: Any, name: str = FLOW) -> None:
    """Somebody's edit of the draft."""
    edited = graph(place, name, draft=True)
    change(edited)
    with connected(place.company.dify_url) as dify:
        dify.execute("UPDATE workflows SET graph = %s WHERE app_id = %s AND version = 'draft'",
                     [json.dumps(edited), place.app(name)])  # fmt: skip


def undo(place: Place) -> None:
    """Releases the action by hand."""
    release_action(place.warehouse, place.one().action_id, by="li.si", why="", now=place.now)
    place.enforce()


def test_a_workflow_gets_the_cheaper_model_and_its_own_back(place: Place) -> None:
    before = graph(place)
    broken(place, FLOW)
    assert place.one().state == "verified", place.one().answer
    assert models(graph(place)) == ["qwen-plus" if name == "qwen-max" else name for name in models(before)]
    undo(place)
    assert place.one().state == "released"
    assert graph(place) == before == graph(place, draft=True)


def test_two_budgets_that_switch_one_project_switch_it_back_together(place: Place) -> None:
    before = graph(place)
    more = "\n".join(
        f"  - {{id: {name}, scope: {{project: {FLOW}}}, period: {period}, limit: {{tokens: 5}}}}"
        for name, period in (("flow-day", "day"), ("flow-month", "month"))
    )
    place.configure(action="switch_model", limit=900_000_000, enforcement=RULES, more=more)
    place.tokens_now(FLOW, 10)
    place.step()
    day, month = (place.actions(budget_id=name)[0] for name in ("flow-day", "flow-month"))
    assert (day.state, month.state) == ("verified", "verified"), (day.answer, month.answer)
    for action, expected in ((day, False), (month, True)):
        release_action(place.warehouse, action.action_id, by="li.si", why="", now=place.now)
        place.enforce()
        assert (graph(place) == before) is expected
    assert len([call for call in place.changes() if call.endswith("publish")]) == 2


def test_only_models_that_the_budget_is_about_are_switched(place: Place) -> None:
    rules = ", cheaper_models: [{model: qwen-max, to: {model: qwen-plus}}, {model: gpt-4o-mini, to: {model: tiny}}]"
    budget = f"  - {{id: flow, scope: {{project: {FLOW}, model: 'qwen-m*'}}, period: day, limit: {{tokens: 5}}}}"
    place.configure(action="switch_model", limit=900_000_000, enforcement=rules, more=budget)
    place.tokens_now(FLOW, 10, model="qwen-max")
    place.step()
    assert "tiny" not in models(graph(place))
    assert "gpt-4o-mini" in models(graph(place))
    assert "qwen-max" not in models(graph(place))


def test_a_basic_app_keeps_its_prompt_and_parameters_are_replaced_where_said(place: Place) -> None:
    def config() -> Any:
        with connected(place.company.dify_url) as dify:
            return dify.execute(
                "SELECT c.model, c.pre_prompt, c.opening_statement, c.user_input_form, c.agent_mode"
                " FROM app_model_configs c JOIN apps a ON a.app_model_config_id = c.id WHERE a.id = %s",
                [place.app(AGENT)],
            ).fetchone()

    before = config()
    place.configure(action="switch_model", enforcement=RULES)
    place.step()
    after = config()
    assert place.one().state == "verified", place.one().answer
    assert after[1:] == before[1:]
    model = json.loads(after[0])
    assert (model["name"], model["completion_params"], model["mode"]) == ("gpt-4o-mini", {"temperature": 1}, "chat")
    undo(place)
    assert json.loads(config()[0]) == json.loads(before[0])


def test_edits_that_are_not_published_are_never_shipped(place: Place) -> None:
    edit(place, lambda found: found["nodes"][0]["data"].update(title="half done"))
    before = graph(place)
    broken(place, FLOW)
    assert place.one().state == "refused"
    assert "edits that are not published" in str(place.one().answer)
    assert ("refused", FLOW, "warning") in place.told()
    assert graph(place) == before
    assert place.changes() == []


def test_a_node_that_was_only_moved_about_is_no_edit(place: Place) -> None:
    edit(place, lambda found: found["nodes"][0].update(position={"x": 7, "y": 7}))
    edit(place, lambda found: found.update(viewport={"zoom": 2}))
    broken(place, FLOW)
    assert place.one().state == "verified"
    assert graph(place)["viewport"] == {"zoom": 2}


def test_what_somebody_has_published_since_is_left_and_told(place: Place) -> None:
    broken(place, FLOW)

    def publish_another() -> None:
        edit(place, lambda found: found["nodes"][0]["data"].update(title="new"))
        with connected(place.company.dify_url) as dify:
            dify.execute(
                "UPDATE workflows w SET graph = d.graph FROM workflows d, apps a"
                " WHERE a.id = %s AND w.id = a.workflow_id AND d.app_id = a.id AND d.version = 'draft'",
                [place.app(FLOW)],
            )

    publish_another()
    place.now += timedelta(minutes=6)
    place.enforce()
    assert (place.one().state, place.one().release_why) == ("released", "by hand at Dify")
    assert "qwen-max" not in models(graph(place)), "theirs stays as it is"


def test_an_undo_waits_for_edits_to_be_published_or_discarded(place: Place) -> None:
    before = graph(place)
    broken(place, FLOW)
    switched = graph(place)
    edit(place, lambda found: found["nodes"][0]["data"].update(title="half done"))
    undo(place)
    assert place.one().released_at is None
    assert ("release_failed", FLOW, "warning") in place.told()
    assert graph(place) == switched
    edit(place, lambda found: found.update(switched))
    place.now += timedelta(minutes=11)
    place.enforce()
    assert place.one().state == "released"
    assert graph(place) == before


def test_a_model_that_dify_does_not_take_changes_nothing(place: Place) -> None:
    rules = ", cheaper_models: [{model: gpt-4o, to: {model: gpt-9}}]"
    place.configure(action="switch_model", enforcement=rules)
    place.step()
    assert place.one().state == "failed"
    assert "model.name must be in the specified model list" in str(place.one().answer)
    assert ("failed", AGENT, "emergency") in place.told()


@pytest.mark.parametrize("path", ["publish", "draft"])
@pytest.mark.parametrize("kind", ["cut_before", "cut_after", "hang_after"])
def test_a_switch_that_is_cut_anywhere_is_done_once_and_undone(place: Place, kind: FaultKind, path: str) -> None:
    before = graph(place)
    place.fake.faults.add(Fault(kind, "POST", f"workflows/{path}"))
    broken(place, FLOW)
    place.now += timedelta(minutes=1)
    place.enforce()
    assert place.one().state == "verified", place.one().answer
    assert "qwen-max" not in models(graph(place))
    assert len([call for call in place.changes() if call.endswith("publish")]) <= 2
    place.fake.faults.add(Fault(kind, "POST", f"workflows/{path}"))
    undo(place)
    place.now += timedelta(minutes=1)
    place.enforce()
    assert place.one().state == "released", place.one().answer
    assert graph(place) == before == graph(place, draft=True)


def test_a_draft_that_may_not_be_published_is_put_back(place: Place) -> None:
    before = graph(place)
    place.fake.faults.add(Fault("status", "POST", "workflows/publish", status=403, code="forbidden"))
    broken(place, FLOW)
    assert place.one().state == "failed"
    assert graph(place) == before == graph(place, draft=True)


def test_no_prompt_enters_the_warehouse(place: Place) -> None:
    broken(place, FLOW)
    row = place.warehouse.execute(
        "SELECT string_agg(to_jsonb(a)::text, ' ') || (SELECT string_agg(to_jsonb(e)::text, ' ') FROM"
        " usage.enforcement_event e) FROM usage.enforcement_action a"
    ).fetchone()
    assert row
    found = [secret for secret in place.company.history.world.canaries if secret in str(row[0])]
    assert found == []
    assert "Be brief" not in str(row[0])
