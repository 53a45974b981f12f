"""Affekt reads the apparent emotions of every person in a photo, and trains the models that do.

>>> import affekt
>>> affekt.PRIMARY[3]
'happiness'

``affekt.load()`` gives a `Predictor`, whose ``predict(picture)`` gives a `Frame`. Every name here
is imported when it is first used, so that ``import affekt`` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from affekt.bundle import Bundle, find_bundle
    from affekt.errors import AffektError
    from affekt.inference.predictor import Prediction, Predictor, load
    from affekt.labels import PRIMARY
    from affekt.media import read_picture
    from affekt.results import Emotion, Face, Frame, Person, to_table

__version__ = "0.1.0"

__all__ = [
    "PRIMARY",
    "AffektError",
    "Bundle",
    "Emotion",
    "Face",
    "Frame",
    "Person",
    "Prediction",
    "Predictor",
    "__version__",
    "find_bundle",
    "load",
    "read_picture",
    "to_table",
]

_HOMES = {
    "PRIMARY": "labels",
    "AffektError": "errors",
    "Bundle": "bundle",
    "Emotion": "results",
    "Face": "results",
    "Frame": "results",
    "Person": "results",
    "Prediction": "inference.predictor",
    "Predictor": "inference.predictor",
    "find_bundle": "bundle",
    "load": "inference.predictor",
    "read_picture": "media",
    "to_table": "results",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
