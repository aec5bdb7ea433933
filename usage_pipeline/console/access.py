"""Where the console is and as whom it is called; secrets come from the environment and are shown nowhere."""

import base64
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from usage_pipeline.settings.environment import redact, secret
from usage_pipeline.settings.sources import ConsoleSettings


@dataclass(frozen=True)
class ConsoleAccess:
    """An address, and the admin key or an account. ``repr`` shows neither key nor password."""

    url: str
    email: str = ""
    password: str = field(default="", repr=False)
    admin_key: str = field(default="", repr=False)
    requests_per_second: float = 10.0

    @property
    def host(self) -> str:
        """The host as it may be shown."""
        return urlsplit(self.url).hostname or "?"

    def hide(self, text: str) -> str:
        """The text without our secrets, whoever repeated them."""
        hidden = base64.b64encode(self.password.encode()).decode()
        return redact(text, [self.password, hidden, self.admin_key])


def console_access(settings: ConsoleSettings, needed_by: str) -> ConsoleAccess:
    """Reads the variables that the configuration names.

    Raises MissingSecretError that says which one is not set, ValueError when the address is none.
    """
    url = _base(secret(settings.url_env, needed_by), settings.url_env)
    if settings.admin_key_env:
        return ConsoleAccess(
            url,
            admin_key=secret(settings.admin_key_env, needed_by),
            requests_per_second=float(settings.requests_per_second),
        )
    return ConsoleAccess(
        url,
        email=secret(str(settings.email_env), needed_by),
        password=secret(str(settings.password_env), needed_by),
        requests_per_second=float(settings.requests_per_second),
    )


def _base(url: str, variable: str) -> str:
    """The address of the API: people copy the console's own page as often as its root."""
    parts = urlsplit(url.strip())
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        raise ValueError(f"{variable} is not the console's address; write it as https://dify.example.com")
    path = parts.path.rstrip("/").removesuffix("/apps").removesuffix("/console/api").removesuffix("/console")
    return f"{parts.scheme}://{parts.netloc}{path}/console/api"
