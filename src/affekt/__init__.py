"""Affekt reads the apparent emotions of every person in a photo, and trains the models that do.

>>> import affekt
>>> affekt.PRIMARY[3]
'happiness'

``affekt.load()`` gives a `Predictor`, whose ``predict(picture)`` gives a `Frame`. Every name here
is imported when it is first used, so that ``import affekt`` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from affekt.bundle import Bundle, find_bundle, list_bundles
    from affekt.data.manifests.manifest import Manifest
    from affekt.data.sets.emotic.prepare import prepare_emotic
    from affekt.data.sets.faces import prepare_ferplus, prepare_folders
    from affekt.errors import (
        AffektError,
        BundleError,
        ConfigError,
        DataError,
        DetectorError,
        DivergenceError,
        MediaError,
        MissingExtraError,
        OutputError,
        PictureTooLargeError,
        PictureWarning,
        UsageError,
    )
    from affekt.evaluation.comparison import Comparison
    from affekt.evaluation.evaluate import compare, evaluate
    from affekt.evaluation.evaluation import Evaluation
    from affekt.inference.find.faces import FaceDetector, load_face_detector
    from affekt.inference.predictor import Prediction, Predictor, load
    from affekt.inference.yolox import PersonBox, PersonDetector
    from affekt.labels import CATEGORIES, PRIMARY, VAD
    from affekt.media import read_picture, write_picture
    from affekt.packaging.ensemble import EnsembleOptions, make_ensemble
    from affekt.packaging.export import ExportOptions, export_network
    from affekt.report.write import write_report
    from affekt.results import Emotion, Face, Frame, Person, to_table
    from affekt.training.recipe.recipe import Recipe, read_recipe
    from affekt.training.train import train
    from affekt.view.draw import annotate, blur_faces

__version__ = "0.1.0"

__all__ = [
    "CATEGORIES",
    "PRIMARY",
    "VAD",
    "AffektError",
    "Bundle",
    "BundleError",
    "Comparison",
    "ConfigError",
    "DataError",
    "DetectorError",
    "DivergenceError",
    "Emotion",
    "EnsembleOptions",
    "Evaluation",
    "ExportOptions",
    "Face",
    "FaceDetector",
    "Frame",
    "Manifest",
    "MediaError",
    "MissingExtraError",
    "OutputError",
    "Person",
    "PersonBox",
    "PersonDetector",
    "PictureTooLargeError",
    "PictureWarning",
    "Prediction",
    "Predictor",
    "Recipe",
    "UsageError",
    "__version__",
    "annotate",
    "blur_faces",
    "compare",
    "evaluate",
    "export_network",
    "find_bundle",
    "list_bundles",
    "load",
    "load_face_detector",
    "make_ensemble",
    "prepare_emotic",
    "prepare_ferplus",
    "prepare_folders",
    "read_picture",
    "read_recipe",
    "to_table",
    "train",
    "write_picture",
    "write_report",
]

_ROOMS = {
    "bundle": "Bundle find_bundle list_bundles",
    "data.manifests.manifest": "Manifest",
    "data.sets.emotic.prepare": "prepare_emotic",
    "data.sets.faces": "prepare_ferplus prepare_folders",
    "errors": (
        "AffektError BundleError ConfigError DataError DetectorError "
        "DivergenceError MediaError MissingExtraError OutputError PictureTooLargeError "
        "PictureWarning UsageError"
    ),
    "evaluation.comparison": "Comparison",
    "evaluation.evaluate": "compare evaluate",
    "evaluation.evaluation": "Evaluation",
    "inference.find.faces": "FaceDetector load_face_detector",
    "inference.predictor": "Prediction Predictor load",
    "inference.yolox": "PersonBox PersonDetector",
    "labels": "CATEGORIES PRIMARY VAD",
    "media": "read_picture write_picture",
    "packaging.ensemble": "EnsembleOptions make_ensemble",
    "packaging.export": "ExportOptions export_network",
    "report.write": "write_report",
    "results": "Emotion Face Frame Person to_table",
    "training.recipe.recipe": "Recipe read_recipe",
    "training.train": "train",
    "view.draw": "annotate blur_faces",
}
"""Where the names live; those of ``TYPE_CHECKING`` again, for the import at their first use."""

_HOMES = {name: room for room, names in _ROOMS.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        room = import_module(f"{__name__}.{_HOMES[name]}")
    except ModuleNotFoundError as error:
        from affekt.errors import missing_extra  # noqa: PLC0415 (not before it is needed)

        raise missing_extra(f"affekt.{name}", error) from None
    value = globals()[name] = getattr(room, name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
