"""Figures that others published on EMOTIC's test split, in per cent."""

from __future__ import annotations

from collections.abc import Sequence

from affekt.labels import CATEGORIES

FULL_TEST_PERSONS = 7203
"""Persons that the smallest common version of the whole test split holds."""

PUBLISHED_MAP: dict[str, float] = {
    "Kosti 2020, body and scene": 27.38,
    "Zhang 2019, affective graph": 28.42,
    "Lee 2019, CAER-Net (20.84 elsewhere)": 23.85,
    "Mittal 2020, EmotiCon with depth": 35.48,
    "de Lima Costa 2023, single stream": 30.02,
    "Zhang 2023, EmotionCLIP, linear probe": 32.91,
    "Xenos 2024, descriptions by a language model": 38.52,
}
"""Mean average precision by work. Few say by which definition: Kosti's code takes the official
one, which is the higher.
"""

KOSTI_AP: dict[str, float] = dict(
    zip(
        CATEGORIES,
        (
            27.85, 9.49, 14.06, 58.64, 7.48, 78.35, 14.97, 21.32, 16.89, 29.63, 3.18, 87.53, 17.73,
            77.16, 9.70, 14.14, 58.26, 8.94, 21.56, 45.46, 19.66, 9.28, 18.84, 18.81, 14.71, 8.34,
        ),
        strict=True,
    )
)  # fmt: skip
"""Average precision per category of Kosti 2020, body and scene; their mean is 27.38."""


def is_emotic(labels: Sequence[str]) -> bool:
    """Whether figures are of EMOTIC's categories, as the published ones are."""
    return tuple(labels) == CATEGORIES


def comparable(split: str, persons: int) -> bool:
    """Whether figures may stand beside the published ones: the whole test split and no less.

    >>> comparable("test", 7280), comparable("test", 233)
    (True, False)
    """
    return split == "test" and persons >= FULL_TEST_PERSONS
