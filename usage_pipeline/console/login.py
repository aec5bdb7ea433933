"""Logging in to the console in the forms that its versions know, found out by trying.

Up to 1.9.1 tokens come as JSON and go as Bearer; from 1.9.2 they are cookies, and each call repeats the CSRF token in a
header; from 1.11.2 the password is sent in Base64. The admin key needs no login.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field

from usage_pipeline.console.access import ConsoleAccess
from usage_pipeline.console.transport import ConsoleAnswer, ConsoleRequest

_PREFIX = "__Host-"
_TOKENS = ("access_token", "refresh_token", "csrf_token")


@dataclass(frozen=True)
class Session:
    """What the console gave us for being let in."""

    access_token: str = field(repr=False)
    refresh_token: str = field(default="", repr=False)
    cookies: Mapping[str, str] = field(default_factory=dict, repr=False)  # empty: tokens go as Bearer

    def headers(self) -> dict[str, str]:
        """What every call carries."""
        if not self.cookies:
            return {"Authorization": f"Bearer {self.access_token}"}
        return {
            "Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items()),
            "X-CSRF-Token": _named(self.cookies, "csrf_token"),
        }

    def renewal(self) -> ConsoleRequest:
        """The call that renews it."""
        body: dict[str, object] = {} if self.cookies else {"refresh_token": self.refresh_token}
        return ConsoleRequest("POST", "refresh-token", body=body)


def login_requests(access: ConsoleAccess) -> list[ConsoleRequest]:
    """The ways to log in, newest first; the next is tried when one is refused."""
    hidden = base64.b64encode(access.password.encode()).decode()
    return [
        ConsoleRequest("POST", "login", body={"email": access.email, "password": password, "remember_me": True})
        for password in (hidden, access.password)
    ]


def session_from(answer: ConsoleAnswer, before: Session | None = None) -> Session | None:
    """The session in an answer to a login or a renewal; None when there is none."""
    cookies = {name: value for name, value in answer.cookies.items() if name.removeprefix(_PREFIX) in _TOKENS and value}
    if before and before.cookies:
        cookies = {**before.cookies, **cookies} if cookies else {}
    access_token = _named(cookies, "access_token")
    if access_token:
        return Session(access_token, _named(cookies, "refresh_token"), cookies)
    document = answer.document if isinstance(answer.document, dict) else {}
    data = document.get("data")
    if isinstance(data, dict) and isinstance(data.get("access_token"), str):
        refresh_token = data.get("refresh_token")
        return Session(data["access_token"], refresh_token if isinstance(refresh_token, str) else "")
    return None


def _named(cookies: Mapping[str, str], name: str) -> str:
    return cookies.get(f"{_PREFIX}{name}") or cookies.get(name) or ""
