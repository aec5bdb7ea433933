"""Who opens a page: the recipient that the link was made for, or whom the SSO proxy names; and what they may see."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from usage_pipeline.alerts.recipient_view import sees_all, tenants_of
from usage_pipeline.alerts.recipients import TenantName
from usage_pipeline.links import Deed, Link, read_link
from usage_pipeline.settings import Settings
from usage_pipeline.settings.approvals import KnownBy
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.rows import row, value_or_none
from usage_pipeline.warehouse.statements import statement

_LONGEST_NAME = 200


class NotYoursError(Exception):
    """What was asked for is not of the recipient whose link it is."""


@dataclass(frozen=True)
class Visit:
    """Somebody at a page: whose link it is, who they are, how that is known, and in which language they read."""

    token: str
    link: Link
    person: str
    known_by: KnownBy
    language: str

    @property
    def deed(self) -> Deed:
        """Returns what the link was made for."""
        return self.link.deed


def visit_of(settings: Settings, token: str, address: str, headers: Sequence[str], language: str | None) -> Visit:
    """Returns who opens the link. Raises LinkError, LinkExpiredError.

    ``address`` is of who connects to us, ``headers`` the values of the trusted header that came: none but one counts.
    """
    link = read_link(settings, token)
    known = settings.recipients[link.recipient].language or settings.language
    spoken = language if language in ("zh", "en") else known
    name = named_by_proxy(settings, address, headers)
    if name:
        person = settings.approvals.person(KnownBy.HEADER, name)
        return Visit(token, link, person, KnownBy.HEADER, spoken)
    person = settings.approvals.person(KnownBy.LINK, link.recipient)
    return Visit(token, link, person, KnownBy.LINK, spoken)


def named_by_proxy(settings: Settings, address: str, headers: Sequence[str]) -> str | None:
    """Returns the name that a trusted proxy says; None when there is no such proxy, or it says none or several."""
    web = settings.web
    if web is None or not web.trusted_header or not web.trusts(address) or len(headers) != 1:
        return None
    name = headers[0].strip()
    return name if name.isprintable() and 0 < len(name) <= _LONGEST_NAME else None


@dataclass(frozen=True)
class Sight:
    """What a recipient may see: everything, or what lies in tenants of theirs (by names or ids)."""

    everything: bool
    tenants: frozenset[str]

    def sees(self, tenant: TenantName | None) -> bool:
        """Returns whether what lies in this tenant is for their eyes; what lies in none is for those who see all."""
        return self.everything or (tenant is not None and bool(self.tenants & {tenant.tenant_id, tenant.name}))


def sight_of(settings: Settings, recipient: str, budget_id: str | None) -> Sight:
    """Returns what the recipient of an alert of a budget may see."""
    return Sight(sees_all(settings, recipient, budget_id), frozenset(tenants_of(settings, recipient)))


def must_be_theirs(connection: Connection, link: Link) -> None:
    """Raises NotYoursError when the alert was not sent to the recipient of the link."""
    query = "SELECT 1 FROM usage.delivery WHERE alert_id = %s AND recipient = %s LIMIT 1"
    if value_or_none(connection, int, query, [link.alert_id, link.recipient]) is None:
        raise NotYoursError


def tenant_of_value(connection: Connection, budget_id: str, scope_value: str) -> TenantName | None:
    """Returns the tenant that a budget's value lies in; None when it lies in none or several."""
    parameters = {"budget_id": budget_id, "scope_value": scope_value}
    return row(connection, TenantName, statement("alerts/tenant_of_budget"), parameters)


def tenant_of_scope(connection: Connection, scope: Mapping[str, object]) -> TenantName | None:
    """Returns the tenant that the ids of a value name; None when they name none."""
    query = "SELECT tenant_id, name FROM usage.tenant WHERE source = %s AND tenant_id = %s"
    return row(connection, TenantName, query, [scope.get("source"), scope.get("tenant_id")])
