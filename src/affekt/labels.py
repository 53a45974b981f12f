"""The label sets, and the one way from other people's names to ours."""

from __future__ import annotations

from affekt.errors import DataError, nearest

PRIMARY: tuple[str, ...] = (
    "anger",
    "disgust",
    "fear",
    "happiness",
    "neutral",
    "sadness",
    "surprise",
)
"""The seven primary emotions, alphabetical: Ekman's six and neutral."""

CONTEMPT = "contempt"
"""FER+'s eighth label: trained where a data set has it, not part of the shipped seven."""

PRIMARY_AND_CONTEMPT: tuple[str, ...] = (*PRIMARY, CONTEMPT)

SYNONYMS: dict[str, str] = {
    "angry": "anger",
    "disgusted": "disgust",
    "afraid": "fear",
    "fearful": "fear",
    "scared": "fear",
    "happy": "happiness",
    "joy": "happiness",
    "joyful": "happiness",
    "calm": "neutral",
    "neutrality": "neutral",
    "sad": "sadness",
    "surprised": "surprise",
    "contemptuous": "contempt",
}
"""Folder and column names seen in public data sets, each with the label it means."""


def parse_emotion(name: str) -> str:
    """The label that a folder or column name means, whatever its case.

    Raises:
        DataError: the name is neither a label nor a known synonym.

    >>> parse_emotion("Happy"), parse_emotion("4_fear")
    ('happiness', 'fear')
    """
    plain = name.strip().lower().strip("0123456789_-. ")
    label = SYNONYMS.get(plain, plain)
    if label not in PRIMARY_AND_CONTEMPT:
        accepted = sorted({*PRIMARY_AND_CONTEMPT, *SYNONYMS})
        raise DataError(f"unknown emotion {name!r}: {nearest(plain, accepted)}")
    return label
