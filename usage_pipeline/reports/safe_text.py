"""Makes names from outside safe where a spreadsheet, a file system or a page would take them for something else."""

import hashlib
import re
import unicodedata

# What makes a spreadsheet read a cell as a formula, full-width forms included: some spreadsheets take those too.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_LONGEST_CELL = 32_000  # Excel takes 32,767 characters
_LONGEST_NAME = 60


def cell(text: str) -> str:
    """Text that no spreadsheet takes for a formula: such a beginning gets an apostrophe before it.

    Spaces before it do not hide it. Characters that no file format keeps (controls) become spaces.
    """
    plain = "".join(" " if unicodedata.category(c) in ("Cc", "Cs") else c for c in text)[:_LONGEST_CELL]
    return "'" + plain if text.lstrip(" ").startswith(_FORMULA) else plain


def file_name(text: str, key: str) -> str:
    """A name for a file or folder that cannot leave its folder: letters, digits and hyphens, and a hash of the key."""
    words = re.sub(r"[^\w]+", "-", unicodedata.normalize("NFKC", text), flags=re.UNICODE).strip("-_")
    digest = hashlib.sha256(key.encode()).hexdigest()[:8]
    return f"{words[:_LONGEST_NAME] or 'tenant'}-{digest}"
