"""Signed links to the web page: each is made for one recipient, one alert and one deed, and ends by itself."""

import os
import secrets
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

from itsdangerous import BadData, SignatureExpired, URLSafeTimedSerializer

from usage_pipeline.settings import Settings
from usage_pipeline.settings.environment import MissingSecretError, home_dir, variable

KEY_VARIABLE = "USAGE_PIPELINE_WEB_KEY"
_KEY_FILE = "web.key"
_SHORTEST_KEY = 32
_FORM_HOLDS_S = 3600
_LONGEST_TOKEN = 2000


class Deed(StrEnum):
    """What a link is for. All but ``READ`` open the same page at what they are for; only its form does anything."""

    READ = "read"
    ACKNOWLEDGE = "acknowledge"
    SILENCE = "silence"
    REQUEST = "request"  # ask for more
    APPROVE = "approve"
    REJECT = "reject"
    UNDO = "undo"


@dataclass(frozen=True)
class Link:
    """What a link says: for whom it was made, of which alert, and what for."""

    recipient: str
    alert_id: str
    deed: Deed


@dataclass(frozen=True)
class Form:
    """What a form of a page may do, once: one deed about one subject, by the person whom the page was shown to.

    ``subject`` is the id of an override or action; empty for the alert itself.
    """

    link: Link
    deed: Deed
    subject: str
    person: str
    known_by: str
    once: str


class LinkError(Exception):
    """A link or form that opens nothing: altered, cut off, or of another installation."""


class LinkExpiredError(LinkError):
    """A link or form that was right and is too old."""


def link(settings: Settings, recipient: str, alert_id: str, deed: Deed = Deed.READ) -> str | None:
    """Returns the address at which the recipient finds the alert; None when no web page is configured.

    Raises MissingSecretError when the key cannot be read.
    """
    if settings.web is None:
        return None
    return f"{settings.web.public_url}/a/{_signer('link').dumps([recipient, alert_id, deed])}"


def read_link(settings: Settings, token: str) -> Link:
    """Returns what a link's last part says. Raises LinkError, and LinkExpiredError for one that is over."""
    hours = settings.web.link_hours if settings.web else 1
    recipient, alert_id, deed = _read("link", token, hours * 3600, 3)
    if recipient not in settings.recipients or deed not in tuple(Deed):
        raise LinkError("it was made for somebody who is no recipient")
    return Link(recipient, alert_id, Deed(deed))


def form_token(link: Link, deed: Deed, subject: str, person: str, known_by: str) -> str:
    """Returns what a form of the page carries; each call makes another, which works once."""
    parts = [link.recipient, link.alert_id, link.deed, deed, subject, person, known_by, secrets.token_urlsafe(9)]
    return str(_signer("form").dumps(parts))


def read_form(token: str) -> Form:
    """Returns what a form carried. Raises LinkError, and LinkExpiredError for a page that was open too long."""
    recipient, alert_id, of, deed, subject, person, known_by, once = _read("form", token, _FORM_HOLDS_S, 8)
    return Form(Link(recipient, alert_id, Deed(of)), Deed(deed), subject, person, known_by, once)


def _read(salt: str, token: str, seconds: int, length: int) -> list[str]:
    if len(token) > _LONGEST_TOKEN:
        raise LinkError("it is too long")
    try:
        parts = _signer(salt).loads(token, max_age=seconds)
    except SignatureExpired:
        raise LinkExpiredError("it is too old") from None
    except BadData:
        raise LinkError("it was altered or cut off") from None
    if not isinstance(parts, list) or len(parts) != length or not all(isinstance(part, str) for part in parts):
        raise LinkError("it is of another version")
    return parts


def _signer(salt: str) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(web_key(), salt=f"usage-pipeline {salt}")


def web_key() -> str:
    """Returns the key that links are signed with: the variable's, else that of a file in the installation's home.

    Raises MissingSecretError when it is too short to be secret, or the file cannot be made or read.
    """
    key = variable(KEY_VARIABLE)
    if not key:
        return _kept_key(home_dir() / _KEY_FILE)
    if len(key) < _SHORTEST_KEY:
        raise MissingSecretError(
            f"{KEY_VARIABLE} is shorter than {_SHORTEST_KEY} characters; make one with: openssl rand -hex 32"
        )
    return key


@cache
def _kept_key(path: Path) -> str:
    """Made once: of two processes that make it at once, the first one's counts."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            own = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
            own.touch(mode=0o600, exist_ok=False)
            own.write_text(secrets.token_hex(32), encoding="ascii")
            try:
                path.hardlink_to(own)
            except FileExistsError:
                pass
            finally:
                own.unlink()
        return path.read_text(encoding="ascii").strip()
    except OSError as error:
        raise MissingSecretError(
            f"the key of the web page's links cannot be kept in {path} ({error.strerror}); set {KEY_VARIABLE}"
        ) from None
