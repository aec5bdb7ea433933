"""Whether and how actions of tiers are carried out at Dify, and what is never touched."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from usage_pipeline.settings.values import Names, StrictModel, fits_glob

ActionName = Literal["pause_app", "throttle", "switch_model", "lock", "webhook"]
Mode = Literal["off", "dry_run", "approve", "auto"]
Door = Literal["service_api", "web_app", "triggers", "mcp_server"]
Until = Literal["under_limit", "all"]
# Actions that are carried out at Dify's console.
AT_DIFY = ("pause_app", "throttle", "switch_model", "lock")


class NeverTouch(StrictModel):
    """Projects that no action touches: those that fit all of what is said; names, ids or globs."""

    project: str | None = None
    tag: str | None = None
    environment: str | None = None
    workspace: str | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("says nothing; write at least one of project, tag, environment, workspace")
        return self

    def fits(self, target: "TargetFacts") -> bool:
        """Whether a project is one of these."""
        return (
            _like(self.project, target.project_name, target.project_id)
            and _like(self.tag, *target.tags)
            and _like(self.environment, target.environment)
            and _like(self.workspace, target.workspace_name, target.workspace_id)
        )


class TargetFacts(StrictModel):
    """What `never` looks at."""

    project_id: str
    project_name: str
    workspace_id: str
    workspace_name: str
    environment: str
    tags: tuple[str, ...] = ()


class OtherModel(StrictModel):
    """The model that is used instead; its parameters replace the old ones where they are said."""

    provider: str | None = None
    model: str
    completion_params: dict[str, Any] | None = None


class ModelSwitch(StrictModel):
    """Models that fit are switched to another."""

    provider: str = "*"
    model: str
    to: OtherModel

    def fits(self, provider: str, model: str) -> bool:
        """Whether the model is one of these; provider ids may be said by their last part."""
        return fits_glob(model, self.model) and (
            fits_glob(provider, self.provider) or fits_glob(provider.rsplit("/", 1)[-1], self.provider)
        )


class Enforcement(StrictModel):
    """What becomes of the actions of tiers; a tier may have a mode of its own."""

    mode: Mode = "dry_run"
    until: Until = "under_limit"
    pause: Annotated[tuple[Door, ...], Field(min_length=1)] = ("service_api", "web_app", "triggers", "mcp_server")
    throttle_to: Annotated[int, Field(ge=1, le=1000)] = 1
    cheaper_models: tuple[ModelSwitch, ...] = ()
    webhook: Names = ()  # recipients of channel webhook that action `webhook` asks
    never: tuple[NeverTouch, ...] = ()
    # What would touch more apps at once than these waits for an approver, whatever the mode.
    most_apps_at_once: Annotated[int, Field(ge=1, le=10_000)] = 3
    most_actions_per_hour: Annotated[int, Field(ge=1, le=10_000)] = 20
    approve_within_minutes: Annotated[int, Field(ge=1, le=7 * 24 * 60)] = 240
    look_every_minutes: Annotated[int, Field(ge=1, le=24 * 60)] = 5

    def never_touches(self, target: TargetFacts) -> bool:
        """Whether a project is on the list of those that are left alone."""
        return any(rule.fits(target) for rule in self.never)

    def other_model(self, provider: str, model: str) -> OtherModel | None:
        """Returns what a model is switched to, by the first rule that fits."""
        return next((rule.to for rule in self.cheaper_models if rule.fits(provider, model)), None)


def _like(glob: str | None, *values: str) -> bool:
    return glob is None or any(fits_glob(value, glob) for value in values)
