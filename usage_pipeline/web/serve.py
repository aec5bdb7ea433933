"""Serves the web page: `python -m usage_pipeline.web.serve`, which `up` starts, and `usage-pipeline web`."""

import logging

import uvicorn

from usage_pipeline.links import web_key
from usage_pipeline.settings import Settings
from usage_pipeline.warehouse.location import warehouse_url
from usage_pipeline.web.app import web_app


def serve(settings: Settings) -> None:
    """Serves at ``web.listen`` until it is asked to end. Raises MissingSecretError without a key for links.

    Who connects is taken from the connection itself: what a header says of it, anybody could write.
    """
    if settings.web is None:
        raise ValueError("nothing is served without `web:` in the configuration")
    web_key()
    logging.getLogger("usage_pipeline.web").addHandler(logging.StreamHandler())
    logging.getLogger("usage_pipeline.web").setLevel(logging.INFO)
    uvicorn.run(
        web_app(warehouse_url()),
        host=settings.web.host,
        port=settings.web.port,
        # A link is in the address: no log keeps it.
        access_log=False,
        proxy_headers=False,
        server_header=False,
        log_level="warning",
        timeout_graceful_shutdown=10,
    )


if __name__ == "__main__":
    from usage_pipeline.settings.environment import config_path
    from usage_pipeline.settings.last_valid import settings_to_load

    found = settings_to_load(config_path())
    if found.web:
        serve(found)
