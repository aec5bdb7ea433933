"""Action `switch_model`: to a cheaper model; basic apps by their configuration, workflows by draft and publish.

Only models are kept of what is read, and a fingerprint of the rest: prompts never leave Dify.
"""

from collections.abc import Callable, Mapping
from typing import Any

from usage_pipeline.console import apps
from usage_pipeline.console.answers import Workflow
from usage_pipeline.console.client import Console
from usage_pipeline.console.errors import ConflictError, ConsoleError, NotFoundError, OutcomeUnknownError
from usage_pipeline.console.workflows import draft_workflow, post_draft, publish, published_workflow
from usage_pipeline.enforcement.base import ActionKind, EnforcementAction, NothingToDoError, RefusedActionError
from usage_pipeline.enforcement.model_places import (
    APP,
    fingerprint,
    meaning,
    models_of_graph,
    name_of,
    renamed,
    with_models,
)
from usage_pipeline.enforcement.state import ActionRecord
from usage_pipeline.settings import Settings
from usage_pipeline.settings.dimensions import MODEL
from usage_pipeline.settings.enforcement import ActionName, OtherModel
from usage_pipeline.settings.values import fits_glob
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.rows import value_or_none

_MODEL = "model"
_FLOWS = ("workflow", "advanced-chat")
_MARK = "usage_pipeline"


class SwitchModel:
    """The models that callers get, as one setting: {"models": {node: model}, "rest": fingerprint of all else}."""

    def __init__(
        self,
        other_model: Callable[[str, str], OtherModel | None],
        concerned: tuple[str, ...] = ("*",),
    ) -> None:
        """``other_model`` maps provider and name to what is used instead; ``concerned`` are globs of models."""
        self._other_model = other_model
        self._concerned = concerned

    @property
    def same_settings(self) -> tuple[ActionName, ...]:
        """Only a switch sets models."""
        return ("switch_model",)

    def read(self, console: Console, app_id: str) -> dict[str, Any]:
        """Returns the models of the published version, or of the configuration of a basic app."""
        detail = apps.app_detail(console, app_id)
        if detail.mode not in _FLOWS:
            config = dict(detail.settings or {})
            model = config.pop("model", None)
            models = {APP: model} if isinstance(model, Mapping) else {}
            return {_MODEL: {"models": models, "rest": fingerprint(config)}}
        live = published_workflow(console, app_id)
        return {_MODEL: _of(live) if live else {"models": {}, "rest": ""}}

    def wanted(self, found: Mapping[str, Any]) -> dict[str, Any]:
        """Returns the same with cheaper models. Raises NothingToDoError when none of them has one."""
        models = {place: self._cheaper(model) for place, model in found[_MODEL]["models"].items()}
        if models == found[_MODEL]["models"]:
            raise NothingToDoError("it uses no model that enforcement.cheaper_models has another for")
        return {_MODEL: {**found[_MODEL], "models": models}}

    def is_set(self, found: Any, wanted: Any) -> bool:
        """Whether the models are as they were set; Dify may have filled in other keys of a configuration."""
        return bool(found["models"] == wanted["models"])

    def restored(self, before: Any, enforced: Any) -> Any:
        """Returns the models of before in what else is there by us."""
        return {**enforced, "models": before["models"]}

    def set_value(self, console: Console, app_id: str, name: str, value: Any) -> str:  # noqa: ARG002  (there is one setting)
        """Makes callers get these models. Raises RefusedActionError when somebody has edits that are not published."""
        detail = apps.app_detail(console, app_id)
        if detail.mode in _FLOWS:
            return self._set_flow(console, app_id, value)
        config = dict(detail.settings or {})
        if fingerprint({key: part for key, part in config.items() if key != "model"}) != value["rest"]:
            raise RefusedActionError("somebody has changed the app's configuration meanwhile; nothing was done")
        apps.set_model_config(console, app_id, {**config, "model": value["models"][APP]})
        return "model-config: " + "/".join(name_of(value["models"][APP]))

    def _set_flow(self, console: Console, app_id: str, value: Mapping[str, Any]) -> str:
        live = published_workflow(console, app_id)
        try:
            draft = draft_workflow(console, app_id)
        except NotFoundError:
            raise RefusedActionError("it has no draft that could be published") from None
        if live is None:
            raise RefusedActionError("it was never published")
        if _of(live)["rest"] != value["rest"]:
            raise RefusedActionError("somebody has published another version meanwhile; nothing was done")
        if _of(draft) != value:  # else we were interrupted after the draft was made
            if _of(draft) != _of(live):
                raise RefusedActionError(
                    "the workflow has edits that are not published; publishing would ship them: publish or discard them"
                )
            try:
                post_draft(console, app_id, draft, with_models(draft.graph, value["models"]))
            except ConflictError:
                raise RefusedActionError("somebody is editing the workflow; nothing was done") from None
            if _of(draft_workflow(console, app_id)) != value:
                raise RefusedActionError("somebody is editing the workflow; its draft has our models, not published")
        try:
            publish(console, app_id, _MARK, "models changed by a budget")
        except OutcomeUnknownError:
            raise
        except ConsoleError:
            _put_back(console, app_id, live, value)
            raise
        names = sorted({"/".join(name_of(model)) for model in value["models"].values()})
        return f"draft and publish: {', '.join(names)}"

    def _cheaper(self, model: Mapping[str, Any]) -> dict[str, Any]:
        provider, name = name_of(model)
        other = self._other_model(provider, name) if self._concerns(name) else None
        if other is None:
            return dict(model)
        return renamed(model, other.provider or provider, other.model, other.completion_params)

    def _concerns(self, name: str) -> bool:
        return any(fits_glob(name, glob) for glob in self._concerned)


def _put_back(console: Console, app_id: str, live: Workflow, ours: Mapping[str, Any]) -> None:
    """The draft as it was: what could not be published must not be shipped by somebody's next edit."""
    draft = draft_workflow(console, app_id)
    if _of(draft) == ours:
        post_draft(console, app_id, draft, with_models(draft.graph, _of(live)["models"]))


def _of(workflow: Workflow) -> dict[str, Any]:
    """A version as it is compared: its models, and a fingerprint of all else that callers could notice."""
    models = models_of_graph(workflow.graph)
    blank = with_models(workflow.graph, {place: {} for place in models})
    variables = (workflow.environment_variables, workflow.conversation_variables)
    return {"models": models, "rest": fingerprint(meaning(blank), workflow.features, *variables)}


def _configured(connection: Connection, settings: Settings, record: ActionRecord) -> EnforcementAction:
    """Returns the switch of the models that the budget's value is about, else of those that the budget is about."""
    budget = next((budget for budget in settings.budgets if budget.id == record.budget_id), None)
    model = value_or_none(
        connection,
        str,
        "SELECT scope ->> 'model' FROM usage.budget_status WHERE budget_id = %s AND scope_value = %s"
        " ORDER BY period_start DESC LIMIT 1",
        [record.budget_id, record.scope_value],
    )
    of_budget = budget.scope.values().get(MODEL.key) if budget else None
    return SwitchModel(settings.enforcement.other_model, (model,) if model else of_budget or ("*",))


SWITCH_MODEL = ActionKind("switch_model", ("old_conversations", "pinned", "in_flight"), configured=_configured)
