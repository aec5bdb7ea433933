"""The configuration's JSON Schema, for editors that complete and check while one writes."""

import json
import sys

from usage_pipeline.settings.environment import project_dir
from usage_pipeline.settings.model import Settings


def json_schema() -> dict[str, object]:
    """The schema of the configuration file."""
    schema = Settings.model_json_schema(by_alias=True, mode="validation")
    rate = {"type": "object", "additionalProperties": {"type": ["number", "string"]}}
    schema["properties"]["exchange_rates"] = {"anyOf": [rate, {"type": "array", "items": rate}]}
    for part in schema.get("$defs", {}).values():
        for name, described in part.get("properties", {}).items():
            if name in _ONE_OR_MANY and described.get("type") == "array":
                part["properties"][name] = {"anyOf": [{"type": "string"}, described]}
    return schema


_ONE_OR_MANY = ("to", "notify", "fallback", "recipients", "mention", "mobiles")


def main(check: bool) -> int:
    """Writes config/usage_pipeline.schema.json, or only says whether it is what the model says."""
    target = project_dir() / "config" / "usage_pipeline.schema.json"
    text = json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"
    if not check:
        target.write_text(text, encoding="utf-8")
        return 0
    if target.exists() and target.read_text(encoding="utf-8") == text:
        return 0
    sys.stderr.write(f"{target} is out of date: run python -m usage_pipeline.settings.schema\n")
    return 1


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv[1:]))
