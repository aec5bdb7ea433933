"""A made-up company read through its console, and what the console shows of its truth."""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

from usage_pipeline.fake_dify.console import FakeConsole, fake_console
from usage_pipeline.fake_dify.console_sessions import Account
from usage_pipeline.fake_dify.history import keys_alive, true_units
from usage_pipeline.fake_dify.scripts import TrueUnit
from usage_pipeline.pipeline import PassSummary, run_pass
from usage_pipeline.warehouse.connection import Connection, connected
from usage_pipeline_tests.support.company import (
    EXAMPLE,
    KEY_RULES,
    Company,
    Row,
    a_retried_flow,
    build_company,
    events,
    expected,
)

EMAIL = "li.na@example.com"
PASSWORD = "correct s3cr3t horse 42"
_DATABASE = "{id: main, kind: dify, url_env: DIFY_DATABASE_URL}"
_BY_KEY = (
    "{{id: main, kind: dify_api, console: {{url_env: DIFY_CONSOLE_URL, admin_key_env: DIFY_ADMIN_KEY,"
    " requests_per_second: 1000}}}}"
)
_CONSOLE = (
    "{{id: main, kind: dify_api, console: {{url_env: DIFY_CONSOLE_URL, email_env: DIFY_EMAIL,"
    " password_env: DIFY_PASSWORD, requests_per_second: 1000, calls_per_pass: {calls}}}}}"
)
_OUTSIDE = ("api", "web_app", "mcp")


@dataclass
class ConsoleCompany:
    """The company, its fake console and a configuration that reads it."""

    company: Company
    fake: FakeConsole
    config: Path
    variables: dict[str, str | None]

    def run(self, *, sweep: bool = True) -> PassSummary:
        """One pass through the console; the database's own address is not known to it."""
        os.environ.pop("DIFY_DATABASE_URL", None)
        for name, value in self.variables.items():
            os.environ.pop(name, None)
            os.environ.update({name: value} if value is not None else {})
        with connected(self.company.warehouse_url) as connection:
            return run_pass(connection, self.config, by="test", deliver=False, sweep=sweep)

    def shown_truth(self) -> list[TrueUnit]:
        """What the console shows of the company's truth."""
        history = self.company.history
        units = true_units(history.world, history.calls, history.now, KEY_RULES)
        return list(as_the_console_shows(self.company, units))


@contextmanager
def console_company(
    new_database: Callable[[], str], warehouse_url: str, folder: Path, *, seed: int, days: int = 2,
    calls_a_day: float = 4.0, calls: int = 100_000, admin_key: str = "",
    version: tuple[int, int, int] = (1, 12, 1),
) -> Iterator[ConsoleCompany]:  # fmt: skip
    """A company and its console for the block."""
    company = build_company(new_database, warehouse_url, seed=seed, days=days, calls_a_day=calls_a_day,
                            also=lambda history: [a_retried_flow(history)])  # fmt: skip
    config = folder / f"console-{seed}.yaml"
    text = EXAMPLE.read_text(encoding="utf-8")
    assert _DATABASE in text
    config.write_text(
        text.replace(_DATABASE, (_BY_KEY if admin_key else _CONSOLE).format(calls=calls)), encoding="utf-8"
    )
    with fake_console(
        company.dify_url, accounts=[Account(EMAIL, PASSWORD)], admin_key=admin_key, version=version
    ) as fake:
        variables: dict[str, str | None] = {
            "DIFY_CONSOLE_URL": fake.url, "DIFY_EMAIL": EMAIL, "DIFY_PASSWORD": PASSWORD,
            "DIFY_ADMIN_KEY": admin_key or None,
        }  # fmt: skip
        yield ConsoleCompany(company, fake, config, variables)


def as_the_console_shows(company: Company, units: Iterable[TrueUnit]) -> Iterator[TrueUnit]:
    """Every difference between what stands in Dify's database and what its console shows, one after the other."""
    apps = {app.app_id: app for app in company.history.world.apps.values()}
    for true in units:
        # Times are cut to whole seconds.
        unit = replace(true, occurred_at=true.occurred_at.replace(microsecond=0))
        if unit.event_id.startswith("message:"):
            # Who called a basic app from outside, and by which door, is not shown; so no key either.
            kind = "unknown" if unit.caller_kind in _OUTSIDE else "console"
            unit = replace(unit, caller_kind=kind, api_key_id=None, key_attribution="none")
            # A stopped answer looks like one that needed no tokens.
            unit = replace(unit, status="succeeded" if unit.status == "stopped" else unit.status)
            if unit.app_mode == "agent-chat" and unit.status in ("failed", "running"):
                # What an agent's thoughts used is shown by the message alone, when it ended well.
                unit = replace(unit, input_tokens=0, output_tokens=0, total_tokens=0)
        elif unit.run_id is None:
            # A node that was tried by itself is not listed.
            continue
        elif unit.caller_kind == "nested":
            # A workflow that was run as a tool looks like one that was called through the API.
            alive = keys_alive(apps[unit.app_id], true.occurred_at)
            sole = alive[0] if len(alive) == 1 else None
            unit = replace(unit, caller_kind="api", api_key_id=sole, key_attribution="sole" if sole else "shared")
        yield unit


def assert_as_shown(connection: Connection, units: Iterable[TrueUnit]) -> None:
    """Each unit that the console shows stands in exactly one event, in every field that it shows; nothing else does."""
    wanted = {unit.event_id: expected(unit) for unit in units}
    found = events(connection)
    assert wanted.keys() == found.keys(), (
        f"missing {sorted(wanted.keys() - found.keys())[:5]}, too many {sorted(found.keys() - wanted.keys())[:5]}"
    )
    wrong = {event_id: _differing(event_id, row, found[event_id]) for event_id, row in wanted.items()}
    wrong = {event_id: fields for event_id, fields in wrong.items() if fields}
    assert not wrong, f"{len(wrong)} events differ (wanted, found): {dict(list(wrong.items())[:3])}"


def _differing(event_id: str, wanted: Row, found: Row) -> dict[str, tuple[object, object]]:
    names = set(wanted)
    if event_id.startswith("message:"):
        # Messages are shown without their price: the configuration's or the catalogue's stands in for it.
        names -= {"cost", "currency", "base_cost", "price_source"}
        assert found["logged_cost"] in (None, Decimal(0))
        assert found["price_source"] != "dify" or not found["total_tokens"]
    return {name: (wanted[name], found[name]) for name in sorted(names) if wanted[name] != found[name]}
