"""Two tenants' books of March 2026: events with awkward amounts and hostile names, rolled up as a pass does it."""

import random
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from usage_pipeline.settings import Settings
from usage_pipeline.settings.model import Rates
from usage_pipeline.usage.roll_up import roll_up
from usage_pipeline.warehouse.connection import Connection

SETTINGS = Settings(
    version=1,
    timezone="Asia/Shanghai",
    currency="CNY",
    exchange_rates=(Rates(from_date=date(2020, 1, 1), rates={"USD": Decimal("7.10")}),),
)
FIRST, DAY, LAST = date(2026, 2, 20), date(2026, 3, 17), date(2026, 3, 31)
AFTERWARDS = datetime(2026, 4, 1, 12, tzinfo=UTC)
ACME, GLOBEX = "tenant-a", "tenant-b"
# What a spreadsheet, a browser or a file system might take for more than a name.
HOSTILE = (
    '=HYPERLINK("http://evil.example/","x")', "+1+1", "-2+3", "@SUM(A1)", "\t=1+1", "\r=1+1", " =1+1", "＝1+1",
    "<script>document.title='owned'</script>", '"><img src=x onerror="document.title=1">', "</script><b>x",
    "../../etc/passwd", "..\\..\\x", "a/b:c*?\x00\x07", "{{ 7*7 }}", "名称，逗号", "x" * 300, "<!--", "&amp;",
)  # fmt: skip
_MODELS = (
    ("openai", "gpt-4o", "USD"), ("openai", "gpt-4o-mini", "USD"), ("tongyi", "qwen-max", "CNY"),
    ("openai_api_compatible", "in-house-7b", None), (None, None, None),
)  # fmt: skip


def write_books(connection: Connection, *, seed: int = 7, calls_a_day: int = 12) -> None:
    """Fills the warehouse from FIRST to LAST, read to its end and reconciled."""
    dice = random.Random(seed)
    _names(connection)
    with connection.cursor() as cursor:
        for day in days():
            for number in range(calls_a_day):
                _event(cursor, dice, day, number)
    roll_up(connection, days())
    end = datetime(2026, 4, 1, 0, 30, tzinfo=UTC)
    connection.execute("INSERT INTO usage.source_state (source, kind, read_up_to) VALUES ('main', 'dify', %s)", [end])
    connection.execute(
        "INSERT INTO usage.reconciliation (source, usage_date, state, says, compared_until)"
        " SELECT 'main', day, 'green', 'fits', day + interval '2 days' FROM unnest(%s::date[]) AS day",
        [days()],
    )
    _budgets(connection)


def days() -> list[date]:
    """Each day of the books."""
    return [FIRST + timedelta(days=number) for number in range((LAST - FIRST).days + 1)]


def project(tenant: str, number: int) -> str:
    """An app id."""
    return f"{tenant}-app-{number}"


def _names(connection: Connection) -> None:
    for tenant, name, zone in ((ACME, "=ACME", "Asia/Shanghai"), (GLOBEX, "../Globex <b>", "Europe/Berlin")):
        connection.execute(
            "INSERT INTO usage.tenant (source, tenant_id, name, timezone) VALUES ('main', %s, %s, %s)",
            [tenant, name, zone],
        )
        for number, hostile in enumerate(HOSTILE):
            connection.execute(
                "INSERT INTO usage.project (source, app_id, tenant_id, name, mode, tags, environment)"
                " VALUES ('main', %s, %s, %s, 'workflow', %s, 'prod')",
                [project(tenant, number), tenant, hostile.replace("\x00", ""), ["dept:sales", "="]],
            )
        connection.execute(
            "INSERT INTO usage.api_key (source, api_key_id, app_id, tenant_id, masked, created_at)"
            " VALUES ('main', %s, %s, %s, 'app-…1234', now())",
            [f"{tenant}-key", project(tenant, 0), tenant],
        )


def _event(cursor: object, dice: random.Random, day: date, number: int) -> None:
    tenant = dice.choice((ACME, GLOBEX))
    app = dice.randrange(len(HOSTILE))
    provider, model, currency = dice.choice(_MODELS)
    tokens = dice.randrange(1, 5000), dice.randrange(0, 2000)
    cost = None if currency is None else Decimal(dice.randrange(1, 10**7)) / 10**7
    base = None if cost is None else cost * (Decimal("7.10") if currency == "USD" else 1)
    keyed = app == 0
    event = {
        "source": "main", "event_id": f"message:{day}-{number}", "tenant_id": tenant,
        "environment": dice.choice(("prod", "dev")), "app_id": project(tenant, app), "app_mode": "workflow",
        "node_id": dice.choice((None, "n1")), "node_title": dice.choice(HOSTILE).replace("\x00", ""),
        "api_key_id": f"{tenant}-key" if keyed else None, "key_attribution": "sole" if keyed else "shared",
        "caller_kind": "api", "caller_id": dice.choice(HOSTILE).replace("\x00", ""), "provider": provider,
        "model": model, "input_tokens": tokens[0], "output_tokens": tokens[1], "total_tokens": sum(tokens),
        "cost": cost, "currency": currency, "base_cost": base, "price_source": "unpriced" if cost is None else "dify",
        "basis": "logged", "status": dice.choice(("succeeded", "succeeded", "failed")),
        "occurred_at": datetime(day.year, day.month, day.day, 8, tzinfo=UTC), "usage_date": day,
    }  # fmt: skip
    names = ", ".join(event)
    cursor.execute(  # type: ignore[attr-defined]
        f"INSERT INTO usage.usage_event ({names}) VALUES ({', '.join(['%s'] * len(event))})", list(event.values())
    )


def _budgets(connection: Connection) -> None:
    connection.execute("INSERT INTO usage.config_version (hash, path, valid) VALUES ('h', 'c.yaml', true)")
    for tenant in (None, ACME, GLOBEX):
        scope = "{}" if tenant is None else f'{{"source": "main", "tenant_id": "{tenant}"}}'
        value = "" if tenant is None else f"tenant=main/{tenant}"
        facts = (
            f'{{"scope_name": "{tenant}", "tenant_name": "{tenant}", "spent": "9", "limit": "10", "measure": "cost"}}'
        )
        connection.execute(
            "INSERT INTO usage.budget_status (budget_id, scope_value, period_start, period_end, zone, period,"
            ' scope_name, scope, measure, measures, spent, "limit", ratio, level, as_of, config_version)'
            " SELECT 'month', %s, '2026-02-28 16:00Z', '2026-03-31 16:00Z', 'Asia/Shanghai', 'month', %s, %s, 'cost',"
            " '{}', 9, 10, 0.9, 'warning', now(), max(version_id) FROM usage.config_version",
            [value, tenant or "company", scope],
        )
        connection.execute(
            "INSERT INTO usage.alert (alert_id, kind, budget_id, scope_value, period_start, tier, level, facts,"
            " created_at) VALUES (%s, 'budget', 'month', %s, '2026-02-28 16:00Z', 80, 'warning', %s,"
            " '2026-03-17 03:00Z')",
            [f"B{tenant}", value, facts],
        )
