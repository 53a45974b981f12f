"""``affekt report``: an evaluation of people as one HTML page."""

from __future__ import annotations

from itertools import chain
from pathlib import Path
from typing import Annotated

import typer

from affekt.cli.inputs import bundle_files, manifest_files
from affekt.cli.progress import progress_bar
from affekt.files import refuse_overwrite


def report(
    *,
    data: Annotated[Path, typer.Option(help="A manifest of people: its file or folder.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The page's file.")],
    model: Annotated[str, typer.Option("--model", "-m", help="A model's name or folder.")] = (
        "context"
    ),
    split: Annotated[str, typer.Option(help="train, val, test or all.")] = "test",
    gallery: Annotated[
        int, typer.Option(min=0, help="Persons shown of each kind; 0 for no pictures.")
    ] = 8,
    blur: Annotated[bool, typer.Option("--blur", help="Blur the faces in the gallery.")] = False,
    threads: Annotated[
        int | None, typer.Option(min=1, help="For the model; all cores by default.")
    ] = None,
) -> None:
    """Write a page with tables, curves and pictures: how good a context model is, and where."""
    from affekt.bundle import find_bundle  # noqa: PLC0415
    from affekt.data.people import PersonManifest  # noqa: PLC0415
    from affekt.evaluation.gallery import choose, chosen_pictures  # noqa: PLC0415
    from affekt.evaluation.page import evaluation_page, write_page  # noqa: PLC0415
    from affekt.evaluation.people import evaluate_people  # noqa: PLC0415

    refuse_overwrite({"--out": out}, chain(bundle_files(model), manifest_files(data)))
    bundle, manifest = find_bundle(model), PersonManifest.open(data)
    with progress_bar("persons") as progress:
        result = evaluate_people(bundle, manifest, split, threads=threads, progress=progress)
    chosen = choose(result.predictions, gallery) if gallery else []
    ids = [result.predictions.ids[place] for choice in chosen for place in choice.places]
    pictures = dict(chosen_pictures(manifest, ids, blur=blur))
    write_page(out, evaluation_page(result, chosen, pictures))
