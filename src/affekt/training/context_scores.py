"""Per-epoch figures of a context model on people with known labels."""

from __future__ import annotations

import numpy as np
import torch

from affekt.arrays import FloatArray32
from affekt.evaluation.metrics.dimensional import mean_absolute_error
from affekt.evaluation.metrics.multi_label import average_precision
from affekt.evaluation.metrics.weighing import mean_over_labels
from affekt.labels import VAD, VAD_RANGE
from affekt.training.context_losses import ContextLoss


def score_people(
    logits: FloatArray32,
    vad: FloatArray32,
    categories: FloatArray32,
    vad_truth: FloatArray32,
    loss: ContextLoss,
) -> dict[str, float]:
    """Mean average precision, mean absolute error of each dimension, loss.

    Args:
        logits: shape (n, 26).
        vad: shape (n, 3), clipped to 1 to 10 here.
        categories: shape (n, 26).
        vad_truth: shape (n, 3), NaN where there is none.
        loss: of one batch of all of them.

    Returns:
        ``map`` over the categories that somebody has, 0 where there are none, ``loss``, ``n``,
        and ``valence_mae`` and so on where VAD is known.
    """
    precision = mean_over_labels(average_precision(categories > 0.5, logits))
    errors = mean_absolute_error(vad_truth, np.clip(vad, *VAD_RANGE))
    tensors = (torch.from_numpy(a) for a in (logits, vad, categories, vad_truth))
    known = zip(VAD, errors.tolist(), strict=True)
    return {
        "map": float(np.nan_to_num(precision)),
        **{f"{name}_mae": error for name, error in known if np.isfinite(error)},
        "loss": float(loss(*tensors)),
        "n": len(logits),
    }
