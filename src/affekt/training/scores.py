"""Per-epoch figures on the validation split, by source."""

from __future__ import annotations

import numpy as np

from affekt.arrays import FloatArray32, softmax
from affekt.data.torch.dataset import RowDataset
from affekt.data.torch.targets import hard_labels
from affekt.evaluation.metrics.single_label import accuracy, balanced_accuracy, confusion_matrix
from affekt.heads import PRIMARY_HEAD


def score_sources(logits: FloatArray32, dataset: RowDataset) -> dict[str, dict[str, float]]:
    """Loss against the soft labels, accuracy and balanced accuracy of each source.

    Accuracy counts the faces that have a hard label. Labels that a source never shows are
    left out of its choice.
    """
    scores: dict[str, dict[str, float]] = {}
    everybody = dataset.targets[PRIMARY_HEAD]
    labels = hard_labels(dataset.rows, dataset.heads[PRIMARY_HEAD])
    for number, source in enumerate(dataset.sources):
        chosen = dataset.source_of == number
        present = everybody[chosen].sum(axis=0) > 0
        probabilities = softmax(np.where(present, logits[chosen].astype(np.float64), -np.inf))
        targets, hard = everybody[chosen], labels[chosen]
        named = hard >= 0
        confusion = confusion_matrix(probabilities[named], hard[named])
        scores[source] = {
            "loss": float(-(targets * np.log(probabilities + 1e-12)).sum(axis=1).mean()),
            "accuracy": float(accuracy(confusion)),
            "balanced_accuracy": float(balanced_accuracy(confusion)),
            "n": int(named.sum()),
        }
    return scores
