"""The steps of a raise, each in one transaction with its message and with what it does to the budget."""

from collections.abc import Callable
from datetime import datetime

from usage_pipeline.alerts.evaluate_and_alert import judge_and_alert
from usage_pipeline.alerts.kinds.override import tell_of_raise
from usage_pipeline.budgets.overrides import Raise, Request, decide, request_raise, withdraw
from usage_pipeline.configuration import InForce
from usage_pipeline.warehouse.connection import Connection


def ask_for_raise(connection: Connection, configuration: InForce, asked: Request, now: datetime) -> Raise:
    """Writes the request and its message to the approvers. Raises OverrideRefusedError."""
    return _step(connection, configuration, now, lambda: request_raise(connection, configuration.settings, asked, now))


def decide_on_raise(
    connection: Connection,
    configuration: InForce,
    override_id: str,
    *,
    approve: bool,
    by: str,
    note: str = "",
    now: datetime,
) -> Raise:
    """Approves or rejects, tells, and judges the budgets at once: what an approval unlocks does not wait for a pass.

    Raises OverrideRefusedError when ``by`` may not, or when it is not pending.
    """
    decided = _step(
        connection,
        configuration,
        now,
        lambda: decide(connection, configuration.settings, override_id, approve=approve, by=by, note=note, now=now),
        note,
    )
    if approve:
        judge_and_alert(connection, configuration, now)
    return decided


def withdraw_raise(
    connection: Connection, configuration: InForce, override_id: str, *, by: str, now: datetime
) -> Raise:
    """Takes a pending raise back and tells. Raises OverrideRefusedError."""
    return _step(connection, configuration, now, lambda: withdraw(connection, override_id, by=by, now=now))


def _step(
    connection: Connection, configuration: InForce, now: datetime, make: Callable[[], Raise], note: str = ""
) -> Raise:
    with connection.transaction():
        made = make()
        tell_of_raise(connection, configuration.settings, configuration.version, made, now, note=note)
    return made
