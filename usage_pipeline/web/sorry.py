"""What a person reads when a page cannot be shown or a deed cannot be done: why, and what to do."""

from starlette.responses import Response

from usage_pipeline.settings import Settings
from usage_pipeline.web.rendering import page
from usage_pipeline.web.words import WORDS


def sorry(settings: Settings, language: str, which: str, *, status: int, back: str = "") -> Response:
    """Returns the page of an error by its name in the words; ``back`` is the address of the alert where it is known."""
    text = WORDS[language]
    return page(
        "sorry",
        settings,
        language,
        status=status,
        heading=text[f"error_{which}"],
        explained=text[f"error_{which}_text"],
        back=back,
    )
