"""What channels that post to a web address have in common: the address checked, one request or more, one outcome."""

import json
from abc import abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar

from usage_pipeline.alerts.message import Message
from usage_pipeline.delivery.channels.base import ChannelOf, Trial
from usage_pipeline.delivery.channels.readable import readable
from usage_pipeline.http.addresses import refused_target
from usage_pipeline.http.exchange import HttpAnswer, HttpRequest
from usage_pipeline.http.outcome import Outcome, by_status
from usage_pipeline.http.post import post
from usage_pipeline.http.reach import UnreachedError, reach
from usage_pipeline.settings.recipients import WebRecipient

JSON = "application/json; charset=utf-8"
A_MINUTE = 60.0
W = TypeVar("W", bound=WebRecipient)


@dataclass(frozen=True)
class Draft:
    """The body of one request before it is signed, and what there is to say about how it was made."""

    body: Mapping[str, Any]
    note: str = ""


class WebChannel(ChannelOf[W], Generic[W]):
    """A channel of one recipient class. It says what is sent where, and what an answer means."""

    def send(self, message: Message, recipient: W) -> Outcome:
        """Sends every draft, and all of them again at the next attempt; accepted only when each was.

        Where nobody answers, what is left is not tried.
        """
        outcomes: list[Outcome] = []
        for draft in self.drafts(message, recipient):
            outcome = self._sent(self.request(draft, message, recipient), recipient)
            outcomes.append(replace(outcome, answer=f"{draft.note}; {outcome.answer}") if draft.note else outcome)
            if outcome.kind == "retry" and outcome.status is None:
                break
        return together(outcomes)

    def shown(self, message: Message, recipient: W) -> str:
        """The bodies as they would be sent, and what there is to say about them."""
        parts = []
        for draft in self.drafts(message, recipient):
            parts += [draft.note] if draft.note else []
            parts.append(readable(draft.body))
        return "\n".join(parts)

    def counted(self, recipient: W) -> Sequence[str]:
        """The address, where the other side counts nothing else."""
        return [self.address(recipient)]

    def tried(self, recipient: W) -> Trial:
        """Connects to the address, as sending would, and asks nothing."""
        url = self.address(recipient)
        reason = refused_target(url, allow_private=recipient.allow_private)
        if reason:
            return Trial(False, reason)
        try:
            return Trial(True, reach(url, public_only=not recipient.allow_private))
        except UnreachedError as error:
            return Trial(False, str(error))

    @abstractmethod
    def address(self, recipient: W) -> str:
        """Where the recipient is posted to. Raises MissingSecretError."""

    @abstractmethod
    def drafts(self, message: Message, recipient: W) -> Sequence[Draft]:
        """What is sent: one body as a rule."""

    def request(self, draft: Draft, message: Message, recipient: W) -> HttpRequest:
        """The draft as a request: JSON to the address, where nothing else is asked for."""
        return HttpRequest(self.address(recipient), as_json(draft.body), {"Content-Type": JSON})

    def evaluate(self, answer: HttpAnswer, recipient: W) -> Outcome:
        """What the channel's answer means; the status decides where nothing else does."""
        return by_status(answer)

    def _sent(self, request: HttpRequest, recipient: W) -> Outcome:
        reason = refused_target(request.url, allow_private=recipient.allow_private)
        if reason:
            return Outcome("permanent", reason)
        answer = post(request, public_only=not recipient.allow_private)
        return answer if isinstance(answer, Outcome) else self.evaluate(answer, recipient)


def together(outcomes: Sequence[Outcome]) -> Outcome:
    """One outcome of several: refused for now before refused for good before accepted, with every answer."""
    if len(outcomes) == 1:
        return outcomes[0]
    worst = min(outcomes, key=lambda outcome: ("retry", "permanent", "accepted").index(outcome.kind))
    waits = [outcome.retry_after_s for outcome in outcomes if outcome.retry_after_s is not None]
    answer = " | ".join(f"{number}: {outcome.answer}" for number, outcome in enumerate(outcomes, 1))
    return replace(worst, answer=answer, retry_after_s=max(waits, default=None))


def as_json(body: Mapping[str, Any]) -> bytes:
    """A body's bytes; what is no text in UTF-8 becomes a question mark."""
    return json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")


@dataclass(frozen=True)
class Codes:
    """What the codes of a channel mean; a code in none of them is tried again."""

    accepted: Collection[int | str]
    permanent: Collection[int | str] = ()
    too_often: Mapping[int | str, float] = field(default_factory=dict)  # with the seconds to wait
    malformed: Collection[int | str] = ()  # permanent, because the form of the body was not understood

    def evaluate(self, answer: HttpAnswer, *keys: str) -> Outcome:
        """By the code under the first key that is there. An answer without a code is no acceptance."""
        document = document_of(answer)
        code = next((document[key] for key in keys if key in document), None)
        if not 200 <= answer.status < 300:
            outcome = by_status(answer)
            return replace(outcome, malformed=outcome.kind == "permanent" and code in self.malformed)
        if isinstance(code, bool) or not isinstance(code, int | str):
            return Outcome("retry", f"an answer without {keys[0]}: {answer.text}", answer.status)
        return self.meaning(code, answer)

    def meaning(self, code: int | str, answer: HttpAnswer) -> Outcome:
        """The outcome of a code that was found in an answer."""
        if code in self.accepted:
            return Outcome("accepted", answer.text, answer.status)
        if code in self.too_often:
            return Outcome("retry", answer.text, answer.status, self.too_often[code])
        if code in self.malformed:
            return Outcome("permanent", answer.text, answer.status, malformed=True)
        return Outcome("permanent" if code in self.permanent else "retry", answer.text, answer.status)


def document_of(answer: HttpAnswer) -> Mapping[str, Any]:
    """The JSON object of an answer; an empty one when it is none."""
    try:
        found = json.loads(answer.text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
