"""From an evaluation to its page on disk, with pictures of the rows worth looking at."""

from __future__ import annotations

from pathlib import Path

from affekt.data.manifests.manifest import Manifest
from affekt.evaluation.evaluation import Evaluation
from affekt.output.sink import text_output
from affekt.report.gallery import choose, chosen_pictures, picked_rows
from affekt.report.page import evaluation_page

SHOWN = 8
"""Rows of each kind in the gallery."""


def write_report(
    path: str | Path, evaluation: Evaluation, *, gallery: int = SHOWN, blur: bool = False
) -> None:
    """Writes an evaluation as one HTML page that needs no other file.

    Args:
        path: the page's file, or ``-`` for standard output.
        evaluation: of a manifest that is still where it was.
        gallery: rows shown of each kind (best, worst, most uncertain); 0 for no pictures.
        blur: whether every face in the gallery is blurred.

    Raises:
        DataError: the manifest or a picture of the gallery cannot be read.
        OutputError: the page cannot be written.
    """
    page = report_page(evaluation, gallery=gallery, blur=blur)
    with text_output(str(path)) as write:
        write(page)


def report_page(evaluation: Evaluation, *, gallery: int = SHOWN, blur: bool = False) -> str:
    """The same page as a text; arguments as in `write_report`."""
    chosen = choose(evaluation.predictions, gallery) if gallery else []
    keys = picked_rows(evaluation.predictions, chosen)
    pictures = {}
    if keys:
        pictures = dict(chosen_pictures(Manifest.open(evaluation.data), keys, blur=blur))
    return evaluation_page(evaluation, chosen, pictures)
