"""Environment and configuration file: typed, and validated at this one place."""

from usage_pipeline.settings.load import Problem, SettingsError, load_settings, parse_settings
from usage_pipeline.settings.model import Budget, ProjectFacts, Settings, SourceSettings, Tier
from usage_pipeline.settings.recipients import Recipient

__all__ = [
    "Budget",
    "Problem",
    "ProjectFacts",
    "Recipient",
    "Settings",
    "SettingsError",
    "SourceSettings",
    "Tier",
    "load_settings",
    "parse_settings",
]
