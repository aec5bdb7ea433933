"""The steps of an override, each in one transaction with its message and with what it does to the budget."""

from collections.abc import Callable
from datetime import datetime

from usage_pipeline.alerts.evaluate_and_alert import evaluate_and_alert
from usage_pipeline.alerts.kinds.override import notify_override
from usage_pipeline.budgets.overrides import NewOverride, Override, decide, withdraw, write_override_request
from usage_pipeline.configuration import ActiveConfiguration
from usage_pipeline.settings.approvals import KnownBy
from usage_pipeline.warehouse.connection import Connection


def request_override(
    connection: Connection, configuration: ActiveConfiguration, asked: NewOverride, now: datetime
) -> Override:
    """Writes the request and its message to the approvers. Raises OverrideRefusedError."""
    return _step(
        connection, configuration, now, lambda: write_override_request(connection, configuration.settings, asked, now)
    )


def decide_override(
    connection: Connection,
    configuration: ActiveConfiguration,
    override_id: str,
    *,
    approve: bool,
    by: str,
    note: str = "",
    now: datetime,
    known_by: KnownBy | None = None,
) -> Override:
    """Approves or rejects, notifies, and evaluates the budgets at once: what is unlocked does not wait for a pass.

    Raises OverrideRefusedError when ``by`` may not, or when it is not pending.
    """
    decided = _step(
        connection,
        configuration,
        now,
        lambda: decide(
            connection,
            configuration.settings,
            override_id,
            approve=approve,
            by=by,
            note=note,
            now=now,
            known_by=known_by,
        ),
        note,
    )
    if approve:
        evaluate_and_alert(connection, configuration, now)
    return decided


def withdraw_override(
    connection: Connection,
    configuration: ActiveConfiguration,
    override_id: str,
    *,
    by: str,
    now: datetime,
    known_by: KnownBy | None = None,
) -> Override:
    """Takes a pending override back and notifies. Raises OverrideRefusedError."""
    return _step(
        connection, configuration, now, lambda: withdraw(connection, override_id, by=by, now=now, known_by=known_by)
    )


def _step(
    connection: Connection,
    configuration: ActiveConfiguration,
    now: datetime,
    make: Callable[[], Override],
    note: str = "",
) -> Override:
    with connection.transaction():
        made = make()
        notify_override(connection, configuration.settings, configuration.version, made, now, note=note)
    return made
