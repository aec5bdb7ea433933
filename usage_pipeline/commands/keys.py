"""`usage-pipeline keys`: the API keys, what they were used for, and how sure it is which key called."""

from usage_pipeline.commands.context import open_context
from usage_pipeline.commands.output import AsJson, for_people, print_json, show_rows
from usage_pipeline.usage.api_keys import key_attribution, key_usage

_SHOWN = ("workspace", "project", "key", "masked", "state", "last used", "calls", "tokens", "cost", "attributed by")
_WAYS = ("exact", "sole", "observed", "declared", "shared")


@for_people
def keys(as_json: AsJson = False) -> None:
    """List API keys with their use of the last 30 days, and per project the share of API calls attributed to a key."""
    with open_context() as (connection, _):
        listed, rates = key_usage(connection), key_attribution(connection)
    if as_json:
        print_json({"keys": listed, "attribution": rates})
        return
    shown = [
        (
            key.tenant,
            key.project,
            key.name or key.masked,
            key.masked if key.name else None,
            key.state,
            key.last_used_at,
            key.calls,
            key.tokens,
            key.cost,
            key.told_by,
        )
        for key in listed
    ]
    show_rows("API keys, last 30 days", _SHOWN, shown, right=("calls", "tokens", "cost"))
    parts = [(r.tenant, r.project, r.calls, f"{r.rate:.0%}", *(getattr(r, way) for way in _WAYS)) for r in rates]
    columns = ("workspace", "project", "API calls", "attributed", *_WAYS)
    show_rows("How many API calls are attributed to a key", columns, parts, right=columns[2:])
