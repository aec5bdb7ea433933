"""Calls the console: signed in, in its turn, repeating what is harmless to repeat, and saying what went wrong."""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from usage_pipeline.console.access import ConsoleAccess
from usage_pipeline.console.errors import ConsoleError, NotFoundError, NotReachableError, UnreadableAnswerError
from usage_pipeline.console.pace import Pace
from usage_pipeline.console.sign_in import SignIn
from usage_pipeline.console.statuses import CHECK_ADDRESS, error_for, outcome_unknown
from usage_pipeline.console.transport import (
    LIMIT,
    TIMEOUTS,
    ConsoleAnswer,
    ConsoleRequest,
    Method,
    TooLargeError,
    Transport,
)
from usage_pipeline.http.exchange import NoAnswerError, NothingSentError, Timeouts

LONGEST_WAIT_S = 60.0
_ATTEMPTS = 5
_OFTEN_GONE_SOON = (429, 502, 503, 504)
_CURRENT = ConsoleRequest("POST", "workspaces/current", body={})


class _Passing(Exception):  # noqa: N818  (a state of things rather than an error)
    """A reading call failed in a way that is often gone a moment later."""

    def __init__(self, error: ConsoleError, wait_s: float | None = None) -> None:
        super().__init__(str(error))
        self.error = error
        self.wait_s = wait_s


class Console:
    """A console as one account, or as the owner of each workspace by the admin key.

    ``get`` repeats itself where that may help; ``change`` never does, save where the console said that nothing was
    changed (401). An account stands in one workspace at a time, at the console itself: the pipeline should have one
    of its own.
    """

    def __init__(
        self,
        access: ConsoleAccess,
        *,
        timeouts: Timeouts | None = None,
        refusals: Path | None = None,
        sleep: Callable[[float], None] = time.sleep,
        limit: int = LIMIT,
    ) -> None:
        self._access = access
        self._transport = Transport(access.url, timeouts or TIMEOUTS, limit)
        self._pace = Pace(access.requests_per_second, sleep=sleep)
        self._sleep = sleep
        self._sign_in = SignIn(access, self._send, refusals)
        self._workspace_id = ""
        self._server_time: datetime | None = None

    def __repr__(self) -> str:
        return f"Console({self._access.host})"

    @property
    def by_admin_key(self) -> bool:
        """Whether the admin key is used instead of an account."""
        return bool(self._access.admin_key)

    @property
    def server_time(self) -> datetime:
        """What time it was at the console at its last answer, to the second; ours where it does not say."""
        return self._server_time or datetime.now(UTC)

    def get(self, path: str, query: Mapping[str, str | int] | None = None) -> object:
        """The JSON that a reading call answers. Raises ConsoleError."""
        return self._in_workspace(ConsoleRequest("GET", path, query or {}), self._read)

    def change(self, method: Method, path: str, body: Mapping[str, object]) -> object:
        """The JSON that a changing call answers.

        Raises OutcomeUnknownError when it may have been carried out, another ConsoleError when it surely was not.
        """
        return self._in_workspace(ConsoleRequest(method, path, body=body), self._change)

    def enter_workspace(self, workspace_id: str) -> None:
        """Makes the calls that follow go to a workspace. Raises ConsoleError where the account is no member of it."""
        if not self.by_admin_key and self._current_workspace() != workspace_id:
            # Switching twice is switching once: it may be repeated as if it were a reading call.
            self._read(ConsoleRequest("POST", "workspaces/switch", body={"tenant_id": workspace_id}))
        self._workspace_id = workspace_id

    def still_there(self) -> bool:
        """Whether the account still stands in the workspace that was entered: people may switch it too."""
        return self.by_admin_key or self._current_workspace() == self._workspace_id

    def close(self) -> None:
        """Lets go of connections and tokens."""
        self._sign_in.forget()
        self._transport.close()

    def _current_workspace(self) -> str:
        document = self._read(_CURRENT)
        return str(document.get("id", "")) if isinstance(document, dict) else ""

    def _in_workspace(self, request: ConsoleRequest, call: Callable[[ConsoleRequest], object]) -> object:
        """Makes the call; once more when it found nothing because somebody had switched the account elsewhere."""
        try:
            return call(request)
        except NotFoundError:
            if not (self._workspace_id and request.path.startswith("apps/")) or self.still_there():
                raise
        self.enter_workspace(self._workspace_id)
        return call(request)

    def _read(self, request: ConsoleRequest) -> object:
        try:
            return Retrying(
                stop=stop_after_attempt(_ATTEMPTS),
                wait=_wait,
                retry=retry_if_exception_type(_Passing),
                sleep=self._sleep,
                reraise=True,
            )(self._read_once, request)
        except _Passing as passing:
            raise passing.error from None

    def _read_once(self, request: ConsoleRequest) -> object:
        call = str(request)
        try:
            answer = self._exchange(request, fresh=False)
        except (NothingSentError, NoAnswerError) as error:
            raise _Passing(NotReachableError(call, str(error), CHECK_ADDRESS)) from None
        except TooLargeError:
            raise UnreadableAnswerError(call, "its answer is too large", "ask for less at once") from None
        if answer.status >= 300:
            failure = error_for(call, answer, self._access.hide)
            if answer.status in _OFTEN_GONE_SOON and (answer.retry_after_s or 0) <= LONGEST_WAIT_S:
                raise _Passing(failure, answer.retry_after_s)
            raise failure
        if not answer.readable:
            raise UnreadableAnswerError(call, "its answer is no JSON", CHECK_ADDRESS, status=answer.status)
        return answer.document

    def _change(self, request: ConsoleRequest) -> object:
        call = str(request)
        try:
            answer = self._exchange(request, fresh=True)
        except NothingSentError as error:
            raise NotReachableError(call, str(error), CHECK_ADDRESS) from None
        except NoAnswerError as error:
            raise outcome_unknown(call, str(error)) from None
        except TooLargeError:
            raise outcome_unknown(call, "its answer is too large") from None
        if answer.status >= 500:
            raise outcome_unknown(call, str(error_for(call, answer, self._access.hide)).split(": ", 1)[1], answer)
        if answer.status >= 300:
            raise error_for(call, answer, self._access.hide)
        if not answer.readable:
            raise outcome_unknown(call, "its answer is no JSON", answer)
        return answer.document

    def _exchange(self, request: ConsoleRequest, *, fresh: bool) -> ConsoleAnswer:
        """The answer of whatever status; a session that has ended is renewed, once."""
        if self.by_admin_key:
            return self._send(request, self._key_headers(), fresh=fresh)
        answer = self._send(request, self._sign_in.session().headers(), fresh=fresh)
        if answer.status != 401:
            return answer
        answer = self._send(request, self._sign_in.renew().headers(), fresh=fresh)
        if answer.status == 401:
            problem = "it refuses the session that it has just given us"
            way_out = "check that the address is Dify's own console, and that no proxy drops cookies or headers"
            raise self._sign_in.refuse(request, problem, way_out, status=401)
        return answer

    def _key_headers(self) -> dict[str, str]:
        headers = {"Authorization": f"Bearer {self._access.admin_key}"}
        return {**headers, "X-WORKSPACE-ID": self._workspace_id} if self._workspace_id else headers

    def _send(self, request: ConsoleRequest, headers: Mapping[str, str], fresh: bool = False) -> ConsoleAnswer:
        self._pace.wait()
        answer = self._transport.send(request, headers, fresh=fresh)
        self._server_time = answer.server_time or self._server_time
        return answer


_GROWING = wait_random_exponential(multiplier=0.5, max=20)


def _wait(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    asked = error.wait_s if isinstance(error, _Passing) else None
    return asked if asked is not None else _GROWING(state)
