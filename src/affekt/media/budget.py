"""How many pixels may be worked on at a time, so that threads share the memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Condition


@dataclass(slots=True)
class Share:
    """What one thread holds of a budget; see `PixelBudget.share`."""

    budget: PixelBudget
    pixels: int = 0

    def take(self, pixels: int) -> None:
        """Holds that many pixels in place of those held before, once they are free."""
        self.budget._give(self.pixels)
        self.pixels = 0
        self.budget._take(pixels)
        self.pixels = pixels


@dataclass(slots=True)
class PixelBudget:
    """Pixels to share; a picture larger than all of them waits until it is alone.

    Attributes:
        pixels: all together.
    """

    pixels: int
    _held: int = 0
    _changed: Condition = field(default_factory=Condition)

    @contextmanager
    def share(self) -> Iterator[Share]:
        """A share for one piece of work, given back at its end.

        >>> budget = PixelBudget(10)
        >>> with budget.share() as share:
        ...     share.take(12)
        """
        share = Share(self)
        try:
            yield share
        finally:
            self._give(share.pixels)

    def _give(self, pixels: int) -> None:
        with self._changed:
            self._held -= pixels
            self._changed.notify_all()

    def _take(self, pixels: int) -> None:
        with self._changed:
            self._changed.wait_for(lambda: not self._held or self._held + pixels <= self.pixels)
            self._held += pixels
