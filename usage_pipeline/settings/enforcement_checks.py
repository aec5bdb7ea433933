"""What enforcement needs to do as tiers say: a console to act through, approvers to ask, models to switch to."""

from collections.abc import Iterator

from usage_pipeline.settings.budget import Tier
from usage_pipeline.settings.enforcement import AT_DIFY, Mode
from usage_pipeline.settings.model import Settings
from usage_pipeline.settings.yaml_positions import Path

Found = tuple[Path, str, str, str]  # path, value, message, fix


def enforcement_findings(settings: Settings) -> Iterator[Found]:
    """Returns each action that could not be carried out as it is configured."""
    for position, name in enumerate(settings.enforcement.webhook):
        recipient = settings.recipients.get(name)
        if recipient is None or recipient.channel != "webhook":
            yield (("enforcement", "webhook", position), name, "is not a recipient of channel webhook",
                   "name one: recipients: {name: {channel: webhook, url_env: ..., secret_env: ...}}")  # fmt: skip
    for path, tier in _tiers_in_use(settings):
        for position, action in enumerate(tier.actions):
            found = _missing(settings, settings.mode_of(tier), action)
            yield from (((*path, "actions", position), *each) for each in found)
    for action in settings.loops.actions:
        for _, message, fix in _missing(settings, settings.enforcement.mode, action):
            yield ("loops", "mode"), settings.loops.mode, message, fix


def _tiers_in_use(settings: Settings) -> Iterator[tuple[Path, Tier]]:
    if any(budget.tiers is None and budget.of_projects for budget in settings.budgets):
        yield from ((("tiers", position), tier) for position, tier in enumerate(settings.tiers))
    for number, budget in enumerate(settings.budgets):
        for position, tier in enumerate(budget.tiers or ()):
            yield ("budgets", number, "tiers", position), tier


def _missing(settings: Settings, mode: Mode, action: str) -> Iterator[tuple[str, str, str]]:
    if action == "switch_model" and not settings.enforcement.cheaper_models:
        yield (action, "has no model to switch to",
               'add enforcement: {cheaper_models: [{model: "gpt-4o", to: {model: gpt-4o-mini}}]}')  # fmt: skip
    if action == "webhook" and not settings.enforcement.webhook:
        yield action, "has nobody to ask", "add enforcement: {webhook: [name of a recipient of channel webhook]}"
    if mode not in ("approve", "auto"):
        return
    if action in AT_DIFY and not any(source.console for source in settings.sources):
        yield (action, f"cannot be carried out in mode {mode}: no source has a console",
               "add console: {url_env: DIFY_CONSOLE_URL, admin_key_env: DIFY_ADMIN_KEY} to the source, or write mode:"
               " dry_run")  # fmt: skip
    if mode == "approve" and not settings.approvals.approvers:
        yield action, "waits for an approval that nobody may give", "add names under approvals.approvers"
