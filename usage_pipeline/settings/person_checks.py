"""Whether people of approvals.people can be told apart, and their recipients are there."""

from collections.abc import Iterator

from usage_pipeline.settings.model import Settings
from usage_pipeline.settings.yaml_positions import Path

Found = tuple[Path, str, str, str]  # path, value, message, fix


def person_findings(settings: Settings) -> Iterator[Found]:
    """Returns each way in which two people would be known, and each recipient that is none."""
    seen: dict[tuple[str, str], str] = {}
    for person, described in settings.approvals.people.items():
        for way in ("recipients", "accounts", "headers"):
            for position, name in enumerate(getattr(described, way)):
                path: Path = ("approvals", "people", person, way, position)
                if way == "recipients" and name not in settings.recipients:
                    yield path, name, "is not a recipient", "add it under `recipients:`"
                other = seen.setdefault((way, name), person)
                if other != person:
                    yield path, name, f"is how approvals.people.{other} is known", "leave it to one of them"
