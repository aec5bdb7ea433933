"""Keeps us signed in: logs in when needed, renews what has ended, never asks twice with a refused password."""

from collections.abc import Callable, Mapping
from pathlib import Path

from usage_pipeline.console.access import ConsoleAccess
from usage_pipeline.console.errors import LoginRefusedError
from usage_pipeline.console.login import Session, login_requests, session_from
from usage_pipeline.console.refusals import forget_refusal, refused_before, remember_refusal
from usage_pipeline.console.statuses import code_of, error_for
from usage_pipeline.console.transport import ConsoleAnswer, ConsoleRequest, TooLargeError
from usage_pipeline.http.exchange import NoAnswerError, NothingSentError

Send = Callable[[ConsoleRequest, Mapping[str, str]], ConsoleAnswer]
_FIX = "correct the variables that `console:` names; an account that logs in by SSO only needs the admin key"


class SignIn:
    """The session of one account; ``send`` makes one exchange with the console."""

    def __init__(self, access: ConsoleAccess, send: Send, refusals: Path | None) -> None:
        self._access = access
        self._send = send
        self._refusals = refusals
        self._session: Session | None = None
        self._refused: LoginRefusedError | None = None

    def session(self) -> Session:
        """The current session, made when there is none. Raises LoginRefusedError, the same for ever once refused."""
        if self._refused:
            raise self._refused
        self._session = self._session or self._log_in()
        return self._session

    def renew(self) -> Session:
        """Another session in place of one that has ended: by its refresh token, else by logging in again."""
        ended, self._session = self._session, None
        if ended:
            answer = self._ask(ended.renewal(), ended.headers())
            self._session = session_from(answer, ended) if answer.status == 200 else None
        return self.session()

    def refuse(
        self, request: ConsoleRequest, problem: str, way_out: str = _FIX, *, status: int | None = None
    ) -> Exception:
        """Notes for good that the console does not let us in; returns the error to raise."""
        self._refused = LoginRefusedError(str(request), problem, way_out, status=status)
        return self._refused

    def forget(self) -> None:
        """Lets go of the tokens."""
        self._session = None

    def _log_in(self) -> Session:
        requests = login_requests(self._access)
        if self._refusals and refused_before(self._refusals, self._access):
            raise self.refuse(requests[0], "this password was refused within the last hour and is not tried again")
        for request in requests:
            answer = self._ask(request, {})
            session = session_from(answer) if answer.status == 200 else None
            if session:
                if self._refusals:
                    forget_refusal(self._refusals, self._access)
                return session
            self._stop_unless_wrong_form(request, answer)
        if self._refusals:
            remember_refusal(self._refusals, self._access)
        raise self.refuse(requests[0], "e-mail or password is wrong", status=401)

    def _stop_unless_wrong_form(self, request: ConsoleRequest, answer: ConsoleAnswer) -> None:
        """Only a refused password is a reason to try the next form."""
        if answer.status == 429 and "limit" in code_of(answer):
            if self._refusals:
                remember_refusal(self._refusals, self._access)
            problem = "too many wrong passwords: Dify has locked the account for a while"
            raise self.refuse(request, problem, status=answer.status)
        if answer.status == 200:
            raise self.refuse(request, "its answer holds no token")
        if answer.status == 429 or answer.status >= 500:
            raise error_for(str(request), answer, self._access.hide)
        if answer.status not in (400, 401, 403):
            raise self.refuse(request, f"it answered {answer.status}: this is not Dify's console", status=answer.status)

    def _ask(self, request: ConsoleRequest, headers: Mapping[str, str]) -> ConsoleAnswer:
        try:
            return self._send(request, headers)
        except (NoAnswerError, TooLargeError) as error:
            # What was to be done once we are in has not been sent.
            raise NothingSentError(f"{request.path} failed: {error or 'its answer is too large'}") from None
