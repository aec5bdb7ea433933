"""The dashboard's queries, with Grafana's macros filled in for March 2026."""

import json
import re
from pathlib import Path

_MACRO = re.compile(r"\$__timeFilter\(([^()]+(?:\([^()]*\))?[^()]*)\)")


def queries(folder: Path) -> dict[str, str]:
    """Each panel's SQL by its title."""
    panels = json.loads((folder / "dashboard.json").read_text(encoding="utf-8"))["panels"]
    return {
        panel["title"]: _MACRO.sub(r"\1 BETWEEN '2026-02-20T00:00:00Z' AND '2026-04-01T00:00:00Z'", target["rawSql"])
        for panel in panels
        for target in panel["targets"]
    }
