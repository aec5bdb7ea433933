"""Makes one attempt: bounded in time, never raising, and without a secret in what it says."""

import base64
from collections.abc import Callable
from dataclasses import replace
from queue import Empty, Queue
from threading import Thread
from urllib.parse import parse_qsl, unquote, urlsplit

from usage_pipeline.alerts.message import Message
from usage_pipeline.http.outcome import Outcome
from usage_pipeline.settings import Recipient
from usage_pipeline.settings.environment import MissingSecretError, redact, variable

LONGEST_S = 45.0
_SHORTEST_PATH_SECRET = 8

Send = Callable[[Message, Recipient], Outcome]


def attempt(message: Message, recipient: Recipient, send: Send) -> Outcome:
    """What the channel answered; whatever goes wrong on the way is a reason to try again."""
    try:
        outcome = _in_time(message, recipient, send)
    except MissingSecretError as error:
        return Outcome("retry", str(error))
    except Exception as error:
        outcome = Outcome("retry", f"{type(error).__name__}: {error}")
    return replace(outcome, answer=redact(outcome.answer, secrets_of(recipient)))


def _in_time(message: Message, recipient: Recipient, send: Send) -> Outcome:
    """Sends in a thread that is left behind when it takes too long: an attempt must end before its lease does."""
    ended: Queue[Outcome | Exception] = Queue()

    def run() -> None:
        try:
            ended.put(send(message, recipient))
        except Exception as error:
            ended.put(error)

    Thread(target=run, name=f"attempt {message.delivery_id}", daemon=True).start()
    try:
        result = ended.get(timeout=LONGEST_S)
    except Empty:
        return Outcome("retry", f"the channel came to no end within {LONGEST_S:.0f} seconds")
    if isinstance(result, Exception):
        raise result
    return result


def secrets_of(recipient: Recipient) -> set[str]:
    """The values of the recipient's variables, and those parts of them that a server may repeat by itself."""
    named = [value for name, value in recipient.model_dump().items() if name.endswith("_env") and value]
    return {part for name in named for part in _parts(_known(str(name)))} - {""}


def _known(name: str) -> str:
    try:
        return variable(name)
    except MissingSecretError:
        return ""


def _parts(secret: str) -> set[str]:
    found = {secret, secret.replace("/", "\\/"), secret.removeprefix("whsec_")}
    if "://" not in secret:
        # An account's id and key, alone and as they travel in a header.
        found |= {*secret.split(":"), base64.b64encode(secret.encode()).decode()}
    try:
        url = urlsplit(secret)
        user = [url.username or "", url.password or ""]
    except ValueError:
        return found | {piece for piece in secret.replace("?", "/").replace("=", "/").split("/") if len(piece) >= 4}
    path = [piece for piece in url.path.split("/") if len(piece) >= _SHORTEST_PATH_SECRET]
    pieces = [url.query, *user, *path, *(pair.partition("=")[2] for pair in url.query.split("&"))]
    return found | {*pieces, *map(unquote, pieces), *(value for _, value in parse_qsl(url.query))}
