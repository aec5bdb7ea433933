"""What is done to the company between calls: deletions as Dify does them, new names, new tags."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from usage_pipeline.fake_dify.scripts import CallScript
from usage_pipeline.fake_dify.world import FakeApp, World, new_id
from usage_pipeline_tests.support.histories.dify_in_time import DifyInTime
from usage_pipeline_tests.support.histories.plans import Operation, Plan

_OF_AN_APP = ("messages", "conversations", "workflow_runs", "workflow_node_executions", "workflow_app_logs",
              "workflow_trigger_logs", "end_users", "api_tokens", "workflows")  # fmt: skip


@dataclass
class Done:
    """What the operations do to the truth."""

    gone_at: dict[str, datetime] = field(default_factory=dict)  # event id: when its row went
    caller_gone_at: dict[str, datetime] = field(default_factory=dict)  # event id: when the row of its caller went
    closed_at: dict[str, datetime] = field(default_factory=dict)  # app id
    keys_unsure: set[str] = field(default_factory=set)  # apps whose keys cannot be told any more
    environments: dict[str, set[str]] = field(default_factory=dict)  # app id: those it has had
    names: dict[str, list[tuple[datetime, str]]] = field(default_factory=dict)  # app id: since when, name


def prepare_operations(plan: Plan, world: World, calls: Sequence[CallScript], dify: DifyInTime) -> Done:
    """Enters the plan's operations into the Dify's time; returns what they do to the truth."""
    done = Done()
    for app in world.apps.values():
        done.environments[app.app_id] = {environment(app.name, app.tags)}
        done.names[app.app_id] = [(world.started, app.name)]
    for operation in sorted(plan.operations, key=lambda one: one.at):
        _Preparing(plan, world, calls, dify, done, operation).enter()
    return done


def environment(name: str, tags: Sequence[str]) -> str:
    """The environment of a project by the rules of the test's configuration."""
    if "dev" in tags:
        return "dev"
    return "test" if name.endswith("-test") else "prod"


@dataclass
class _Preparing:
    plan: Plan
    world: World
    calls: Sequence[CallScript]
    dify: DifyInTime
    done: Done
    operation: Operation

    def enter(self) -> None:
        getattr(self, f"_{self.operation.kind}")(self.plan.moment + self.operation.at)

    def _app(self) -> FakeApp:
        apps = list(self.world.apps.values())
        return apps[self.operation.target % len(apps)]

    def _call(self) -> CallScript:
        return self.calls[self.operation.target % len(self.calls)]

    def _goes(self, event_id: str, at: datetime) -> None:
        self.done.gone_at[event_id] = min(at, self.done.gone_at.get(event_id, at))

    def _delete_at(self, at: datetime, table: str, column: str, value: str) -> None:
        self.dify.at(at, lambda: self.dify.delete(table, lambda row: row[column] == value))

    def _delete_conversation(self, at: datetime) -> None:
        call = self._call()
        at = max(at, min(step.at for step in call.steps))
        ids = {step.key for step in call.steps if step.table in ("conversations", "messages")}
        for message_id in ids:
            self._goes(f"message:{message_id}", at)
        self.dify.at(
            at, lambda: [self.dify.delete(t, lambda row: row["id"] in ids) for t in ("conversations", "messages")]
        )  # type: ignore[arg-type,return-value]

    def _retention(self, at: datetime) -> None:
        """Old runs go with their nodes, logs and messages; here any run is old enough."""
        self._remove_runs(at, timedelta(0))

    def _retention_in_batches(self, at: datetime) -> None:
        """The same, while for some minutes there are runs whose nodes are gone already."""
        self._remove_runs(at, timedelta(minutes=2))

    def _remove_runs(self, at: datetime, later: timedelta) -> None:
        call = self._call()
        at = max(at, *(step.at for step in call.steps))
        runs = {step.key for step in call.steps if step.table == "workflow_runs"}
        for script in call.units:
            unit = script.versions[0][1]
            if unit.run_id in runs:
                self._goes(unit.event_id, at)
        for run in call.runs:
            self._goes(run.residual.event_id, at)

        def empty() -> None:
            for table in ("workflow_node_executions", "workflow_app_logs", "messages"):
                self.dify.delete(table, lambda row: row.get("workflow_run_id") in runs)

        self.dify.at(at, empty)
        self.dify.at(at + later, lambda: self.dify.delete("workflow_runs", lambda row: row["id"] in runs))

    def _delete_app(self, at: datetime) -> None:
        app = self._app()
        if app.app_id in self.done.closed_at:
            return
        self.done.closed_at[app.app_id] = at
        for call in self.calls:
            units = [script.versions[0][1] for script in call.units] + [run.residual for run in call.runs]
            of_app = [unit.event_id for unit in units if unit.app_id == app.app_id]
            for event_id in of_app:
                self._goes(event_id, at)
            if of_app:
                # The end users of a caller's app go with it; what it called as a tool stays.
                self.done.caller_gone_at |= {unit.event_id: at for unit in units if unit.app_id != app.app_id}

        def go() -> None:
            self.dify.close_app(app.app_id)
            for table in _OF_AN_APP:
                gone = self.dify.delete(table, lambda row: row.get("app_id") == app.app_id)
                if table == "messages":
                    self.dify.delete("message_agent_thoughts", lambda row: row["message_id"] in gone)  # noqa: B023
            for table in ("apps", "pipelines"):
                self.dify.delete(table, lambda row: row["id"] == app.app_id)

        self.dify.at(at, go)

    def _delete_key(self, at: datetime) -> None:
        app = self._app()
        if app.keys:
            key_id = app.keys[self.operation.target % len(app.keys)][0]
            self.done.keys_unsure.add(app.app_id)
            self._delete_at(at, "api_tokens", "id", key_id)

    def _rename(self, at: datetime) -> None:
        app = self._app()
        name = f"{app.name}-{self.operation.target}"
        self.done.names[app.app_id].append((at, name))
        self.done.environments[app.app_id] |= {environment(name, app.tags), environment(name, ("dev",))}
        table = "pipelines" if app.mode == "rag-pipeline" else "apps"
        self.dify.at(at, lambda: self.dify.update(table, app.app_id, {"name": name}))

    def _retag(self, at: datetime) -> None:
        """The app loses its tags, or gets the one of development."""
        app = self._app()
        if app.mode == "rag-pipeline":
            return
        self.done.environments[app.app_id] |= {environment(app.name, ()), "dev"}
        if app.tags:
            self._delete_at(at, "tag_bindings", "target_id", app.app_id)
            return
        rng = random.Random(app.app_id)
        tag, binding = new_id(rng), new_id(rng)
        common = {"tenant_id": app.tenant_id, "created_by": next(iter(self.world.accounts.values()))}
        self.dify.at(at, lambda: self.dify.begin({
            "tags": {tag: {"id": tag, "type": "app", "name": "dev", **common}},
            "tag_bindings": {binding: {"id": binding, "tag_id": tag, "target_id": app.app_id, **common}},
        }))  # fmt: skip
