"""The configuration's JSON Schema, for editors that complete and check while one writes."""

import json

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


_ONE_OR_MANY = ("to", "notify", "fallback", "recipients")

if __name__ == "__main__":
    target = project_dir() / "config" / "usage_pipeline.schema.json"
    target.write_text(json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
