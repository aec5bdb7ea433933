"""The sensor asks for a run when something is due, the job does it, the check is red while Dify is not as recorded."""

from datetime import UTC, datetime

import dagster as dg
import pytest

from usage_pipeline.fake_dify.console_faults import Fault
from usage_pipeline.warehouse.connection import connected
from usage_pipeline_tests.enforcement.conftest import Place


@pytest.fixture
def defs(place: Place, monkeypatch: pytest.MonkeyPatch) -> dg.Definitions:
    """The code location on this place."""
    monkeypatch.setenv("WAREHOUSE_URL", place.company.warehouse_url)
    monkeypatch.setenv("USAGE_PIPELINE_CONFIG", str(place.config))
    from usage_pipeline.definitions import defs  # noqa: PLC0415  (reads the configuration when it is loaded)

    return defs


def asked(place: Place) -> bool:
    """Whether the sensor asks for a run."""
    from usage_pipeline.defs.enforcement import actions_due  # noqa: PLC0415
    from usage_pipeline.defs.resources import Warehouse  # noqa: PLC0415

    found = actions_due(dg.build_sensor_context(resources={"warehouse": Warehouse()}))
    return isinstance(found, dg.RunRequest)


def run(defs: dg.Definitions) -> dg.ExecuteInProcessResult:
    """One run of the job."""
    return defs.resolve_job_def("enforce_actions").execute_in_process(instance=dg.DagsterInstance.ephemeral())


def checked(result: dg.ExecuteInProcessResult) -> tuple[bool, object]:
    """Whether the check is green, and what it says."""
    (evaluation,) = result.get_asset_check_evaluations()
    return bool(evaluation.passed), evaluation.metadata["problems"].value


def test_a_reached_tier_asks_for_a_run_which_pauses_and_records(place: Place, defs: dg.Definitions) -> None:
    assert not asked(place)
    place.evaluate()
    assert asked(place)
    result = run(defs)
    assert result.success
    assert place.call() == 403
    assert not asked(place), "done: nothing is due until it is looked at again"
    (made,) = result.asset_materializations_for_node("enforcement_state")
    assert made.metadata["dagster/row_count"].value == 1
    assert "lead-enricher" in str(made.metadata["enforced"].value)
    assert checked(result) == (True, [])


def test_the_check_is_red_when_somebody_opens_what_is_held(place: Place, defs: dg.Definitions) -> None:
    place.now = datetime.now(UTC)
    place.evaluate()
    run(defs)
    with connected(place.company.dify_url) as dify:
        dify.execute("UPDATE apps SET enable_api = true WHERE id = %s", [place.app()])
    place.warehouse.execute("UPDATE usage.enforcement_action SET looked_at = looked_at - interval '10 minutes'")
    assert asked(place)
    passed, problems = checked(run(defs))
    assert not passed
    assert "was undone by hand" in str(problems)


def test_the_check_is_red_while_something_could_not_be_done_or_undone(place: Place, defs: dg.Definitions) -> None:
    place.fake.faults.add(Fault("status", "(POST|PUT)", "apps/", status=403, times=99))
    place.evaluate()
    passed, problems = checked(run(defs))
    assert not passed
    assert "could not be done" in str(problems)
    assert "give the account the role" in str(problems)


def test_the_check_is_red_when_what_is_held_could_not_be_looked_at_for_long(place: Place, defs: dg.Definitions) -> None:
    place.evaluate()
    run(defs)
    place.fake.faults.add(Fault("status", "GET", "apps/", status=403, times=10**6))
    for _ in range(3):
        place.warehouse.execute("UPDATE usage.enforcement_action SET looked_at = looked_at - interval '6 minutes',"
                                " next_attempt_at = now() - interval '1 minute'")  # fmt: skip
        assert asked(place)
        result = run(defs)
        assert not asked(place), "tried again after a while, not each few seconds"
    passed, problems = checked(result)
    assert not passed
    assert "could not be looked at" in str(problems)
    assert place.one().state == "verified"


def test_a_decision_in_the_ui_is_carried_out(place: Place, defs: dg.Definitions) -> None:
    place.configure(mode="approve")
    place.evaluate()
    run(defs)
    action_id = place.one().action_id

    def launch(job: str, **config: object) -> dg.ExecuteInProcessResult:
        return defs.resolve_job_def(job).execute_in_process(
            instance=dg.DagsterInstance.ephemeral(), raise_on_error=False,
            run_config={"action_id": action_id, **config},
        )  # fmt: skip

    assert not launch("decide_action", approve=True, decided_by="nobody").success
    assert launch("decide_action", approve=True, decided_by="wang.wu").success
    assert place.call() == 403
    assert not launch("release_action", released_by="li.si", why="enough").success, "nobody of the configuration"
    assert launch("release_action", released_by="boss", why="enough").success
    assert place.call() == 200
    assert (place.one().release_by, place.one().release_why) == ("boss", "enough")


def test_the_pass_neither_acts_nor_waits_for_a_console(defs: dg.Definitions) -> None:
    keys = {key.to_user_string() for key in defs.resolve_job_def("usage_pass").asset_layer.selected_asset_keys}
    assert "budget_status" in keys
    assert "enforcement_state" not in keys
