"""What `doctor` says of the web page: the key of its links, its tokens, and whether it travels in the open."""

from collections.abc import Iterator
from urllib.parse import urlsplit

from usage_pipeline.commands.doctor_finding import DoctorFinding
from usage_pipeline.delivery.channels.mail import EmailRecipient
from usage_pipeline.links import KEY_VARIABLE, web_key
from usage_pipeline.settings import Recipient, Settings
from usage_pipeline.settings.approvals import KnownBy
from usage_pipeline.settings.environment import MissingSecretError, secret, variable
from usage_pipeline.settings.web import Web

_NAME = "web page"
# Channels that are a group's chat.
_READ_BY_MANY = ("wecom", "dingtalk", "feishu", "lark", "slack", "teams")
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
    yield from _shared_links(settings)
    if not set(settings.approvals.known_by) & {KnownBy.LINK, KnownBy.HEADER}:
        says = "approvals.known_by lets nobody decide on the page: add link or header"
        yield DoctorFinding(_NAME, "warning", says)


def _shared_links(settings: Settings) -> Iterator[DoctorFinding]:
    """Approvers whose links several people read: whoever taps one decides in their name."""
    approvals = settings.approvals
    if KnownBy.LINK not in approvals.known_by:
        return
    for name, recipient in settings.recipients.items():
        person = approvals.person(KnownBy.LINK, name)
        if person in approvals.approvers and (recipient.channel in _READ_BY_MANY or len(_addresses(recipient)) > 1):
            says = (
                f"the links of recipient {name} count as {person}, and everybody who reads them there can decide as"
                " that person: name a mail of theirs alone under approvals.people, or let only header count in"
                " approvals.known_by"
            )
            yield DoctorFinding(_NAME, "warning", says)


def _addresses(recipient: Recipient) -> tuple[str, ...]:
    return recipient.to if isinstance(recipient, EmailRecipient) else ()


def _in_the_open(web: Web) -> Iterator[DoctorFinding]:
    parts = urlsplit(web.public_url)
    if parts.scheme != "https" and parts.hostname not in LOOPBACK:
        says = (
            f"{web.public_url} is plain http: whoever sees a link on its way can use it; put a proxy with TLS before it"
        )
        yield DoctorFinding(_NAME, "warning", says)
