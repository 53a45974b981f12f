"""Threads never hold more pixels together than there are, unless one picture alone is larger."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from affekt.media.budget import PixelBudget


@given(st.lists(st.lists(st.integers(0, 15), max_size=3), max_size=12))
def test_what_is_held_at_a_time(takes: list[list[int]]) -> None:
    budget, lock = PixelBudget(10), threading.Lock()
    holding: dict[int, int] = {}

    def work(number: int) -> None:
        with budget.share() as share:
            for pixels in takes[number]:
                with lock:
                    holding.pop(number, None)
                share.take(pixels)
                with lock:
                    holding[number] = pixels
                    assert sum(holding.values()) <= 10 or max(holding.values()) == sum(
                        holding.values()
                    )
            with lock:
                holding.pop(number, None)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(len(takes))))
    assert not budget._held


def test_a_share_is_given_back_where_work_fails() -> None:
    budget = PixelBudget(10)
    with pytest.raises(KeyError), budget.share() as share:
        share.take(10)
        raise KeyError
    with budget.share() as share:
        share.take(10)
