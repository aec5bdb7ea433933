"""What `doctor` says of the web page: the key of its links, its tokens, and whether it travels in the open."""

from collections.abc import Iterator
from urllib.parse import urlsplit

from usage_pipeline.commands.doctor_finding import DoctorFinding
from usage_pipeline.links import KEY_VARIABLE, web_key
from usage_pipeline.settings import Settings
from usage_pipeline.settings.approvals import KnownBy
from usage_pipeline.settings.environment import MissingSecretError, secret, variable
from usage_pipeline.settings.web import Web

_NAME = "web page"
LOOPBACK = ("localhost", "127.0.0.1", "::1")


def look_at_web(settings: Settings) -> Iterator[DoctorFinding]:
    """Returns what is to be known of the page; nothing where the configuration has none."""
    web = settings.web
    if web is None:
        return
    try:
        web_key()
        for name, token in web.tokens.items():
            secret(token.secret_env, f"web.tokens.{name}")
    except MissingSecretError as error:
        yield DoctorFinding(_NAME, "wrong", str(error))
        return
    source = KEY_VARIABLE if variable(KEY_VARIABLE) else "a file of this installation"
    says = (
        f"found at {web.public_url}, listens on {web.listen}; links hold {web.link_hours} h, their key is from {source}"
    )
    yield DoctorFinding(_NAME, "ok", says)
    yield from _in_the_open(web)
    if not set(settings.approvals.known_by) & {KnownBy.LINK, KnownBy.HEADER}:
        says = "approvals.known_by lets nobody decide on the page: add link or header"
        yield DoctorFinding(_NAME, "warning", says)


def _in_the_open(web: Web) -> Iterator[DoctorFinding]:
    parts = urlsplit(web.public_url)
    if parts.scheme != "https" and parts.hostname not in LOOPBACK:
        says = (
            f"{web.public_url} is plain http: whoever sees a link on its way can use it; put a proxy with TLS before it"
        )
        yield DoctorFinding(_NAME, "warning", says)
