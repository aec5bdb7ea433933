"""`usage-pipeline web`: serves the page that messages link to, and the answers that machines ask for."""

from usage_pipeline.commands.context import open_context
from usage_pipeline.commands.output import for_people, say
from usage_pipeline.inputs import InputError
from usage_pipeline.web.serve import serve


@for_people
def web() -> None:
    """Serve the page that messages link to, and answers to machines. `up` does so, too. Ctrl-C ends it."""
    with open_context() as (_, configuration):
        settings = configuration.settings
    if settings.web is None:
        raise InputError(
            "the configuration has no `web:`; add web: {public_url: https://budgets.example.com} (docs/web.md)"
        )
    say(f"The page listens on {settings.web.listen} and is found at {settings.web.public_url}; Ctrl-C ends it.")
    serve(settings)
