"""Two public classes of the package never share a name: who reads one name must not look up which is meant."""

import ast
from collections import defaultdict
from pathlib import Path

import usage_pipeline

# Pairs that are still to be told apart; this list only shrinks.
STILL_DOUBLE: frozenset[str] = frozenset()


def test_public_classes_have_names_of_their_own() -> None:
    package = Path(usage_pipeline.__file__).parent
    places: dict[str, list[str]] = defaultdict(list)
    for path in sorted(package.rglob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(str(path.relative_to(package)))
    double = {name: found for name, found in places.items() if len(found) > 1}
    assert not double.keys() - STILL_DOUBLE, double
