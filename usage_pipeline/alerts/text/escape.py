"""Makes names from outside harmless in each channel's markup, and cuts texts by bytes between characters."""

import re
import unicodedata
from collections.abc import Callable, Mapping
from functools import cache, lru_cache

LONGEST_NAME = 120
LONGEST_LINE = 600
# Robots' Markdown knows no escapes that hold everywhere: marks become their full-width look-alikes, which mean nothing.
_LOOK_ALIKES = {
    "`": "＇", "*": "＊", "[": "［", "]": "］", "<": "＜", ">": "＞", "@": "＠", "#": "＃", "&": "＆", "\\": "＼",
    "|": "｜", "~": "～", "{": "｛", "}": "｝", "$": "＄",
}  # fmt: skip
_EDGE_UNDERSCORE = re.compile(r"(?<![^\W_])_|_(?![^\W_])")
_EMOJI_CODE = re.compile(r":(?=[\w+'-]+:)")
_WWW = re.compile(r"(?i)www\.")

# What means something to each channel; the rest of a name stays as it is.
MARKS: Mapping[str, str] = {
    "wecom": "`*[]<>@#&\\|~",
    "text": "`*[]<>@#&\\|~",
    "dingtalk": "`*[]<>@#&\\|~",
    "lark": "`*[]<>@#&\\|~",
    "slack": "`*[]<>@#&\\|~",
    "teams": "`*[]<>@#&\\|~{}$",
    "apprise": "`*[]<>@#&\\|~{}$",
    "sms": "{}$",
}

_EMOJI_DIALECTS = ("slack", "apprise")

# How a dialect writes an address of ours so that it can be tapped; where none is named, apps find it by themselves.
_TAPPED = {
    "wecom": "[{0}]({0})",
    "dingtalk": "[{0}]({0})",
    "lark": "[{0}]({0})",
    "teams": "[{0}]({0})",
    "slack": "<{0}>",
}
# Nothing in such an address marks up anything, in any dialect.
_HARMLESS_URL = re.compile(r"https?://[A-Za-z0-9.:-]+(?:/[A-Za-z0-9./%=+-]*)?")


class OurUrl(str):
    """An address that this installation made itself, of the configuration: no escape touches it."""

    __slots__ = ()


def our_url(value: str | None) -> str:
    """Returns an address of ours as one that stays whole; what does not look like a plain one is a name like others."""
    if value is not None and len(value) <= LONGEST_LINE and _HARMLESS_URL.fullmatch(value):
        return OurUrl(value)
    return line(value)


def plain(value: object, most: int = LONGEST_NAME) -> str:
    """A name from outside as one harmless line: no control or direction marks, no line breaks, not too long."""
    return _plain("" if value is None else str(value)[: 4 * LONGEST_LINE], most)


@lru_cache(maxsize=4096)
def _plain(text: str, most: int) -> str:
    """The alerts of a group name the same things again and again."""
    kept = "".join(" " if c.isspace() else c for c in text if c.isspace() or unicodedata.category(c)[0] != "C")
    return one_line(kept, most)


def line(value: object) -> str:
    """A line's value, whose names are short already."""
    return value if isinstance(value, OurUrl) else plain(value, LONGEST_LINE)


def one_line(text: str, most: int) -> str:
    """A text without line breaks, for headers."""
    flat = " ".join(text.split())
    return flat if len(flat) <= most else flat[: most - 1] + "…"


@cache
def markup(dialect: str) -> Callable[[object], str]:
    """The escape of a dialect: nothing in a value can mark up, link, mention or be evaluated."""
    table = str.maketrans({mark: _LOOK_ALIKES[mark] for mark in MARKS[dialect]})

    def escape(value: object) -> str:
        if isinstance(value, OurUrl):
            return _TAPPED.get(dialect, "{0}").format(value)
        return harmless(line(value))

    @lru_cache(maxsize=1024)
    def harmless(name: str) -> str:
        """The alerts of a group name the same things again and again."""
        text = _WWW.sub("www．", name.replace("://", "：//")).translate(table)
        if dialect != "sms":
            # Inside a word an underscore means nothing to anyone, and names have many.
            text = _EDGE_UNDERSCORE.sub("＿", text)
        return _EMOJI_CODE.sub("：", text) if dialect in _EMOJI_DIALECTS else text

    return escape


def cut_bytes(text: str, most: int, note: str) -> str:
    """The text in at most so many bytes of UTF-8, cut between characters, with a note that it was cut."""
    data = text.encode()
    if len(data) <= most:
        return text
    return data[: max(0, most - len(note.encode()))].decode("utf-8", "ignore") + note


def cut_above(text: str, most: int, note: str) -> str:
    """The text in at most so many bytes, its last line kept: the alert's id stands there."""
    if len(text.encode()) <= most:
        return text
    above, _, last = text.rstrip("\n").rpartition("\n")
    return cut_bytes(above, most - len(last.encode()) - 1, note) + "\n" + last
