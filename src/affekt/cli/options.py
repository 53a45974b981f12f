"""Options that several commands take: one name and one meaning everywhere."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class ReportFormat(StrEnum):
    """How figures are written."""

    JSON = "json"
    MD = "md"


MODEL = ("--model", "-m")
OUTPUT = ("--output", "-o")
FORMAT = ("--format", "-f")

ModelOption = Annotated[
    str, typer.Option(*MODEL, help="A model's name (see affekt models) or folder.")
]
OutputOption = Annotated[str, typer.Option(*OUTPUT, help="A file, or - for stdout.")]
ReportOption = Annotated[ReportFormat, typer.Option(*FORMAT, help="json or md (Markdown).")]
DataOption = Annotated[Path, typer.Option("--data", help="A manifest's file or folder.")]
SplitOption = Annotated[str, typer.Option("--split", help="train, val, test or all.")]
BundleOption = Annotated[Path, typer.Option("--out", help="The bundle's folder.")]
NameOption = Annotated[
    str | None, typer.Option("--name", help="The bundle's name; by default its folder's.")
]
ThreadsOption = Annotated[
    int | None, typer.Option("--threads", min=1, help="For the model; all cores by default.")
]
FaceDetectorOption = Annotated[
    Path | None, typer.Option("--face-detector", help="A YuNet file (ONNX) to find faces with.")
]
