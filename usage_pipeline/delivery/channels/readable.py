"""Writes a body as people read it: long texts over several lines."""

from collections.abc import Mapping
from typing import Any

import yaml


class _Dumper(yaml.SafeDumper):
    """Texts with line breaks stand as blocks."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def readable(body: Mapping[str, Any]) -> str:
    """The body as YAML, its keys in their order."""
    return str(yaml.dump(body, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=10_000)).rstrip("\n")
