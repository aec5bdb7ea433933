"""What a recipient may see of an alert: a tenant's own recipients get no project, caller or node of another tenant."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from usage_pipeline.settings import Settings
from usage_pipeline.settings.model import OWNER

# Callers, projects and nodes are somebody's; a model's name is known to whoever used it, too.
_OWNED = ("callers", "projects", "nodes")
_TOPS = ("top", "top_in_period")
_OTHERS = {"zh": "其他工作空间", "en": "other workspaces"}


def tenants_of(settings: Settings, recipient: str) -> set[str]:
    """Returns the names or ids of the tenants whose recipient it is."""
    return {rule.tenant for rule in settings.tenants if recipient in rule.recipients}


def sees_all(settings: Settings, recipient: str, budget_id: str | None = None) -> bool:
    """Returns whether a recipient is an operator, or is named by a tier itself, or belongs to no tenant."""
    alerting = settings.alerting
    if not tenants_of(settings, recipient) or recipient in (*alerting.ops, *alerting.escalate_to, *alerting.fallback):
        return True
    budget = next((budget for budget in settings.budgets if budget.id == budget_id), None)
    tiers = settings.tiers_of(budget) if budget else ()
    return any(recipient in (*tier.notify, *tier.fallback) and recipient != OWNER for tier in tiers)


def facts_for(settings: Settings, recipient: str, facts: Mapping[str, object], language: str) -> Mapping[str, object]:
    """Returns an alert's facts as they stand in usage.alert, cut to what the recipient may see.

    What is another tenant's is summed up without its name; the names of other recipients are left out.
    """
    budget_id = facts.get("budget_id")
    everything = sees_all(settings, recipient, str(budget_id) if budget_id else None)
    own = None if everything else tenants_of(settings, recipient)
    found = dict(facts)
    for key in _TOPS:
        if isinstance(facts.get(key), Mapping):
            found[key] = _top(facts[key], own, _OTHERS.get(language, _OTHERS["en"]))
    if own is not None:
        found |= {key: [recipient] for key in ("recipients",) if key in facts}
        found |= {key: [] for key in ("fallback",) if key in facts}
    if "dry_run_apps" in facts:
        found["dry_run_apps"] = [app.get("project") for app in _seen(facts["dry_run_apps"], own)]
    if isinstance(ended := facts.get("ended"), Mapping):
        found["ended"] = {**ended, **{key: _seen(ended.get(key), own) for key in ("undone", "still")}}
    return found


def _seen(listed: object, own: set[str] | None) -> list[Mapping[str, object]]:
    """What was done, or only rehearsed, at apps that the recipient may see."""
    each = [entry for entry in listed if isinstance(entry, Mapping)] if isinstance(listed, list | tuple) else []
    return [entry for entry in each if own is None or _is_of(entry, own)]


def _top(top: Any, own: set[str] | None, others: str) -> dict[str, object]:
    return {
        str(kind): _shares(shares, own, others, shared=kind not in _OWNED) if isinstance(shares, list | tuple) else []
        for kind, shares in top.items()
    }


def _shares(shares: Sequence[object], own: set[str] | None, others: str, *, shared: bool) -> list[object]:
    """Whose a share is stays in the row: no message needs it. What is ``shared`` may be others' as well."""
    listed = [share for share in shares if isinstance(share, Mapping)]
    seen = [share for share in listed if own is None or _is_of(share, own, shared=shared)]
    hidden = [share for share in listed if not (own is None or _is_of(share, own, shared=shared))]
    shown: list[object] = [{key: part for key, part in share.items() if key != "tenants"} for share in seen]
    if hidden:
        known = ("tokens", "cost", "share", *(("calls",) if any("calls" in share for share in hidden) else ()))
        shown.append({"name": others, **{key: _sum(hidden, key) for key in known}})
    return shown


def _is_of(share: Mapping[str, object], own: set[str], *, shared: bool = False) -> bool:
    """Whether all of it is of these tenants, or some where it is shared; what does not say whose it is is nobody's."""
    tenants = share.get("tenants")
    if not isinstance(tenants, list | tuple) or not tenants:
        return False
    fitting = (isinstance(names, list | tuple) and bool(own & {str(name) for name in names}) for names in tenants)
    return any(fitting) if shared else all(fitting)


def _sum(shares: Sequence[Mapping[str, object]], key: str) -> str | None:
    amounts = [Decimal(str(share[key])) for share in shares if share.get(key) is not None]
    return f"{sum(amounts):f}" if amounts else None
