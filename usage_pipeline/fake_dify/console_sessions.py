"""Who is calling the fake console: logins in the forms of Dify's versions, cookies, CSRF, expiry, the admin key."""

import base64
import binascii
import secrets
from dataclasses import dataclass, field
from http.cookies import SimpleCookie

from usage_pipeline.fake_dify.console_calls import Call, DifyError, Reply

Version = tuple[int, int, int]
_WRONG = (401, "authentication_failed", "Invalid email or password.")
_MOST_WRONG = 5


@dataclass
class Account:
    """Somebody who may log in; ``workspaces`` are ids, the first is entered at first. Empty: every one."""

    email: str
    password: str = field(repr=False)
    role: str = "owner"
    workspaces: list[str] = field(default_factory=list)
    current: str = ""
    wrong: int = 0


@dataclass
class _Tokens:
    account: Account
    csrf: str
    calls_left: int


@dataclass
class Sessions:
    """The current logins. ``calls_a_token``: how many calls an access token lasts."""

    version: Version
    accounts: dict[str, Account]
    admin_key: str = ""
    secure_cookies: bool = False
    calls_a_token: int = 1_000_000
    access: dict[str, _Tokens] = field(default_factory=dict)
    refresh: dict[str, Account] = field(default_factory=dict)
    logins: int = 0

    @property
    def by_cookie(self) -> bool:
        """Whether this version hands out cookies."""
        return self.version >= (1, 9, 2)

    def log_in(self, call: Call) -> Reply:
        """POST /login."""
        account = self.accounts.get(str(call.body.get("email")))
        if account and account.wrong >= _MOST_WRONG:
            raise DifyError(429, "email_code_login_limit", "Too many incorrect password attempts.")
        if account is None or self._password(call) != account.password:
            if account:
                account.wrong += 1
            raise DifyError(*_WRONG)
        account.wrong = 0
        self.logins += 1
        return self._admitted(account)

    def renew(self, call: Call) -> Reply:
        """POST /refresh-token."""
        given = self._cookie(call, "refresh_token") if self.by_cookie else str(call.body.get("refresh_token"))
        account = self.refresh.pop(given or "", None)
        if account is None:
            raise DifyError(401, "unauthorized", "Invalid refresh token")
        return self._admitted(account)

    def identify(self, call: Call) -> None:
        """Fills in who calls. Raises DifyError 401."""
        bearer = call.headers.get("authorization", "").removeprefix("Bearer ")
        if self.admin_key and bearer == self.admin_key:
            call.role, call.tenant_id = "owner", call.headers.get("x-workspace-id", "")
            if not call.tenant_id:
                raise DifyError(401, "unauthorized", "Workspace is missing.")
            return
        token = (self._cookie(call, "access_token") if self.by_cookie else "") or bearer
        tokens = self.access.get(token)
        if tokens is None:
            raise DifyError(401, "unauthorized", "Invalid Authorization token.")
        if self.by_cookie and not (call.headers.get("x-csrf-token") == self._cookie(call, "csrf_token") == tokens.csrf):
            raise DifyError(401, "unauthorized", "CSRF token is missing or invalid.")
        tokens.calls_left -= 1
        if tokens.calls_left < 0:
            del self.access[token]
            raise DifyError(401, "unauthorized", "Token has expired.")
        self._stand(call, tokens.account)

    def end_all(self, *, with_refresh: bool = False) -> None:
        """Ends every session; with ``with_refresh`` only a login helps."""
        self.access.clear()
        if with_refresh:
            self.refresh.clear()

    def account_of(self, call: Call) -> Account | None:
        """The account behind an identified call; None for the admin key."""
        row = call.row("SELECT email FROM accounts WHERE id::text = %s", call.account_id)
        return self.accounts.get(str(row["email"])) if row else None

    def _stand(self, call: Call, account: Account) -> None:
        row = call.row("SELECT id::text FROM accounts WHERE email = %s", account.email)
        first = account.workspaces[0] if account.workspaces else None
        if not account.current:
            found = call.row("SELECT id::text FROM tenants ORDER BY name LIMIT 1")
            account.current = first or (str(found["id"]) if found else "")
        call.account_id = str(row["id"]) if row else None
        call.role, call.tenant_id = account.role, account.current

    def _password(self, call: Call) -> str | None:
        given = str(call.body.get("password"))
        if self.version < (1, 11, 2):
            return given
        try:
            return base64.b64decode(given, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            return None

    def _admitted(self, account: Account) -> Reply:
        access, refresh, csrf = (secrets.token_hex(16) for _ in range(3))
        self.access[access] = _Tokens(account, csrf, self.calls_a_token)
        self.refresh[refresh] = account
        if not self.by_cookie:
            return Reply(200, {"result": "success", "data": {"access_token": access, "refresh_token": refresh}})
        tokens = {"access_token": access, "refresh_token": refresh, "csrf_token": csrf}
        return Reply(200, {"result": "success"}, {self._cookie_name(name): value for name, value in tokens.items()})

    def _cookie_name(self, name: str) -> str:
        return f"__Host-{name}" if self.secure_cookies else name

    def _cookie(self, call: Call, name: str) -> str | None:
        found = SimpleCookie(call.headers.get("cookie", "")).get(self._cookie_name(name))
        return found.value if found else None
