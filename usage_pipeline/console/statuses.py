"""What an answer's status means: the error that it stands for, in words that name the call and the way out."""

from collections.abc import Callable

from usage_pipeline.console.errors import (
    ConflictError,
    ConsoleError,
    LoginRefusedError,
    NotAllowedError,
    NotFoundError,
    OutcomeUnknownError,
    RefusedError,
    ServerFailedError,
    TooManyCallsError,
)
from usage_pipeline.console.transport import ConsoleAnswer

CHECK_ADDRESS = "check the console's address, its network and that Dify runs"
READ_STATE = "it may have been carried out: read the state before acting again"
_LONGEST_WORDS = 200
_WORDS: dict[int, tuple[type[ConsoleError], str, str]] = {
    401: (LoginRefusedError, "the admin key is refused",
          "check ADMIN_API_KEY_ENABLE and ADMIN_API_KEY of Dify, and the variable that `console:` names"),
    403: (NotAllowedError, "the account may not do this",
          "give the account the role that the call needs (editor, admin or owner), or use the admin key"),
    404: (NotFoundError, "not found", "it is gone, or in another workspace, or this version of Dify has no such call"),
    409: (ConflictError, "changed by somebody else meanwhile", "read it again"),
    429: (TooManyCallsError, "too many calls", "lower requests_per_second of `console:`, or try again later"),
}  # fmt: skip


def error_for(call: str, answer: ConsoleAnswer, hide: Callable[[str], str]) -> ConsoleError:
    """The error of an answer that is not a good one; ``hide`` takes secrets out of the console's own words."""
    status, code, said = answer.status, hide(code_of(answer)), _said(answer, hide)
    if status in _WORDS:
        kind, problem, way_out = _WORDS[status]
        return kind(call, f"{status}, {problem}{said}", way_out, status=status, code=code)
    if status >= 500:
        way_out = "try again later; Dify's own log says why"
        return ServerFailedError(call, f"the console failed with {status}{said}", way_out, status=status, code=code)
    if status >= 400:
        return RefusedError(
            call, f"{status}, not accepted{said}", "see what the console says", status=status, code=code
        )
    return RefusedError(call, f"{status}, the address leads elsewhere", CHECK_ADDRESS, status=status, code=code)


def outcome_unknown(call: str, problem: str, answer: ConsoleAnswer | None = None) -> OutcomeUnknownError:
    """The error of a changing call whose end is not known."""
    return OutcomeUnknownError(call, problem, READ_STATE, status=answer.status if answer else None)


def code_of(answer: ConsoleAnswer) -> str:
    """Dify's own word for an error."""
    document = answer.document if isinstance(answer.document, dict) else {}
    return str(document.get("code") or "")[:80]


def _said(answer: ConsoleAnswer, hide: Callable[[str], str]) -> str:
    document = answer.document if isinstance(answer.document, dict) else {}
    words = hide(" ".join(str(document.get("message") or code_of(answer)).split()))
    return f" ({words[:_LONGEST_WORDS].rstrip('.')})" if words else ""
