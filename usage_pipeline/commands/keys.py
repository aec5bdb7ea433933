"""`usage-pipeline keys`: the API keys, what they were used for, and how sure it is which key called."""

from usage_pipeline.commands.context import open_context
from usage_pipeline.commands.output import AsJson, as_dicts, for_people, print_json, show_rows
from usage_pipeline.warehouse.statements import statement

_KEY_COLUMNS = ("tenant", "project", "name", "masked", "api_key_id", "state", "created_at", "last_used_at", "gone_at",
                "calls", "tokens", "cost", "told_by")  # fmt: skip
_RATE_COLUMNS = ("tenant", "project", "calls", "rate", "exact", "sole", "observed", "declared", "shared")

_SHOWN = ("workspace", "project", "key", "masked", "state", "last used", "calls", "tokens", "cost", "attributed by")


@for_people
def keys(as_json: AsJson = False) -> None:
    """List API keys with their use of the last 30 days, and per project the share of API calls attributed to a key."""
    with open_context() as (connection, _):
        listed = connection.execute(statement("reports/api_keys")).fetchall()
        rates = connection.execute(statement("reports/key_attribution")).fetchall()
    if as_json:
        print_json({"keys": as_dicts(_KEY_COLUMNS, listed), "attribution": as_dicts(_RATE_COLUMNS, rates)})
        return
    shown = [(r[0], r[1], r[2] or r[3], r[3] if r[2] else None, r[5], r[7], r[9], r[10], r[11], r[12]) for r in listed]
    columns = (
        "workspace",
        "project",
        "key",
        "masked",
        "state",
        "last used",
        "calls",
        "tokens",
        "cost",
        "attributed by",
    )
    show_rows("API keys, last 30 days", columns, shown, right=("calls", "tokens", "cost"))
    per_cent = [(r[0], r[1], r[2], f"{r[3]:.0%}", *r[4:]) for r in rates]
    told = ("workspace", "project", "API calls", "attributed", *_RATE_COLUMNS[4:])
    show_rows("How many API calls are attributed to a key", told, per_cent, right=told[2:])
