"""Text for eyes: what could steer a terminal is shown as its escape."""

from __future__ import annotations

import re

_STEERING = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Control characters of both sets, separators of lines, and what turns the order of letters."""


def printable(text: str, keep: str = "") -> str:
    r"""The text with control characters as escapes, ready for a terminal.

    Args:
        text: any, also names that are no Unicode.
        keep: control characters that are let through.

    >>> printable("a\x1b]52;c;eA==\x07\n"), printable("two\nlines", keep="\n")
    ('a\\x1b]52;c;eA==\\x07\\n', 'two\nlines')
    >>> printable("caf\udce9")
    'caf\\udce9'
    """
    shown = _STEERING.sub(lambda found: _escape(found[0], keep), text)
    return shown.encode("utf-8", "backslashreplace").decode()


def _escape(character: str, keep: str) -> str:
    return character if character in keep else repr(character)[1:-1]
