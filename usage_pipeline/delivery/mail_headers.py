"""Headers of a mail, written so that a reader finds the given text and nothing else, whatever the text says.

The standard library decodes encoded words that stand in a text and writes out what it found, line breaks included.
Here a text that is not plainly ASCII becomes encoded words of our own, and what is in it is never decoded.
"""

import re
from base64 import b64encode
from collections.abc import Sequence
from email.utils import parseaddr

from usage_pipeline.alerts.text.escape import plain

_ADDRESS = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@(?=.{1,255}$)[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?"
    r"(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*"
)
# Read by every mail program as it stands: no "=?" of an encoded word, no quotes, no comments.
_AS_IT_STANDS = re.compile(r"[A-Za-z0-9 !#$%&*+./_:-]{1,60}")
_NAME_AS_IT_STANDS = re.compile(r"[A-Za-z0-9 _-]{1,60}")
_NOT_IN_A_FILE_NAME = re.compile(r"[=?\"'\\/:;<>|*%]")
# An encoded word has at most 75 characters: 45 bytes are 60 of Base64, and 12 frame them.
_WORD_BYTES = 45
_LONGEST = 200


def header(name: str, text: str) -> bytes:
    """Returns a header of free text as bytes, folded, with its line end."""
    return f"{name}: {_words(plain(text, _LONGEST), _AS_IT_STANDS)}\r\n".encode("ascii")


def address_header(name: str, addresses: Sequence[str]) -> bytes:
    """Returns a header of addresses, one a line. Raises ValueError for what is no address."""
    joined = ",\r\n ".join(map(_address, addresses))
    return f"{name}: {joined}\r\n".encode("ascii")


def message_id_header(name: str) -> bytes:
    """Returns the header that names the mail. Raises ValueError where the name cannot stand in one."""
    if not _ADDRESS.fullmatch(name):
        raise ValueError("cannot be made a Message-ID")
    return f"Message-ID: <{name}>\r\n".encode("ascii")


def is_address(text: str) -> bool:
    """Whether a text is one address, with or without a display name, that a header and SMTP's commands can hold."""
    return text.isprintable() and bool(_ADDRESS.fullmatch(parseaddr(text)[1]))


def file_name(name: str) -> str:
    """Returns a name for an attachment: one line in which nothing is decoded, quoted or taken for a folder."""
    return _NOT_IN_A_FILE_NAME.sub("_", plain(name)).strip(". ") or "file"


def _address(text: str) -> str:
    name, address = parseaddr(text)
    if not is_address(text):
        raise ValueError("is not a mail address")
    shown = plain(name)
    return f"{_words(shown, _NAME_AS_IT_STANDS)}\r\n <{address}>" if shown else address


def _words(text: str, as_it_stands: re.Pattern[str]) -> str:
    if as_it_stands.fullmatch(text):
        return text
    words = [""]
    for character in text:
        if len((words[-1] + character).encode()) > _WORD_BYTES:
            words.append("")
        words[-1] += character
    return "\r\n ".join(f"=?utf-8?b?{b64encode(word.encode()).decode('ascii')}?=" for word in words)
