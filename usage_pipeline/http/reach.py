"""Connects to a web address and looks at its certificate, and asks it nothing: what can be known without sending."""

import os
import socket
import ssl
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from usage_pipeline.http.addresses import PrivateAddressError, checked_peer

_TIMEOUT_S = 5.0


class UnreachedError(Exception):
    """An address cannot be connected to; the text says why in words and holds no URL."""


def reach(url: str, *, public_only: bool) -> str:
    """Returns what was found at ``http(s)://…``, with its host and port and nothing else of the URL.

    Raises UnreachedError.
    """
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    if _by_proxy(url):
        return f"{host} is reached through a proxy: only a message shows whether it answers (--send)"
    try:
        with socket.create_connection((host, port), timeout=_TIMEOUT_S) as connection:
            if public_only:
                checked_peer(connection)
            if parts.scheme != "https":
                return f"{host}:{port} takes connections"
            with _context().wrap_socket(connection, server_hostname=host):
                return f"{host}:{port} takes connections, its certificate is trusted"
    except PrivateAddressError:
        raise UnreachedError(f"{host} is a private address; set allow_private: true if that is meant") from None
    except ssl.SSLCertVerificationError as error:
        raise UnreachedError(f"the certificate of {host}:{port} is not trusted here ({error.verify_message})") from None
    except ssl.SSLError:
        raise UnreachedError(f"{host}:{port} speaks no TLS that is known here; look at the address") from None
    except socket.gaierror:
        raise UnreachedError(
            f"there is no host {host}; look at the address, or at this machine's name server"
        ) from None
    except TimeoutError:
        raise UnreachedError(f"{host}:{port} does not answer in {_TIMEOUT_S:.0f} s; look at the firewall") from None
    except OSError as error:
        said = error.strerror or type(error).__name__
        raise UnreachedError(f"{host}:{port} takes no connection ({said}); look at the address") from None


def _by_proxy(url: str) -> bool:
    from requests.utils import get_environ_proxies  # noqa: PLC0415  (slow to import)

    return bool(get_environ_proxies(url))


def _context() -> ssl.SSLContext:
    """Trusts whom sending trusts: the authorities of requests (certifi), or those of REQUESTS_CA_BUNDLE."""
    from requests.utils import DEFAULT_CA_BUNDLE_PATH  # noqa: PLC0415  (slow to import)

    given = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or DEFAULT_CA_BUNDLE_PATH
    context = ssl.create_default_context()
    with suppress(OSError):
        if Path(given).is_dir():
            context.load_verify_locations(capath=given)
        else:
            context.load_verify_locations(cafile=given)
    return context
