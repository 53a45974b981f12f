"""Every error Affekt raises on purpose.

::

    AffektError
    ├── UsageError          the call itself is wrong (exit code 2)
    │   ├── ConfigError     a training config that cannot be used
    │   └── MissingExtraError   a package of an optional extra is not installed
    ├── MediaError          a picture that cannot be read
    │   ├── PictureTooLargeError    refused by the pixel limit
    │   └── DetectorError   a detector of the caller's own failed on it
    ├── DataError           a data set or manifest that cannot be used
    ├── DivergenceError     a training whose loss is no longer a finite number
    ├── BundleError         a model bundle that cannot be used
    └── OutputError         a result that cannot be written

Each message is one line: what was given, what is accepted, what to do.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from urllib.parse import unquote


class AffektError(Exception):
    """The root of the tree: catch this to catch everything Affekt raises on purpose."""


class UsageError(AffektError):
    """The call itself is wrong: an unknown name, an option that does not fit."""


class ConfigError(UsageError):
    """A training config with an unknown key, a wrong type or a value out of range."""


class MissingExtraError(UsageError):
    """A package that belongs to an optional extra is not installed."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(
            f"{what} needs the {extra!r} extra: pip install '.[{extra}]' in a checkout of Affekt"
        )


class MediaError(AffektError):
    """A picture that is missing, empty, damaged or of an unknown kind."""


class PictureTooLargeError(MediaError):
    """A picture with more pixels than the limit."""


class PictureWarning(UserWarning):
    """A picture was read otherwise than it states; the command line says so on standard error."""


class DetectorError(MediaError):
    """A picture on which a detector failed that the caller brought; ``__cause__`` says where."""


class DataError(AffektError):
    """A data set or manifest that is missing, damaged or inconsistent."""


class DivergenceError(AffektError):
    """A training whose loss is no longer a finite number."""


class BundleError(AffektError):
    """A model bundle that is missing, damaged or of an unknown version."""


class OutputError(AffektError):
    """A result that cannot be written where it was asked for."""


def missing_extra(what: str, error: ModuleNotFoundError) -> Exception:
    """What to raise for a missing package of training; for a module of our own, the error itself.

    >>> print(missing_extra("training", ModuleNotFoundError(name="torch")))
    training needs the 'train' extra: pip install '.[train]' in a checkout of Affekt
    """
    if (error.name or "").startswith("affekt"):
        return error
    return MissingExtraError(what, "train")


def nearest(name: object, known: Iterable[str]) -> str:
    """The end of an error line about an unknown name: the nearest known one, then all of them.

    >>> nearest("hapiness", ["anger", "happiness"])
    "did you mean 'happiness'? (known: anger, happiness)"
    >>> nearest("x", ["anger", "happiness"])
    'known: anger, happiness'
    """
    known = list(known)
    listing = f"known: {', '.join(known)}"
    close = difflib.get_close_matches(str(name), known, n=1)
    return f"did you mean {close[0]!r}? ({listing})" if close else listing


def one_line(error: object, longest: int = 300) -> str:
    r"""What an error of another library says, as a part of a line that a terminal may show.

    >>> one_line(ValueError("first\n  \x1b[1msecond"))
    'first \\x1b[1msecond'
    >>> one_line(KeyError()), one_line(ValueError("abc"), 2)
    ('KeyError', 'ab…')
    """
    text = " ".join(str(error).split()) or type(error).__name__
    shown = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text[: longest + 1])
    return shown if len(text) <= longest else f"{shown[:longest]}…"


def path_advice(path: str) -> str | None:
    """What to give in place of a path that is none, for the error line; None for a plain path.

    >>> path_advice("file:///home/a%20b.jpg")
    'give the path alone: /home/a b.jpg'
    >>> path_advice("~/a.jpg")
    'a ~ in quotes is not expanded: give the whole path'
    >>> path_advice("https://host/a.jpg")
    'nothing is fetched from other machines: download it and give the file'
    >>> path_advice("C:/a.jpg"), path_advice("a.jpg")
    (None, None)
    """
    if path.startswith("~"):
        return "a ~ in quotes is not expanded: give the whole path"
    if path.lower().startswith("file:/"):
        return f"give the path alone: {re.sub('^/+', '/', unquote(path[5:]))}"
    if re.match("[a-z][a-z0-9+.-]+:/", path, re.IGNORECASE):
        return "nothing is fetched from other machines: download it and give the file"
    return None
