"""What enforcement will use: switches, triggers, the MCP server, the throttle, models of basic apps and workflows."""

import copy
from collections.abc import Callable

import pytest
import requests

from usage_pipeline.console import apps, workflows
from usage_pipeline.console.client import Console
from usage_pipeline.console.errors import ConflictError, NotAllowedError, NotFoundError, RefusedError
from usage_pipeline.fake_dify.console_sessions import Account
from usage_pipeline.warehouse.connection import connected
from usage_pipeline_tests.console.conftest import EMAIL, PASSWORD, Place

CHEAPER = {"provider": "langgenius/openai/openai", "name": "gpt-4o-mini", "mode": "chat"}


def status_for_callers(place: Place, app: str, path: str = "info", method: str = "GET") -> int:
    """What a caller with the app's key gets."""
    key = place.history.world.apps[app].keys[0][1]
    headers = {"Authorization": f"Bearer {key}"}
    return requests.request(method, f"{place.fake.url}/v1/{path}", headers=headers, timeout=10).status_code


def test_callers_get_403_while_the_service_api_is_closed_and_200_again(place: Place) -> None:
    app_id = place.app_id("brand-chat")
    assert status_for_callers(place, "brand-chat") == 200
    with place.console() as console:
        assert apps.set_api_enabled(console, app_id, False).enable_api is False
        assert status_for_callers(place, "brand-chat") == 403
        assert status_for_callers(place, "brand-chat", "chat-messages", "POST") == 403
        assert apps.app_detail(console, app_id).enable_site is True
        apps.set_api_enabled(console, app_id, True)
    assert status_for_callers(place, "brand-chat", "chat-messages", "POST") == 200
    unknown = requests.get(f"{place.fake.url}/v1/info", headers={"Authorization": "Bearer app-x"}, timeout=10)
    assert unknown.status_code == 401


def test_the_web_app_and_each_trigger_and_the_mcp_server_are_switched(place: Place) -> None:
    with place.console() as console:
        assert apps.set_site_enabled(console, place.app_id("brand-chat"), False).enable_site is False
        flow = place.app_id("campaign-flow")
        (trigger,) = apps.list_triggers(console, flow)
        assert (trigger.trigger_type, trigger.status) == ("trigger-schedule", "enabled")
        assert apps.set_trigger_enabled(console, flow, trigger.id, False).status == "disabled"
        assert apps.list_triggers(console, flow)[0].status == "disabled"
        console.enter_workspace(place.workspace("Support"))
        bot = place.app_id("support-bot")
        server = apps.mcp_server(console, bot)
        assert server
        apps.set_mcp_server_active(console, bot, server, False)
        after = apps.mcp_server(console, bot)
        assert after
        assert (after.status, after.description, after.parameters) == (
            "inactive",
            server.description,
            server.parameters,
        )
        assert apps.mcp_server(console, place.app_id("regression-test")) is None


def test_a_version_without_triggers_says_that_it_has_none(make_place: Callable[..., Place]) -> None:
    place = make_place(version=(1, 9, 2))
    with place.console() as console, pytest.raises(NotFoundError, match="this version of Dify has no such call"):
        apps.list_triggers(console, place.app_id("campaign-flow"))


def test_a_throttle_changes_nothing_else(place: Place) -> None:
    app_id = place.app_id("brand-chat")
    with connected(place.dify_url) as dify:
        dify.execute(
            "UPDATE apps SET description = 'About brands', icon_type = 'emoji', icon = '🤖',"
            " icon_background = '#FFEAD5', use_icon_as_answer_icon = true WHERE id = %s",
            [app_id],
        )
    with place.console() as console:
        before = apps.app_detail(console, app_id)
        after = apps.throttle(console, app_id, 2)
    assert after.max_active_requests == 2
    assert after.model_copy(update={"max_active_requests": before.max_active_requests}) == before


def test_roles_are_as_small_as_dify_makes_them(make_place: Callable[..., Place]) -> None:
    place = make_place(accounts=[Account(EMAIL, PASSWORD, role="editor")])
    with place.console() as console:
        apps.set_site_enabled(console, place.app_id("brand-chat"), False)
        with pytest.raises(NotAllowedError):
            apps.set_api_enabled(console, place.app_id("brand-chat"), False)
    assert status_for_callers(place, "brand-chat") == 200


def test_the_configuration_of_a_basic_app_is_replaced_whole(place: Place) -> None:
    app_id = place.app_id("brand-chat")
    with place.console() as console:
        before = apps.app_detail(console, app_id).settings
        assert before
        apps.set_model_config(console, app_id, {**before, "model": CHEAPER})
        after = apps.app_detail(console, app_id)
        assert after.model() == ("langgenius/openai/openai", "gpt-4o-mini")
        assert {**(after.settings or {}), "model": None} == {**before, "model": None}
        apps.set_model_config(console, app_id, {"model": CHEAPER})
        assert (apps.app_detail(console, app_id).settings or {})["opening_statement"] is None, "left out: lost"


@pytest.mark.parametrize("name", ["gpt-9", "qwen-max"])
def test_a_model_that_the_provider_does_not_have_is_refused(place: Place, name: str) -> None:
    app_id = place.app_id("brand-chat")
    with place.console() as console:
        before = apps.app_detail(console, app_id)
        with pytest.raises(RefusedError, match=r"400.*model.name must be in the specified model list"):
            apps.set_model_config(console, app_id, {**(before.settings or {}), "model": {**CHEAPER, "name": name}})
        with pytest.raises(NotFoundError, match="App mode is not in the supported list"):
            apps.set_model_config(console, place.app_id("campaign-flow"), {"model": CHEAPER})
        assert apps.app_detail(console, app_id) == before


def switch_model(console: Console, app_id: str, old: str, new: dict[str, str]) -> None:
    """As enforcement will do it."""
    draft = workflows.draft_workflow(console, app_id)
    graph = copy.deepcopy(draft.graph)
    for node in graph["nodes"]:
        if node["data"].get("model", {}).get("name") == old:
            node["data"]["model"] = new
    workflows.post_draft(console, app_id, draft, graph)
    workflows.publish(console, app_id, "Budget: cheaper model", "x" * 300)


def models(graph: dict[str, object]) -> list[str]:
    """The models of a graph's nodes."""
    return [node["data"]["model"]["name"] for node in graph["nodes"] if "model" in node["data"]]  # type: ignore[attr-defined]


def test_a_published_model_switch_makes_a_new_version_and_keeps_the_rest(place: Place) -> None:
    app_id = place.app_id("seo-chatflow")
    with place.console() as console:
        before = workflows.published_workflow(console, app_id)
        draft = workflows.draft_workflow(console, app_id)
        assert before
        assert (before.hash, before.graph) == (draft.hash, draft.graph), "nothing is unpublished"
        assert draft.environment_variables[0]["value"] == "[__HIDDEN__]"
        switch_model(console, app_id, "qwen-max", CHEAPER)
        after = workflows.published_workflow(console, app_id)
        assert after
        assert after.id != before.id
        assert "qwen-max" in models(before.graph)
        assert "qwen-max" not in models(after.graph)
        assert after.conversation_variables == before.conversation_variables
        assert after.marked_name == "Budget: cheaper mode"
    with connected(place.dify_url) as dify:
        values = dify.execute(
            "SELECT environment_variables FROM workflows WHERE app_id = %s AND version <> 'draft'", [app_id]
        ).fetchall()
        assert len(values) == 2
        assert len(set(values)) == 1, "the secret that is shown masked is kept"


def test_a_draft_that_somebody_edited_is_not_overwritten(place: Place) -> None:
    app_id = place.app_id("seo-chatflow")
    with place.console() as console:
        mine = workflows.draft_workflow(console, app_id)
        theirs = workflows.post_draft(console, app_id, mine, {**mine.graph, "viewport": {"zoom": 2}})
        with pytest.raises(ConflictError) as caught:
            workflows.post_draft(console, app_id, mine, mine.graph)
        assert caught.value.code == "draft_workflow_not_sync"
        assert workflows.draft_workflow(console, app_id).hash == theirs


def test_variables_that_are_not_sent_back_are_wiped(place: Place) -> None:
    app_id = place.app_id("seo-chatflow")
    with place.console() as console:
        draft = workflows.draft_workflow(console, app_id)
        console.change(
            "POST", f"apps/{app_id}/workflows/draft",
            {"graph": draft.graph, "features": draft.features, "hash": draft.hash},
        )  # fmt: skip
        wiped = workflows.draft_workflow(console, app_id)
    assert (wiped.environment_variables, wiped.conversation_variables) == ([], [])
    assert wiped.hash == draft.hash, "the hash covers graph and features only"


def test_an_app_without_a_draft_or_a_version_says_so(place: Place) -> None:
    app_id = place.app_id("idea-lab")
    with connected(place.dify_url) as dify:
        dify.execute("UPDATE apps SET workflow_id = NULL WHERE id = %s", [app_id])
        dify.execute("DELETE FROM workflows WHERE app_id = %s", [app_id])
    with place.console() as console:
        assert workflows.published_workflow(console, app_id) is None
        for call in (workflows.draft_workflow, workflows.publish):
            with pytest.raises(NotFoundError) as caught:
                call(console, app_id)  # type: ignore[operator]
            assert caught.value.code == "draft_workflow_not_exist"
        console.change("POST", f"apps/{app_id}/workflows/draft", {"graph": {"nodes": []}, "features": {}})
        assert workflows.draft_workflow(console, app_id).graph == {"nodes": []}


def test_the_console_shows_statistics_and_tags_and_takes_a_first_draft(place: Place) -> None:
    flow = place.app_id("campaign-flow")
    with connected(place.dify_url) as dify:
        dify.execute("DELETE FROM workflows WHERE app_id = %s AND version = 'draft'", [flow])
        tags = dify.execute("SELECT count(*) FROM tags WHERE type = 'app'").fetchone()
    with place.console() as console:
        chat = console.get(f"apps/{place.app_id('brand-chat')}/statistics/token-costs")
        assert chat == {"data": []} == console.get(f"apps/{flow}/workflow/statistics/token-costs")
        found = console.get("tags", {"type": "app"})
        assert isinstance(found, list)
        assert tags
        assert 0 < len(found) <= tags[0]
        with pytest.raises(NotFoundError, match="draft"):
            workflows.draft_workflow(console, flow)
        answer = console.change("POST", f"apps/{flow}/workflows/draft", {"graph": {"nodes": []}, "features": {"a": 1}})
        assert isinstance(answer, dict)
        draft = workflows.draft_workflow(console, flow)
        assert (draft.hash, draft.features) == (answer["hash"], {"a": 1})
        workflows.publish(console, flow, "first")
        published = workflows.published_workflow(console, flow)
        assert published
        assert (published.marked_name, published.graph) == ("first", {"nodes": []})
