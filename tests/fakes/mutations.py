"""Damaged and hostile variants of a valid file: few rules, a seed, and always the same."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable, Iterator
from typing import Any

from fakes.feeding import SEED

STRANGE: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2, 7, 20_000, 2**31, 2**63, 10**400),
    *(0.0, -0.5, 1.5, 1e-320, 1e308, -1e308, float("nan"), float("inf"), float("-inf")),
    *(
        "",
        " ",
        "x",
        "a" * 2000,
        "../x",
        "/etc/passwd",
        "\x1b[2J",
        "a\nb",
        "\0",
        "\U0001d54f",
        "NaN",
        "1_0",
    ),
    *([], {}, [[]], [None] * 3, [0, 0, 0], ["", ""], {"": 0}, {"a": {"b": []}}),
)
"""Values that are of another type, out of range, not finite, or mean something elsewhere."""


def mutate_bytes(content: bytes, count: int, seed: int = SEED) -> Iterator[bytes]:
    """Variants with bytes flipped, cut out, doubled, moved, filled or cut off.

    Args:
        content: of a valid file.
        count: of variants.
        seed: of the choice.
    """
    generator = random.Random(seed)
    for number in range(count):
        damaged = bytearray(content)
        for _ in range(1 + number % 3):
            _BYTE_RULES[generator.randrange(len(_BYTE_RULES))](damaged, generator)
        yield bytes(damaged)


def mutate_values(content: Any, count: int, seed: int = SEED) -> Iterator[Any]:
    """Variants of tables and lists, in which a value is replaced, dropped, doubled or renamed.

    Args:
        content: of any nesting.
        count: of variants.
        seed: of the choice.
    """
    generator = random.Random(seed)
    for number in range(count):
        damaged = copy.deepcopy(content)
        for _ in range(1 + number % 2):
            holder, key = _place(damaged, generator)
            if holder is None:
                damaged = copy.deepcopy(generator.choice(STRANGE))
            else:
                generator.choice(_VALUE_RULES)(holder, key, generator)
        yield damaged


def mutate_json(content: Any, count: int, seed: int = SEED) -> Iterator[bytes]:
    """`mutate_values` as JSON, of which some ends too early."""
    generator = random.Random(seed)
    for number, damaged in enumerate(mutate_values(content, count, seed)):
        text = json.dumps(damaged)
        yield (text[: generator.randrange(len(text))] if number % 20 == 19 else text).encode()


def _flip(content: bytearray, generator: random.Random) -> None:
    for _ in range(generator.choice((1, 1, 4, 32))):
        if content:
            content[generator.randrange(len(content))] ^= 1 << generator.randrange(8)


def _fill(content: bytearray, generator: random.Random) -> None:
    start, end = _span(content, generator)
    content[start:end] = bytes([generator.choice((0, 255, 127, 128, 34, 44))]) * (end - start)


def _cut(content: bytearray, generator: random.Random) -> None:
    start, end = _span(content, generator)
    del content[start:end]


def _double(content: bytearray, generator: random.Random) -> None:
    start, end = _span(content, generator)
    content[start:start] = content[start:end]


def _move(content: bytearray, generator: random.Random) -> None:
    start, end = _span(content, generator)
    part = content[start:end]
    del content[start:end]
    place = generator.randrange(len(content) + 1)
    content[place:place] = part


def _end(content: bytearray, generator: random.Random) -> None:
    del content[generator.randrange(len(content) + 1) :]


def _span(content: bytearray, generator: random.Random) -> tuple[int, int]:
    start = generator.randrange(len(content) + 1)
    longest = generator.choice((1, 4, 16, 256))
    return start, min(len(content), start + generator.randrange(1, longest + 1))


_BYTE_RULES: tuple[Callable[[bytearray, random.Random], None], ...] = (
    *(_flip, _flip, _flip, _fill, _cut, _double, _move, _end),
)


def _place(content: Any, generator: random.Random) -> tuple[Any, Any]:
    """A table or list of any depth and a key of it; None where the value holds nothing."""
    holder, key, inside = None, None, content
    while isinstance(inside, dict | list) and inside:
        holder = inside
        key = generator.choice([*holder]) if isinstance(holder, dict) else None
        key = generator.randrange(len(holder)) if key is None else key
        inside = holder[key]
        if generator.random() < 0.3:
            break
    return holder, key


def _replace(holder: Any, key: Any, generator: random.Random) -> None:
    holder[key] = copy.deepcopy(generator.choice(STRANGE))


def _drop(holder: Any, key: Any, generator: random.Random) -> None:
    del holder[key]


def _repeat(holder: Any, key: Any, generator: random.Random) -> None:
    if isinstance(holder, list):
        holder.insert(key, copy.deepcopy(holder[key]))
    else:
        holder[generator.choice((f"{key}2", "", f"../{key}"))] = copy.deepcopy(holder[key])


def _swap(holder: Any, key: Any, generator: random.Random) -> None:
    other = generator.choice([*holder]) if isinstance(holder, dict) else 0
    holder[key], holder[other] = holder[other], holder[key]


def _deepen(holder: Any, key: Any, generator: random.Random) -> None:
    for _ in range(generator.choice((1, 100))):
        holder[key] = [holder[key]]


_VALUE_RULES = (_replace, _replace, _replace, _drop, _repeat, _swap, _deepen)
