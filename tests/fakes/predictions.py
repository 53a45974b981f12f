"""Made-up predictions, for the rooms that only look at arrays."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from affekt.evaluation.predictions import (
    PICTURE,
    SUBJECT,
    UNKNOWN,
    Kind,
    Output,
    Predictions,
)
from affekt.labels import CATEGORIES, PRIMARY, VAD, VAD_RANGE


def said_of_people(
    n: int = 120, *, skill: float = 0.5, seed: int = 0, threshold: float | None = 0.5
) -> Predictions:
    """Two persons a picture, nobody with Embarrassment; the same persons whatever is said."""
    rng = np.random.default_rng(0)
    truth = rng.random((n, 26)) < np.linspace(0.1, 0.7, 26)
    truth[:, CATEGORIES.index("Embarrassment")] = False
    vad_truth = rng.uniform(1, 10, (n, 3))
    vad_truth[3] = np.nan
    geometry = rng.normal(size=(n, 13))
    said = np.random.default_rng(seed + 1)
    noise = said.random((n, 26))
    vad = np.clip(np.nan_to_num(vad_truth, nan=5) + said.normal(0, 1, (n, 3)), 1, 10)
    limits = None if threshold is None else np.full(26, threshold)
    mixed = skill * truth + (1 - skill) * noise
    return Predictions(
        split="test",
        ids=tuple(f"{i // 2}.jpg#{i % 2}" for i in range(n)),
        sources=("made",) * n,
        outputs={
            "categories": Output(Kind.MULTI_LABEL, CATEGORIES, truth, mixed, limits),
            "vad": Output(Kind.DIMENSIONAL, VAD, vad_truth, vad, title="VAD", range=VAD_RANGE),
        },
        units=tuple(f"{i // 2}.jpg" for i in range(n)),
        unit=PICTURE,
        noun="persons",
        groups={
            "gender": tuple(("Female", "Male", None)[i % 3] for i in range(n)),
            "source": ("made",) * n,
        },
        geometry=geometry,
        has_face=np.arange(n) % 2 == 0,
        leaked=np.zeros(n, dtype=bool),
    )


def said_of_faces(n: int = 120, *, skill: float = 1.5, seed: int = 0) -> Predictions:
    """Three faces a subject, none of them disgust; the same faces whatever is said."""
    present = [i for i, label in enumerate(PRIMARY) if label != "disgust"]
    truth = np.random.default_rng(0).choice(present, n)
    logits = np.random.default_rng(seed + 1).normal(size=(n, 7)) + skill * np.eye(7)[truth]
    p = np.exp(logits)
    p /= p.sum(axis=1, keepdims=True)
    return Predictions(
        split="test",
        ids=tuple(f"face{i}" for i in range(n)),
        sources=tuple("ab"[i // 3 % 2] for i in range(n)),
        outputs={"primary": Output(Kind.SINGLE_LABEL, PRIMARY, truth, p)},
        units=tuple(f"subject {i // 3}" for i in range(n)),
        unit=SUBJECT,
        noun="faces",
        protocol="as made",
        groups={"gender": (None,) * n, "source": tuple("ab"[i // 3 % 2] for i in range(n))},
        leaked=np.arange(n) == 0,
    )


def said_of_fruit(n: int = 90, *, skill: float = 1.0, seed: int = 0) -> Predictions:
    """All three kinds of heads with labels of their own; of every tenth row no class is known."""
    rng = np.random.default_rng(0)
    kind = rng.integers(0, 3, n)
    shapes, weight = rng.random((n, 2)) < 0.4, rng.normal(100, 20, (n, 1))
    said = np.random.default_rng(seed + 1)
    p = np.exp(said.normal(size=(n, 3)) + skill * np.eye(3)[kind])
    p /= p.sum(axis=1, keepdims=True)
    guess = 0.5 * shapes + 0.5 * said.random((n, 2))
    kind[::10] = UNKNOWN
    return Predictions(
        split="val",
        ids=tuple(map(str, range(n))),
        sources=("market",) * n,
        outputs={
            "fruit": Output(Kind.SINGLE_LABEL, ("apple", "pear", "plum"), kind, p),
            "shape": Output(
                Kind.MULTI_LABEL, ("long", "round"), shapes, guess, thresholds=np.full(2, 0.5)
            ),
            "scale": Output(
                Kind.DIMENSIONAL, ("weight",), weight, weight + said.normal(0, 9, (n, 1)),
                title="scale",
            ),
        },
        noun="fruit",
        groups={"stall": tuple("ab"[i % 2] for i in range(n))},
    )  # fmt: skip


def with_predicted(said: Predictions, head: str, **changes: object) -> Predictions:
    """The same with another output of one head."""
    return replace(said, outputs=said.outputs | {head: replace(said.outputs[head], **changes)})
