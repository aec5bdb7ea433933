"""Reads environment variables, and keeps what is secret in them out of every text."""

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlsplit

_PROJECT = Path(__file__).resolve().parent.parent.parent


class MissingSecretError(Exception):
    """An environment variable that the configuration names is not set."""


def config_path() -> Path:
    """The configuration file: USAGE_PIPELINE_CONFIG, else config/usage_pipeline.yaml of the project."""
    given = os.environ.get("USAGE_PIPELINE_CONFIG")
    if given:
        return Path(given)
    beside = _PROJECT / "config" / "usage_pipeline.yaml"
    return beside if beside.exists() else Path(__file__).resolve().parent.parent / "_config" / "usage_pipeline.yaml"


def home_dir() -> Path:
    """Where the embedded server and reports live: USAGE_PIPELINE_HOME, else .usage_pipeline of the project."""
    given = os.environ.get("USAGE_PIPELINE_HOME")
    return Path(given) if given else _PROJECT / ".usage_pipeline"


def project_dir() -> Path:
    """The folder that holds pyproject.toml, workspace.yaml and dagster.yaml."""
    return _PROJECT


def secret(name: str, needed_by: str) -> str:
    """The variable's value. Raises MissingSecretError that says who needs it."""
    value = os.environ.get(name, "")
    if not value:
        raise MissingSecretError(f"the environment variable {name} is not set; {needed_by} needs it")
    return value


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
