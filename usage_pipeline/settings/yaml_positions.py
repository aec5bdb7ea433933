"""Reads YAML so that each value knows its line; refuses what a configuration has no use for."""

import re
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation

import yaml

MOST_BYTES = 1024 * 1024
_MOST_DEPTH = 30
# Thousands of budgets have fewer; each is an object of a few hundred bytes.
_MOST_VALUES = 200_000
# Longer ones are read as text, which is no number: nobody counts so far, and arithmetic with them takes for ever.
_LONGEST_NUMBER, _LARGEST_EXPONENT = 60, 40
# What no table, message or file can hold; a quoted text can write it as \0, \e or \ud83d.
_UNKEPT = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
Path = tuple[str | int, ...]


class YamlError(Exception):
    """Something in the text that is not accepted; with the line and what to do."""

    def __init__(self, line: int, field_name: str, value: str, message: str, fix: str) -> None:
        super().__init__(message)
        self.line, self.field_name, self.value, self.message, self.fix = line, field_name, value, message, fix


@dataclass
class Document:
    """The values of a YAML text and the line on which each stands."""

    value: object
    lines: dict[Path, int] = field(default_factory=dict)

    def line_of(self, path: Path) -> int:
        """The line of the value, or of the nearest thing around it."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


def read_yaml(data: bytes) -> Document:
    """The one mapping in the text. Raises YamlError; numbers stay exact (Decimal), dates and times stay text."""
    if len(data) > MOST_BYTES:
        raise YamlError(1, "", "", f"the file has {len(data)} bytes, more than 1 MiB", "is this the right file?")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise YamlError(line, "", "", "the file is not UTF-8 text", "save it as UTF-8") from None
    _refuse_tabs(text)
    _refuse_crowds(text)
    try:
        nodes = list(yaml.compose_all(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))
    except yaml.MarkedYAMLError as error:
        raise _syntax_problem(error) from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise YamlError(1, "", "", "this is not YAML", f"check it with a YAML editor ({error})") from None
    if not nodes or nodes[0] is None:
        raise YamlError(1, "", "", "the file is empty", "start from config/usage_pipeline.yaml of the project")
    if len(nodes) > 1:
        raise YamlError(_line(nodes[1]), "", "---", "a second document begins here", "keep one document in the file")
    if not isinstance(nodes[0], yaml.MappingNode):
        raise YamlError(_line(nodes[0]), "", "", "the file must be a mapping", "start it with `version: 1`")
    document = Document(None)
    document.value = _plain(nodes[0], (), document.lines, set())
    return document


def _refuse_tabs(text: str) -> None:
    for number, line in enumerate(text.splitlines(), 1):
        indent = line[: len(line) - len(line.lstrip())]
        if "\t" in indent:
            raise YamlError(number, "", "", "a tab stands in the indentation", "indent with spaces")


def _refuse_crowds(text: str) -> None:
    """Refuses a text of very many values, before an object is made of each."""
    if text.count(",") + text.count("\n") + text.count("[") + text.count("{") > _MOST_VALUES:
        raise YamlError(1, "", "", f"the file has more than {_MOST_VALUES:,} values", "is this the right file?")


def _syntax_problem(error: yaml.MarkedYAMLError) -> YamlError:
    mark = error.problem_mark or error.context_mark
    words = str(error.problem or "this is not YAML")
    if "undefined alias" in words or "duplicate anchor" in words:
        return YamlError(mark.line + 1 if mark else 1, "", "", "an alias (*name) is used", "write the value out")
    return YamlError(mark.line + 1 if mark else 1, "", "", f"this is not YAML: {words}",
                       "check indentation, colons and quotes around this line")  # fmt: skip


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _plain(node: yaml.Node, path: Path, lines: dict[Path, int], seen: set[int]) -> object:
    name = dotted(path)
    lines[path] = _line(node)
    if node.tag and not node.tag.startswith("tag:yaml.org,2002:"):
        raise YamlError(_line(node), name, node.tag, "a YAML tag is not accepted", "remove the tag")
    if id(node) in seen:
        # The same node twice is an alias of an anchor: a few lines of them can stand for gigabytes.
        raise YamlError(_line(node), name, "*", "anchors and aliases are not accepted", "write the value out")
    seen.add(id(node))
    if len(path) > _MOST_DEPTH:
        raise YamlError(_line(node), name, "", "the file is nested too deeply", "flatten it")
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, path, lines, seen)
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item, (*path, position), lines, seen) for position, item in enumerate(node.value)]
    if isinstance(node, yaml.ScalarNode):
        _kept(node, name)
    return _scalar(node) if isinstance(node, yaml.ScalarNode) else None


def _mapping(node: yaml.MappingNode, path: Path, lines: dict[Path, int], seen: set[int]) -> dict[str, object]:
    found: dict[str, object] = {}
    for key_node, value_node in node.value:
        if not isinstance(key_node, yaml.ScalarNode):
            raise YamlError(_line(key_node), dotted(path), "", "a key must be a word", "write `name: value`")
        key = _kept(key_node, dotted(path))
        if key == "<<" or key_node.tag.endswith(":merge"):
            raise YamlError(_line(key_node), dotted(path), key, "merge keys are not accepted", "write the values out")
        if key in found:
            raise YamlError(_line(key_node), dotted((*path, key)), "", "stands here twice", "keep one of them")
        found[key] = _plain(value_node, (*path, key), lines, seen)
        lines[(*path, key)] = _line(key_node)
    return found


def _kept(node: yaml.ScalarNode, field_name: str) -> str:
    text = str(node.value)
    found = _UNKEPT.search(text)
    if found:
        line, shown = _line(node), ascii(found[0])[1:-1]
        raise YamlError(line, field_name, shown, "is a character that cannot be seen or kept", "write plain text")
    return text


def _scalar(node: yaml.ScalarNode) -> object:
    text = str(node.value)
    if node.style in ("'", '"', "|", ">") or node.tag.endswith(":str"):
        return text
    if node.tag.endswith(":null"):
        return None
    if node.tag.endswith(":bool") and text.lower() in ("true", "false"):
        return text.lower() == "true"
    if node.tag.endswith((":int", ":float")):
        return _number(text)
    return text


def _number(text: str) -> object:
    """The number as written; YAML's octal, sexagesimal and infinite forms stay text, nobody means them."""
    try:
        number = Decimal(text.replace("_", ""))
    except InvalidOperation:
        return text
    if not number.is_finite() or len(text) > _LONGEST_NUMBER or abs(number.adjusted()) > _LARGEST_EXPONENT:
        return text
    if text.lstrip("+-").startswith("0") and len(text.lstrip("+-")) > 1 and "." not in text:
        return text
    return int(number) if "." not in text and "e" not in text.lower() else number


def dotted(path: Path) -> str:
    """``("budgets", 2, "limit")`` as ``budgets[2].limit``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else (f".{part}" if text else str(part))
    return text
