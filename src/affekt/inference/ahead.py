"""Work done ahead of the model, in the background: in order, bounded, and nothing of it lost."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

_In = TypeVar("_In")
_Out = TypeVar("_Out")

WORKERS = 2
"""Threads that decode and detect while the model runs; more than two cores rarely wait for it."""


def ahead(function: Callable[[_In], _Out], items: Iterable[_In]) -> Iterator[_Out]:
    """``map``, in order, with the next few results being made in the background.

    Whatever ``items`` raises is raised after the results of all that it gave before.

    >>> list(ahead(str, range(3)))
    ['0', '1', '2']
    """
    pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="affekt-picture")
    waiting: deque[Future[_Out]] = deque()
    given = _Given(items)
    try:
        for item in given:
            waiting.append(pool.submit(function, item))
            if len(waiting) > WORKERS:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
    given.settle()


def grouped(items: Iterable[_In], is_full: Callable[[list[_In]], bool]) -> Iterator[list[_In]]:
    """Consecutive items in groups, each given as soon as it is full; the last may not be.

    Whatever ``items`` raises is raised after the group that it cut short.

    >>> list(grouped("abcde", lambda group: len(group) == 2))
    [['a', 'b'], ['c', 'd'], ['e']]
    """
    group: list[_In] = []
    given = _Given(items)
    for item in given:
        group.append(item)
        if is_full(group):
            yield group
            group = []
    if group:
        yield group
    given.settle()


class _Given(Iterator[_In], Generic[_In]):
    """An iterable that seems to end where it raises; `settle` raises it then."""

    def __init__(self, items: Iterable[_In]) -> None:
        self._items = iter(items)
        self._error: Exception | None = None

    def __next__(self) -> _In:
        try:
            return next(self._items)
        except StopIteration:
            raise
        except Exception as error:  # of an iterable that anybody wrote
            self._error = error
            raise StopIteration from None

    def settle(self) -> None:
        """Raises what ended the iterable, if that was an error."""
        if self._error is not None:
            raise self._error
