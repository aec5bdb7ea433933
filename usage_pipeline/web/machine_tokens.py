"""Who asks by program: the bearer token, and the one tenant that it may see."""

import hmac
from dataclasses import dataclass

from usage_pipeline.settings import Settings
from usage_pipeline.settings.environment import MissingSecretError, variable

_SCHEME = "bearer "


@dataclass(frozen=True)
class Machine:
    """A caller by its name in the configuration; without a tenant (name or id) it sees everything."""

    name: str
    tenant: str | None


def machine_of(settings: Settings, authorization: str) -> Machine | None:
    """Returns whose token a header carries; None for none that is configured. Every token is compared whole."""
    if settings.web is None or authorization[: len(_SCHEME)].lower() != _SCHEME:
        return None
    given = authorization[len(_SCHEME) :].strip().encode()
    found = None
    for name, token in settings.web.tokens.items():
        try:
            secret = variable(token.secret_env).encode()
        except MissingSecretError:
            continue
        if secret and hmac.compare_digest(secret, given):
            found = Machine(name, token.tenant)
    return found
