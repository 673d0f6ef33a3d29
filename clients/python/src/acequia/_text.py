"""Text as the protocols carry it: valid UTF-8, and no longer than its limit."""

from __future__ import annotations

import re
from typing import Union

_SURROGATE = re.compile("[\ud800-\udfff]")
_REPLACEMENT = "\ufffd"


def mended(text: Union[str, bytes]) -> str:
    """The text with U+FFFD in place of what UTF-8 cannot say: bytes that are not UTF-8, halves of
    surrogate pairs."""
    if isinstance(text, bytes):
        return text.decode("utf-8", "replace")
    return text if text.isascii() else _SURROGATE.sub(_REPLACEMENT, text)


def cut(text: Union[str, bytes], bytes_max: int) -> str:
    """The text, mended, and cut between two characters to at most `bytes_max` bytes of UTF-8."""
    text = mended(text)
    encoded = text.encode()
    if len(encoded) <= bytes_max:
        return text
    # What a cut within a character leaves is not UTF-8, and dropped.
    return encoded[:bytes_max].decode("utf-8", "ignore")
