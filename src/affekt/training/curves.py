"""The picture of a run's course, drawn now and then: it may take longer than an epoch."""

from __future__ import annotations

import time
from pathlib import Path

from affekt.training.checkpoints import CURVES, METRICS, read_metrics
from affekt.view.plots import plot_training

EVERY_S = 10


class Curves:
    """Draws ``curves.png`` from ``metrics.jsonl`` beside it.

    Args:
        out: the run's folder.
    """

    def __init__(self, out: Path) -> None:
        self.out = out
        self.drawn = time.monotonic()

    def follow(self) -> None:
        """After an epoch: draws where the last picture is `EVERY_S` seconds old."""
        if time.monotonic() - self.drawn > EVERY_S:
            self.finish()

    def finish(self) -> None:
        """Draws, if there is an epoch to show."""
        if (self.out / METRICS).exists():
            plot_training(read_metrics(self.out / METRICS), self.out / CURVES)
        self.drawn = time.monotonic()
