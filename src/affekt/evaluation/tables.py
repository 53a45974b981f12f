"""Tables of figures: made once, written as Markdown or HTML."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

import numpy as np

from affekt.evaluation.report import Estimate


class Table(NamedTuple):
    """A table of text.

    Attributes:
        titles: of the columns.
        rows: each with one cell per column.
    """

    titles: Sequence[str]
    rows: Sequence[Sequence[str]]

    def markdown(self) -> str:
        """As Markdown.

        >>> print(Table(["a", "b"], [["1", "2"]]).markdown())
        | a | b |
        |---|---|
        | 1 | 2 |
        """
        head, *body = (f"| {' | '.join(row)} |" for row in (self.titles, *self.rows))
        return "\n".join([head, "|---" * len(self.titles) + "|", *body])

    def html(self) -> str:
        """As HTML, in a box that scrolls sideways where the table is wider than the screen.

        >>> Table(["a"], [["<1"]]).html().count("&lt;1")
        1
        """
        head = "".join(f"<th>{escape(title)}</th>" for title in self.titles)
        lines = ("".join(f"<td>{escape(cell)}</td>" for cell in row) for row in self.rows)
        body = "".join(f"<tr>{line}</tr>\n" for line in lines)
        return (
            f'<div class="wide"><table><thead><tr>{head}</tr></thead>\n'
            f"<tbody>{body}</tbody></table></div>"
        )


def interval_text(estimate: Estimate, factor: float = 1, digits: int = 3) -> str:
    """A figure and its interval; a dash where it is undefined.

    >>> interval_text(Estimate(0.25, 0.2, 0.3), 100, 1)
    '25.0 (20.0 to 30.0)'
    """
    if np.isnan(estimate.value):
        return "-"
    value, low, high = (f"{factor * v:.{digits}f}" for v in estimate)
    return f"{value} ({low} to {high})"


def number_text(value: float | None, factor: float = 1, digits: int = 3) -> str:
    """A figure; a dash where it is undefined, nothing where there is none.

    >>> number_text(0.25, 100, 1), number_text(float("nan")), number_text(None)
    ('25.0', '-', '')
    """
    if value is None:
        return ""
    return "-" if np.isnan(value) else f"{factor * value:.{digits}f}"
