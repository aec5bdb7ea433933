"""Who is told when the pipeline itself is in trouble."""

from usage_pipeline.settings import Settings


def operators(settings: Settings) -> list[tuple[str, str]]:
    """Name and channel of alerting.ops; else of everyone whom the default tiers name; else of all recipients."""
    if settings.alerting.ops:
        return [(name, settings.recipients[name].channel) for name in settings.alerting.ops]
    named = [name for tier in settings.tiers for name in tier.notify if name in settings.recipients]
    names = list(dict.fromkeys(named)) or list(settings.recipients)
    return [(name, settings.recipients[name].channel) for name in names]
