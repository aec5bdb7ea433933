"""Short names made of what they stand for, so that writing something twice is writing it once."""

import base64
import hashlib


def short_id(text: str, length: int) -> str:
    """Returns so many letters and digits (a-z, 2-7) of the text's SHA-256, five bits each; 52 at most."""
    return base64.b32encode(hashlib.sha256(text.encode()).digest()).decode()[:length].lower()
