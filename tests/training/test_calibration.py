"""What labels by another number of annotators, and averaged ones, ask of the probabilities."""

from __future__ import annotations

import numpy as np
import pytest

from affekt.labels import CATEGORIES
from affekt.training.calibration import FEW, calibrate, probabilities, vad_correction
from affekt.training.labels_only.annotators import annotator_exponent

RNG = np.random.default_rng(0)


def test_probabilities_follow_the_number_of_annotators() -> None:
    logits = np.repeat(RNG.normal(-2, 1, (5_000, 1)), len(CATEGORIES), axis=1)
    single = 1 / (1 + np.exp(-logits))
    five, three = (RNG.random(logits.shape) < 1 - (1 - single) ** n for n in (5, 3))
    exponent = annotator_exponent((1 - 0.9, 1 - 0.9**5), (1, 5), 3)
    assert exponent == pytest.approx(3 / 5)
    found = probabilities(logits, calibrate(logits, five, CATEGORIES, exponent).platt, CATEGORIES)
    assert found.mean() == pytest.approx(three.mean(), abs=0.01)
    plain = probabilities(logits, calibrate(logits, five, CATEGORIES).platt, CATEGORIES)
    assert plain.mean() == pytest.approx(five.mean(), abs=0.01)


def test_thresholds_expected_of_everybody_give_as_many_labels_as_there_should_be() -> None:
    logits = RNG.normal(-2, 1, (5_000, len(CATEGORIES)))
    truth = RNG.random(logits.shape) < 1 / (1 + np.exp(-logits))
    fitted = calibrate(logits[:200], truth[:200], CATEGORIES, everybody=logits)
    thresholds = [fitted.thresholds[name] for name in CATEGORIES]
    given = probabilities(logits, fitted.platt, CATEGORIES) >= thresholds
    assert given.mean() == pytest.approx(truth.mean(), rel=0.1)


def test_annotators_who_always_agree_need_no_exponent() -> None:
    assert annotator_exponent((0.2, 0.2), (1, 5), 3) == 1.0


def test_vad_that_is_too_bold_or_off_is_brought_back() -> None:
    truth = RNG.normal(6, 1, (500, 3))
    noise = RNG.normal(0, 1, truth.shape)
    scale, shift = vad_correction(truth + noise + [1, 0, -1], truth)
    assert scale == pytest.approx([0.5] * 3, abs=0.1)
    corrected = scale * (truth + noise + [1, 0, -1]) + shift
    assert corrected.mean(axis=0) == pytest.approx(truth.mean(axis=0))
    truth[0] = np.nan
    assert np.isfinite(vad_correction(truth + noise, truth)).all()


def test_few_people_correct_nothing() -> None:
    truth = RNG.normal(6, 1, (FEW - 1, 3))
    scale, shift = vad_correction(truth + 1, truth)
    assert scale.tolist() == [1, 1, 1] and shift.tolist() == [0, 0, 0]
