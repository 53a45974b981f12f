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


CATEGORY_DEFINITIONS: dict[str, str] = {
    "Affection": "fond feelings; love; tenderness",
    "Anger": "intense displeasure or rage; furious; resentful",
    "Annoyance": "bothered by something or someone; irritated; impatient; frustrated",
    "Anticipation": (
        "state of looking forward; hoping on or getting prepared for possible future events"
    ),
    "Aversion": "feeling disgust, dislike, repulsion; feeling hate",
    "Confidence": (
        "feeling of being certain; conviction that an outcome will be favorable; encouraged; proud"
    ),
    "Disapproval": "feeling that something is wrong or reprehensible; contempt; hostile",
    "Disconnection": (
        "feeling not interested in the main event of the surrounding; indifferent; bored; "
        "distracted"
    ),
    "Disquietment": "nervous; worried; upset; anxious; tense; pressured; alarmed",
    "Doubt/Confusion": "difficulty to understand or decide; thinking about different options",
    "Embarrassment": "feeling ashamed or guilty",
    "Engagement": "paying attention to something; absorbed into something; curious; interested",
    "Esteem": "feelings of favourable opinion or judgement; respect; admiration; gratefulness",
    "Excitement": "feeling enthusiasm; stimulated; energetic",
    "Fatigue": "weariness; tiredness; sleepy",
    "Fear": "feeling suspicious or afraid of danger, threat, evil or pain; horror",
    "Happiness": "feeling delighted; feeling enjoyment or amusement",
    "Pain": "physical suffering",
    "Peace": "well being and relaxed; no worry; having positive thoughts or sensations; satisfied",
    "Pleasure": "feeling of delight in the senses",
    "Sadness": "feeling unhappy, sorrow, disappointed, or discouraged",
    "Sensitivity": (
        "feeling of being physically or emotionally wounded; feeling delicate or vulnerable"
    ),
    "Suffering": "psychological or emotional pain; distressed; anguished",
    "Surprise": "sudden discovery of something unexpected",
    "Sympathy": "state of sharing others' emotions, goals or troubles; supportive; compassionate",
    "Yearning": "strong desire to have something; jealous; envious; lust",
}
"""The 26 categories of EMOTIC with their definitions (Kosti et al. 2020, arXiv 2003.13401)."""

CATEGORIES: tuple[str, ...] = tuple(CATEGORY_DEFINITIONS)
"""The 26 categories of EMOTIC, alphabetical."""

VAD: tuple[str, ...] = ("valence", "arousal", "dominance")
"""EMOTIC's continuous dimensions, each from 1 to 10."""

VAD_RANGE = (1.0, 10.0)
"""Lowest and highest value of each dimension."""


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


def parse_category(name: str) -> str:
    """The EMOTIC category that a name means, whatever its case, spaces and punctuation.

    Raises:
        DataError: the name is not one of the 26.

    >>> parse_category("doubt / confusion"), parse_category("Affections")
    ('Doubt/Confusion', 'Affection')
    """
    plain = _letters(name)
    for category in CATEGORIES:
        if plain in (_letters(category), f"{_letters(category)}s"):
            return category
    raise DataError(f"unknown EMOTIC category {name!r}: {nearest(name, CATEGORIES)}")


def _letters(name: str) -> str:
    return "".join(filter(str.isalpha, name)).lower()
