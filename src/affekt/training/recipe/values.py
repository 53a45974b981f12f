"""The kinds of value that a recipe's keys take, each with the words that refuse another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, ConfigDict, Strict

from affekt.typed import LARGEST_INT

TABLE = ConfigDict(extra="forbid", allow_inf_nan=False)
"""Every table of a recipe: unknown keys are refused, and so is what is no finite number."""

Value = TypeVar("Value")


def rule(accepted: str, holds: Callable[[Any], bool]) -> AfterValidator:
    """What a value may be beside its type; ``accepted`` says it after "expected"."""

    def check(value: Value) -> Value:
        if not holds(value):
            raise ValueError(accepted)
        return value

    return AfterValidator(check)


Text = Annotated[str, Strict()]
Flag = Annotated[bool, Strict()]
Number = Annotated[float, Strict()]
Whole = Annotated[
    int, Strict(), rule("a number of at most 2^53", lambda value: abs(value) <= LARGEST_INT)
]
Names = tuple[Text, ...]

Count = Annotated[Whole, rule("0 or more", lambda value: value >= 0)]
AtLeastOne = Annotated[Whole, rule("1 or more", lambda value: value >= 1)]
Side = Annotated[Whole, rule("32 or more", lambda value: value >= 32)]
Amount = Annotated[Number, rule("0 or more", lambda value: value >= 0)]
Positive = Annotated[Number, rule("more than 0", lambda value: value > 0)]
BelowOne = Annotated[Number, rule("from 0 to below 1", lambda value: 0 <= value < 1)]
Part = Annotated[Number, rule("a share from 0 to 1", lambda value: 0 <= value <= 1)]

Split = Literal["train", "val"]
