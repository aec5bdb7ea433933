"""A sign of life after each pass: a service outside alerts when it stops, whatever has stopped here."""

from usage_pipeline.delivery.channels.base import shortened
from usage_pipeline.http.addresses import refused_target
from usage_pipeline.http.exchange import HttpRequest, Timeouts
from usage_pipeline.http.outcome import Outcome, by_status
from usage_pipeline.http.post import post
from usage_pipeline.settings import Settings
from usage_pipeline.settings.environment import MissingSecretError, redact, secret

_TIMEOUTS = Timeouts(connect=3.0, read=5.0, whole=8.0)


def send_heartbeat(settings: Settings) -> Outcome | None:
    """What the service answered; None when none is configured. Never raises: a pass does not fail by it."""
    heartbeat = settings.alerting.heartbeat
    if heartbeat is None:
        return None
    try:
        url = secret(heartbeat.url_env, "alerting.heartbeat")
    except MissingSecretError as error:
        return Outcome("permanent", str(error))
    reason = refused_target(url, allow_private=heartbeat.allow_private)
    if reason:
        return Outcome("permanent", reason)
    answer = post(HttpRequest(url, b""), timeouts=_TIMEOUTS, public_only=not heartbeat.allow_private)
    outcome = answer if isinstance(answer, Outcome) else by_status(answer)
    return Outcome(outcome.kind, shortened(redact(outcome.answer, [url])), outcome.status)
