"""A row of a completion log as it is staged: figures as text, a key as a fingerprint and a mask."""

import hashlib
import math
import re
import uuid
from collections.abc import Mapping
from datetime import datetime, tzinfo
from decimal import Decimal

from usage_pipeline.sources.completion_logs.times import moment_of
from usage_pipeline.sources.node_json import plain_text

# What is longer is no name: a column mapped by mistake must not bring texts of users along.
_LONGEST_NAME = 200
_SECRET_PREFIX = re.compile(r"^(bearer\s+)?([a-z]{2,8}[-_])*", re.IGNORECASE)
_SHORTEST_SHOWN = 20
_LONGEST_KEY_NAME = 40
_LONGEST_ID = 500
UNNAMED = "(unnamed)"

StagedRow = tuple[
    str | None, datetime | None, str, str, str, str | None, str | None, str | None, str | None, str | None,
    str | None, str | None, str | None, str | None, str | None,
]  # fmt: skip


def staged_row(source_id: str, values: Mapping[str, object], zone: tzinfo, currency: str) -> StagedRow:
    """Returns the columns of stage_log, in their order. ``values``: what the log says, by our word for it."""
    name = {word: name_of(value) for word, value in values.items()}
    tenant = (name["tenant"] or UNNAMED) if "tenant" in values else source_id
    app = (name["app"] or UNNAMED) if "app" in values else source_id
    status = name.get("status")
    return (
        id_of(values["id"]),
        moment_of(values["created_at"], zone),
        tenant,
        # Two workspaces may each have a project of the same name.
        f"{tenant}/{app}" if "tenant" in values else app,
        app,
        key_id_of(source_id, values),
        key_shown(values),
        name.get("user"),
        name.get("provider"),
        name.get("model"),
        text_of(values["input_tokens"]),
        text_of(values["output_tokens"]),
        text_of(values.get("cost")),
        (name.get("currency") or currency).upper(),
        status.lower() if status else None,
    )


def text_of(value: object) -> str | None:
    """Returns a value as exact text: numbers by all their digits, never through binary fractions."""
    if value is None:
        return None
    if isinstance(value, float):
        value = Decimal(repr(value)) if math.isfinite(value) else "not a number"
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, bytes | bytearray | memoryview):
        raw = bytes(value)
        try:
            return _clean(raw.decode())
        except UnicodeDecodeError:
            return str(uuid.UUID(bytes=raw)) if len(raw) == 16 else raw.hex()
    return _clean(str(value))


def id_of(value: object) -> str | None:
    """Returns an id as text; one that is too long for an index keeps its beginning and a fingerprint of it all."""
    text = text_of(value)
    if text is None or len(text) <= _LONGEST_ID:
        return text
    return f"{text[:100]}…sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def name_of(value: object) -> str | None:
    """Returns a value as a name: short, on one line; nothing for nothing."""
    text = text_of(value)
    return (" ".join(text.split())[:_LONGEST_NAME] or None) if text else None


def key_id_of(source_id: str, values: Mapping[str, object]) -> str | None:
    """Returns what stands for a key in the warehouse: it cannot be turned back, and is the same for the same key."""
    secret = text_of(values.get("key")) or text_of(values.get("key_name"))
    if not secret:
        return None
    return "sha256:" + hashlib.sha256(f"{source_id}\0{secret}".encode()).hexdigest()[:32]


def key_shown(values: Mapping[str, object]) -> str | None:
    """What people see of a key: its name, else at most the first and last four characters of the secret part."""
    named = name_of(values.get("key_name"))
    if named:
        return _masked(named) if _looks_secret(named) else named
    secret = text_of(values.get("key"))
    return _masked(secret) if secret else None


def _looks_secret(name: str) -> bool:
    return len(name) > _LONGEST_KEY_NAME or name.lower().startswith(("sk-", "app-", "bearer ", "dataset-"))


def _masked(secret: str) -> str:
    part = _SECRET_PREFIX.sub("", secret)
    if len(part) >= _SHORTEST_SHOWN:
        return f"{part[:4]}…{part[-4:]}"
    # Too short to show any of it; a piece of its fingerprint tells two apart.
    return "…#" + hashlib.sha256(secret.encode()).hexdigest()[:6]


def _clean(text: str) -> str | None:
    return plain_text(text).strip() or None
