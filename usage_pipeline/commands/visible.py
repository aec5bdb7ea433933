"""Text of others on its way to a terminal or a file: what steers one, or cannot be seen, is written out."""

import json
import re
import sys
from dataclasses import asdict, is_dataclass
from datetime import date
from decimal import Decimal

# Controls, marks without a shape of their own (among them those that turn the direction of writing), line ends that are
# none to most programs, and halves of surrogate pairs: the categories Cc, Cf, Zl, Zp and Cs.
_HIDDEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b-\u200f\u2028-\u202e"
    "\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff\U000110bd\U000110cd\U00013430-\U0001343f"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0001\U000e0020-\U000e007f]"
)
_LINE_ENDS = re.compile(r"\r\n|[\n\r\t]")


def visible(text: str) -> str:
    r"""Returns the text with each hidden character as its escape (``\x1b``, ``\u202e``), but line ends and tabs."""
    return _HIDDEN.sub(lambda found: found[0] if found[0] in "\n\t" else _escape(ord(found[0])), text)


def one_line(text: str) -> str:
    """Returns the same on one line: a name that holds a line end must not look like a line of ours."""
    return visible(_LINE_ENDS.sub(" ", text))


def as_json(value: object, *, indent: int | None = 2) -> str:
    r"""Returns a JSON document: money exact as text, times ISO 8601, hidden characters as ``\u009b``."""
    text = json.dumps(value, default=_as_plain, ensure_ascii=not _takes_all_letters(), indent=indent)
    # Within texts JSON writes line ends out by itself: those that stand here are between its own lines.
    return _HIDDEN.sub(lambda found: found[0] if found[0] == "\n" else json.dumps(found[0])[1:-1], text)


def _as_plain(value: object) -> object:
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, date):
        return value.isoformat()
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    return str(value)


def _escape(code: int) -> str:
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _takes_all_letters() -> bool:
    """Whether standard output can hold any letter; else JSON has an escape for each."""
    return (getattr(sys.stdout, "encoding", None) or "utf-8").lower().replace("-", "").startswith("utf")
