"""The web page of ours and the answers to machines: where it is found, who is believed, how long a link works."""

from ipaddress import ip_address, ip_network
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from usage_pipeline.settings.recipients import Endpoint, VariableName
from usage_pipeline.settings.values import Names, StrictModel


def _listen(value: str) -> str:
    host, _, port = value.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        raise ValueError("is not an address to listen on; write host:port such as 127.0.0.1:8080 or [::]:8080")
    return value


def _network(value: str) -> str:
    try:
        return str(ip_network(value, strict=False))
    except ValueError:
        raise ValueError("is not an address or network; write 10.0.0.5 or 10.0.0.0/24") from None


class MachineToken(StrictModel):
    """Who asks by program: the variable that holds the token, a secret, and the one tenant it may see (name or id).

    Without a tenant it sees every budget, and the measurements at /metrics.
    """

    secret_env: VariableName
    tenant: str | None = None


class Web(StrictModel):
    """Nothing is served, and no message holds a link, unless this is in the file."""

    public_url: Endpoint
    listen: Annotated[str, AfterValidator(_listen)] = "127.0.0.1:8080"
    link_hours: Annotated[int, Field(ge=1, le=24 * 31)] = 72
    trusted_header: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9-]{1,63}$")] | None = None
    trusted_proxies: Annotated[tuple[Annotated[str, AfterValidator(_network)], ...], Field()] = ()
    tokens: dict[str, MachineToken] = Field(default={})
    dify_url: Endpoint | None = None  # the console that people use: an app is linked to
    dagster_url: Endpoint | None = None

    @model_validator(mode="after")
    def _trusts_both_or_neither(self) -> Self:
        if self.trusted_header and not self.trusted_proxies:
            raise ValueError(
                "has a trusted_header that anybody could write; add trusted_proxies: [the address of the proxy]"
            )
        if self.trusted_proxies and not self.trusted_header:
            raise ValueError(
                "has trusted_proxies for no header; add trusted_header: X-Forwarded-User, or leave both out"
            )
        return self

    @property
    def host(self) -> str:
        """Returns the address to listen on, without its port."""
        return self.listen.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        """Returns the port to listen on."""
        return int(self.listen.rpartition(":")[2])

    def trusts(self, address: str) -> bool:
        """Returns whether a header from this address is believed."""
        try:
            found = ip_address(address)
        except ValueError:
            return False
        return any(found in ip_network(network) for network in self.trusted_proxies)


class Person(StrictModel):
    """How one person is known: the recipients whose links are theirs alone, accounts of the shell, names in the header.

    A person who is described is known in these ways only.
    """

    recipients: Names = ()
    accounts: Names = ()
    headers: Names = ()
