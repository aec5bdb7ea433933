"""Posts to a web address whose answer decides what became of an attempt: an answer, or an outcome when none came."""

from usage_pipeline.http.addresses import PrivateAddressError
from usage_pipeline.http.exchange import (
    HttpAnswer,
    HttpRequest,
    NoAnswerError,
    NothingSentError,
    Timeouts,
    TooLateError,
)
from usage_pipeline.http.outcome import Outcome
from usage_pipeline.settings.environment import safe_url

TIMEOUTS = Timeouts()
LIMIT = 64 * 1024


def post(request: HttpRequest, *, timeouts: Timeouts | None = None, public_only: bool = False) -> HttpAnswer | Outcome:
    """The server's answer, cut to a size that cannot hurt, or an outcome when none came.

    With ``public_only`` the address that was really connected to is looked at before anything is sent to it.
    """
    # requests takes a tenth of a second to import, which is not to be paid where nothing is sent.
    from usage_pipeline.http.client import HttpClient  # noqa: PLC0415

    client = HttpClient(timeouts or TIMEOUTS, LIMIT, public_only=public_only)
    try:
        return client.send(request)
    except PrivateAddressError:
        return Outcome("permanent", "the URL leads to a private address; nothing was sent")
    except TooLateError:
        return Outcome("retry", f"no answer in time from {_shown(request.url)}")
    except (NothingSentError, NoAnswerError) as error:
        return Outcome("retry", f"cannot reach {_shown(request.url)}: {error}")
    except Exception as error:
        # The exception's own text may carry the URL, which is a secret: only its kind is recorded.
        return Outcome("retry", f"cannot reach {_shown(request.url)}: {type(error).__name__}")
    finally:
        client.close()


def _shown(url: str) -> str:
    try:
        return safe_url(url)
    except ValueError:
        return "a URL that cannot be read"
