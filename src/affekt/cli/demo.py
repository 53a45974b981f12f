"""``affekt demo``: a photo that comes with Affekt."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from affekt.cli.copies import check_folder
from affekt.cli.inputs import bundle_files, given
from affekt.cli.options import FaceDetectorOption, ModelOption
from affekt.cli.terminal import say
from affekt.files import refuse_overwrite
from affekt.output.sink import STDOUT, text_output

if TYPE_CHECKING:
    from affekt.results import Emotion, Frame


def demo(
    out: Annotated[Path, typer.Option(help="Folder for the annotated picture.")] = Path("demo-out"),
    model: ModelOption = "context",
    face_detector: FaceDetectorOption = None,
) -> None:
    """Read a photo that comes with Affekt, and draw the result."""
    from affekt.inference.predictor import load  # noqa: PLC0415
    from affekt.media import read_picture, write_picture  # noqa: PLC0415
    from affekt.view.draw import annotate  # noqa: PLC0415

    target = out / "astronaut.jpg"
    with as_file(files("affekt") / "assets" / "astronaut.jpg") as path:
        refuse_overwrite({"--out": target}, [path, *bundle_files(model), *given(face_detector)])
        check_folder(out)
        image = read_picture(path)
    frame = load(model, face_detector=face_detector).predict(image)
    write_picture(target, annotate(image, frame))
    with text_output(STDOUT) as write:
        write("\n".join(_readable(frame)) + "\n")
    say("The photo shows the astronaut Eileen Collins (NASA, public domain).")
    say(f"The annotated picture is {target}")


def _readable(frame: Frame) -> Iterator[str]:
    yield f"{frame.width} x {frame.height} pixels, people found: {len(frame.people)}"
    for number, person in enumerate(frame.people, 1):
        x1, y1, x2, y2 = (round(value) for value in person.box_xyxy)
        label = person.emotion.primary_label or "not read, no face is seen"
        yield f"person {number} at ({x1}, {y1}) to ({x2}, {y2}): apparent emotion {label}"
        for name, share in (person.emotion.primary or {}).items():
            yield f"  {name:<10}{share:>7.1%}  {'#' * round(40 * share)}"
        yield from _context_lines(person.emotion)


def _context_lines(emotion: Emotion) -> Iterator[str]:
    if emotion.category_labels is not None:
        said = emotion.categories or {}
        labels = sorted(emotion.category_labels, key=lambda name: -said[name])
        named = ", ".join(f"{name} {said[name]:.0%}" for name in labels)
        yield f"  categories: {named or 'none over its threshold'}"
    if emotion.valence is not None:
        yield (
            f"  valence {emotion.valence:.1f}, arousal {emotion.arousal:.1f}, "
            f"dominance {emotion.dominance:.1f} (1 to 10)"
        )
