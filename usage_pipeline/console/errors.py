"""What can go wrong with a call to the console, in words that name the call and the way out, and hold no secret."""


class ConsoleError(Exception):
    """A call to the console failed. ``status`` and ``code`` are the console's own words, where it answered."""

    def __init__(self, call: str, problem: str, way_out: str, *, status: int | None = None, code: str = "") -> None:
        super().__init__(f"{call}: {problem}; {way_out}")
        self.call = call
        self.status = status
        self.code = code


class NotReachableError(ConsoleError):
    """Nothing was sent, or a reading call got no answer: nothing has changed at the console."""


class LoginRefusedError(ConsoleError):
    """The console takes neither our password or key, nor the session that it gave us."""


class NotAllowedError(ConsoleError):
    """403: the account's role is too small for the call. Nothing was changed."""


class NotFoundError(ConsoleError):
    """404: the console knows no such thing in the workspace. Nothing was changed."""


class ConflictError(ConsoleError):
    """409: somebody else changed the thing since it was read. Nothing was changed."""


class RefusedError(ConsoleError):
    """400 and the like: the console does not accept what was asked. Nothing was changed."""


class TooManyCallsError(ConsoleError):
    """429: the console, or a proxy before it, wants us to wait for longer than we do. Nothing was changed."""


class ServerFailedError(ConsoleError):
    """5xx to a reading call."""


class UnreadableAnswerError(ConsoleError):
    """The answer to a reading call is too large, or is not what the console of Dify answers."""


class OutcomeUnknownError(ConsoleError):
    """A changing call was sent and its end is not known: it may have been carried out. Read the state before acting."""
