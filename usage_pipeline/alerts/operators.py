"""Who is told when the pipeline itself is in trouble."""

from usage_pipeline.settings import Settings


def operators(settings: Settings) -> list[tuple[str, str]]:
    """Name and channel of everyone whom the default tiers name; of all recipients when they name nobody."""
    named = [name for tier in settings.tiers for name in tier.notify if name in settings.recipients]
    names = list(dict.fromkeys(named)) or list(settings.recipients)
    return [(name, settings.recipients[name].channel) for name in names]
