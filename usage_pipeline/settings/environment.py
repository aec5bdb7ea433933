"""Reads environment variables, and keeps what is secret in them out of every text."""

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlsplit

from usage_pipeline.settings.places import default_configuration, default_home, shipped

_LARGEST_SECRET = 64 * 1024
# What stands around a value without being of it: blanks, line breaks, the mark by which editors begin a file, and what
# chats and pages put into what is copied from them.
_AROUND = " \t\r\n\v\f\x85\xa0\u2028\u2029\u3000\ufeff\u200b\u200c\u200d\u200e\u200f\u2060"


class MissingSecretError(Exception):
    """An environment variable that the configuration names is not set, or its file cannot be read."""


def config_path() -> Path:
    """The configuration file, absolute: USAGE_PIPELINE_CONFIG, else usage_pipeline.yaml here or in the home."""
    given = os.environ.get("USAGE_PIPELINE_CONFIG")
    return Path(given).absolute() if given else default_configuration(home_dir())


def home_dir() -> Path:
    """Where the embedded server and reports live: USAGE_PIPELINE_HOME, else .usage_pipeline of a checkout, else the
    user's data folder."""
    given = os.environ.get("USAGE_PIPELINE_HOME")
    return Path(given) if given else default_home()


def project_dir() -> Path:
    """The folder that holds dagster.yaml, workspace.yaml and config/: the checkout, or what a wheel carries of it."""
    return shipped("")


def run_page(run_id: str) -> str | None:
    """Returns the page of a run in Dagster's UI; None where nobody said where that is (`up` does)."""
    address = os.environ.get("USAGE_PIPELINE_UI_URL", "").strip().rstrip("/")
    return f"{address}/runs/{run_id}" if address else None


def variable(name: str) -> str:
    """Returns a variable's value, or what the file says that NAME_FILE names; empty when neither is set.

    Blanks, line breaks and marks that nobody sees are left off at the ends: editors, files and secret stores put them
    there, addresses and keys never have them.
    Raises MissingSecretError that says what is wrong with the file, or that both are set.
    """
    value, path = os.environ.get(name, ""), os.environ.get(f"{name}_FILE", "").strip()
    if value and path:
        raise MissingSecretError(f"both {name} and {name}_FILE are set; leave one of them out")
    return _tidy(_content(name, Path(path)) if path else value)


def is_untidy(name: str) -> bool:
    """Whether a variable has at its ends what is left off."""
    value = os.environ.get(name, "")
    return value != _tidy(value)


def _tidy(value: str) -> str:
    return value.strip(_AROUND)


def secret(name: str, needed_by: str) -> str:
    """Returns the variable's value. Raises MissingSecretError that says who needs it."""
    value = variable(name)
    if not value:
        raise MissingSecretError(f"the environment variable {name} is not set; {needed_by} needs it")
    return value


def _content(name: str, path: Path) -> str:
    try:
        if not path.is_file():
            raise MissingSecretError(f"{name}_FILE names {str(path)!r}, which is not a file")
        with path.open("rb") as file:
            data = file.read(_LARGEST_SECRET + 1)
        text = data.decode()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise MissingSecretError(f"{name}_FILE names {str(path)!r}, which cannot be read ({reason})") from None
    except UnicodeDecodeError:
        raise MissingSecretError(f"{name}_FILE names {str(path)!r}, which is no text in UTF-8") from None
    if len(data) > _LARGEST_SECRET:
        raise MissingSecretError(f"{name}_FILE names {str(path)!r}, which is larger than a secret can be")
    return text


def safe_url(url: str) -> str:
    """A URL as it may be shown: scheme, host and a short hash that tells two of them apart."""
    parts = urlsplit(url)
    digest = hashlib.sha256(url.encode()).hexdigest()[:8]
    return f"{parts.scheme}://{parts.hostname or '?'}/…{digest}"


def redact(text: str, secrets: Iterable[str]) -> str:
    """The text without the secrets, nor their parts that travel in URLs."""
    for value in sorted({s for s in secrets if len(s) >= 4}, key=len, reverse=True):
        text = text.replace(value, "[secret]")
    return text
