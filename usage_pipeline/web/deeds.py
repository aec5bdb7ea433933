"""Does what a form says, once: the deed, its place in the audit, and the mark that the form was used, together."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from usage_pipeline import inputs
from usage_pipeline.alerts.approvals import decide_override, request_override
from usage_pipeline.alerts.silences import Silence, acknowledge, make_silence
from usage_pipeline.budgets.overrides import NewOverride
from usage_pipeline.configuration import ActiveConfiguration
from usage_pipeline.enforcement.carry_out import carry_out_due, enforce
from usage_pipeline.enforcement.decisions import decide_action, release_action
from usage_pipeline.inputs import InputError
from usage_pipeline.links import Deed, Form
from usage_pipeline.settings import Settings
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.rows import value_or_none
from usage_pipeline.warehouse.statements import statement
from usage_pipeline.web.offers import Matter, offers
from usage_pipeline.web.visit import Visit

BY = "usage-pipeline web"
_LONGEST_SILENCE_H = 24 * 7
_LONGEST_TEXT = 1000
_ACTION = "act-"


class UsedError(Exception):
    """The form has done what it was for already."""


class NotOfferedError(Exception):
    """What the form is for cannot be done any more: somebody did it, or decided otherwise, or its time is over."""


@dataclass(frozen=True)
class SentForm:
    """A form that was sent: by whom, about what, and what was typed into it."""

    connection: Connection
    configuration: ActiveConfiguration
    visit: Visit
    matter: Matter
    form: Form
    typed: Mapping[str, str]
    now: datetime

    @property
    def settings(self) -> Settings:
        """Returns the active configuration."""
        return self.configuration.settings

    def text(self, field: str) -> str:
        """Returns what was typed into a field. Raises InputError for what cannot be kept."""
        found = inputs.plain_text(field, self.typed.get(field, "").strip())
        if len(found) > _LONGEST_TEXT:
            raise InputError(f"{field} is {len(found):,} characters long; the limit is {_LONGEST_TEXT:,}")
        return found


def do(work: SentForm) -> None:
    """Does the deed. Raises UsedError, NotOfferedError, and InputError for what was typed; then nothing has changed."""
    form = work.form
    with work.connection.transaction():
        _use(work)
        offered = offers(work.connection, work.settings, work.visit, work.matter, work.now)
        if not any((offer.deed, offer.subject) == (form.deed, form.subject) for offer in offered):
            raise NotOfferedError
        _DEEDS[form.deed](work)


def follow(connection: Connection, configuration: ActiveConfiguration, form: Form) -> None:
    """Carries out at Dify what a deed has opened or closed; what fails here is done by the next pass."""
    if form.deed not in (Deed.APPROVE, Deed.UNDO):
        return
    if form.subject.startswith(_ACTION):
        carry_out_due(connection, configuration.settings, by=BY)
    else:
        enforce(connection, configuration.settings, configuration.version, by=BY)


def _use(work: SentForm) -> None:
    form = work.form
    parameters = {
        "digest": hashlib.sha256(form.once.encode()).digest(),
        "now": work.now,
        "alert_id": form.link.alert_id,
        "deed": form.deed,
        "recipient": form.link.recipient,
        "person": form.person,
        "known_by": form.known_by,
    }
    if value_or_none(work.connection, str, statement("web/use_form"), parameters) is None:
        raise UsedError


def _acknowledge(work: SentForm) -> None:
    acknowledge(
        work.connection,
        work.form.link.alert_id,
        work.visit.person,
        work.text("note") or None,
        work.now,
        known_by=work.visit.known_by,
    )


def _silence(work: SentForm) -> None:
    hours = work.typed.get("hours", "").strip()
    if not hours.isascii() or not hours.isdigit() or not 0 < int(hours[:9]) <= _LONGEST_SILENCE_H:
        raise InputError(f"hours {hours[:20]!r} is not a number of hours; write 1 to {_LONGEST_SILENCE_H}")
    silence = Silence(
        budget=work.matter.budget_id,
        scope=work.matter.scope_value or None,
        until=work.now + timedelta(hours=int(hours)),
        reason=work.text("note") or "-",
        by=work.visit.person,
        known_by=work.visit.known_by,
    )
    make_silence(work.connection, silence, work.now)


def _request(work: SentForm) -> None:
    amount, unit = work.text("amount"), work.text("unit")
    in_percent = unit == "percent"
    asked = NewOverride(
        budget_id=work.matter.budget_id,
        scope=work.matter.scope_value or None,
        measure=None if in_percent else unit,
        raise_by=None if in_percent else inputs.number("amount", amount),
        raise_percent=inputs.percentage("amount", amount) if in_percent else None,
        until=_until(work),
        reason=work.text("reason"),
        by=work.visit.person,
        known_by=work.visit.known_by,
    )
    request_override(work.connection, work.configuration, asked, work.now)


def _until(work: SentForm) -> datetime:
    """A duration from now, or a moment in the zone of the configuration, as a browser's field has it."""
    return inputs.moment("until", work.text("until"), zone=work.settings.timezone, now=work.now)


def _decide(work: SentForm) -> None:
    approve = work.form.deed == Deed.APPROVE
    if work.form.subject.startswith(_ACTION):
        decide_action(
            work.connection,
            work.settings,
            work.form.subject,
            approve=approve,
            by=work.visit.person,
            comment=work.text("note"),
            now=work.now,
            known_by=work.visit.known_by,
        )
        return
    decide_override(
        work.connection,
        work.configuration,
        work.form.subject,
        approve=approve,
        by=work.visit.person,
        note=work.text("note"),
        now=work.now,
        known_by=work.visit.known_by,
    )


def _undo(work: SentForm) -> None:
    release_action(
        work.connection,
        work.form.subject,
        by=work.visit.person,
        why=work.text("note"),
        now=work.now,
        known_by=work.visit.known_by,
    )


_DEEDS: Mapping[Deed, Callable[[SentForm], None]] = {
    Deed.ACKNOWLEDGE: _acknowledge,
    Deed.SILENCE: _silence,
    Deed.REQUEST: _request,
    Deed.APPROVE: _decide,
    Deed.REJECT: _decide,
    Deed.UNDO: _undo,
}
