"""The embedded PostgreSQL's port for tenants' readers, who come with a password; without it nothing listens."""

from ipaddress import ip_address
from typing import Annotated

from pydantic import AfterValidator, Field

from usage_pipeline.settings.values import StrictModel


def _address(value: str) -> str:
    try:
        return str(ip_address(value.strip("[]")))
    except ValueError:
        raise ValueError("is not an address to listen on; write 127.0.0.1, or an address of this machine") from None


class Embedded(StrictModel):
    """Where the embedded server listens for logins of readers; the account that owns it needs no port."""

    port: Annotated[int, Field(ge=1024, le=65535)]
    listen: Annotated[str, AfterValidator(_address)] = "127.0.0.1"

    def __str__(self) -> str:
        host = f"[{self.listen}]" if ":" in self.listen else self.listen
        return f"{host}:{self.port}"
