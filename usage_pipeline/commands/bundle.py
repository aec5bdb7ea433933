"""Writes what somebody who helps wants to see into one file, and nothing that is secret."""

import os
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import distributions
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import psycopg

from usage_pipeline.commands.doctor_finding import DoctorFinding
from usage_pipeline.commands.status_facts import gather
from usage_pipeline.commands.visible import as_json
from usage_pipeline.inputs import InputError
from usage_pipeline.settings import Settings
from usage_pipeline.settings.env_file import env_file
from usage_pipeline.settings.environment import MissingSecretError, config_path, redact, variable
from usage_pipeline.settings.last_valid import settings_to_load
from usage_pipeline.settings.load import SettingsError
from usage_pipeline.warehouse.connection import connected
from usage_pipeline.warehouse.location import dagster_home, url_if_running
from usage_pipeline.warehouse.rows import rows
from usage_pipeline.warehouse.statements import statement

_LOG_BYTES = 1_000_000
_SEALED = 0o600
_ALWAYS = ("WAREHOUSE_URL", "DAGSTER_POSTGRES_URL", "DIFY_DATABASE_URL")


@dataclass(frozen=True)
class PassSeen:
    """A pass as it is on record; times aware UTC."""

    started_at: datetime
    finished_at: datetime | None
    held: bool | None
    error: str | None


def write_bundle(target: Path, findings: Sequence[DoctorFinding]) -> list[str]:
    """Writes the bundle, which only its owner can read; returns the names of what is in it.

    Every secret that the configuration names is taken out of every text. Raises InputError when the file is there.
    """
    if target.exists():
        raise InputError(f"there is {target} already; give --bundle another name")
    secrets = list(_secrets(_settings()))
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _SEALED)
    names = []
    with os.fdopen(descriptor, "wb") as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in _parts(findings):
            archive.writestr(name, redact(text, secrets))
            names.append(name)
    return names


def _parts(findings: Sequence[DoctorFinding]) -> Iterator[tuple[str, str]]:
    status = gather()
    yield "doctor.json", as_json(findings)
    yield "status.json", as_json({"problems": status.problems, "versions": status.versions, "sources": status.sources})
    yield "packages.txt", "\n".join(sorted(f"{found.name}=={found.version}" for found in distributions())) + "\n"
    if config_path().is_file():
        yield "usage_pipeline.yaml", config_path().read_text(encoding="utf-8", errors="replace")
    yield "passes.json", as_json(_passes())
    log = dagster_home() / "dagster.log"
    if log.is_file():
        with log.open("rb") as file:
            file.seek(max(file.seek(0, os.SEEK_END) - _LOG_BYTES, 0))
            yield "dagster.log", file.read().decode("utf-8", "replace")


def _passes() -> list[PassSeen]:
    try:
        url = url_if_running()
        if url is None:
            return []
        with connected(url) as connection:
            return rows(connection, PassSeen, statement("warehouse/passes"))
    except (psycopg.Error, MissingSecretError):
        return []  # what is wrong with the warehouse stands in doctor.json


def _settings() -> Settings | None:
    try:
        return settings_to_load(config_path())
    except SettingsError:
        return None


def _secrets(settings: Settings | None) -> Iterator[str]:
    """Values of every variable that the configuration names, and of those in .env, with their parts."""
    names = set(_ALWAYS)
    if settings is not None:
        names |= set(_named(settings.model_dump()))
    path = env_file(config_path())
    if path is not None:
        names |= {
            line.partition("=")[0].removeprefix("export ").strip() for line in path.read_text("utf-8").splitlines()
        }
    for name in names:
        try:
            value = variable(name) if name.isidentifier() else ""
        except MissingSecretError:
            continue
        if value:
            yield value
            yield from _parts_of_url(value)


def _named(document: Any) -> Iterator[str]:
    """The names of variables anywhere in a configuration: texts under keys that end with _env."""
    if isinstance(document, dict):
        for key, value in document.items():
            if str(key).endswith("_env") and isinstance(value, str):
                yield value
            else:
                yield from _named(value)
    elif isinstance(document, list | tuple):
        for value in document:
            yield from _named(value)


def _parts_of_url(value: str) -> Iterator[str]:
    try:
        parts = urlsplit(value)
        asked = [text for _, text in parse_qsl(parts.query)]
        found = [parts.password or "", unquote(parts.password or ""), *asked, *parts.path.split("/")]
    except ValueError:
        return
    yield from (part for part in found if len(part) >= 12 or part == parts.password)
