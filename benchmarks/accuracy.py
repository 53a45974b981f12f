"""Accuracy of Affekt beside its peers, on the same faces in the same run.

    python benchmarks/accuracy.py --data FER+=out/ferplus@test --data affect7=out/affect7@val

Every model sees every face that Affekt's evaluation scores. A peer sees each in several ways, and
its best one (by balanced accuracy on these very faces, which favours the peer) is the one shown:

* ``crop``: Affekt's own crop;
* ``picture``: the whole picture as the data set has it;
* ``box``: the picture and Affekt's face box, cut out by the peer's own rule.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from affekt.arrays import FloatArray
from affekt.bundle import Bundle, find_bundle
from affekt.data.manifests.manifest import Manifest
from affekt.data.manifests.pictures import read_face_crop, read_row_picture
from affekt.data.manifests.row import Row
from affekt.errors import AffektError, DataError, UsageError
from affekt.evaluation.evaluate import judge
from affekt.evaluation.evaluation import Evaluation
from affekt.evaluation.predictions import Predictions
from affekt.evaluation.reading.faces import PROTOCOLS
from affekt.evaluation.reading.predict import predict
from affekt.evaluation.reading.rows import ALL
from affekt.evaluation.resampling import Bootstrap, Estimate
from affekt.heads import PRIMARY_HEAD
from affekt.inference.read.crop_model import CropModel
from affekt.labels import parse_emotion
from output import table, write
from peers.environment import PEERS, Peer, say
from peers.worker import Worker

VARIANTS = ("crop", "picture", "box")
CHUNK = 256
"""Faces handed to a worker at once: what bounds the memory."""


@dataclass(frozen=True, slots=True)
class Result:
    """One model on one data set.

    Attributes:
        model: its name.
        variant: how it saw the faces.
        evaluation: its figures.
        others: of a peer, the figures for the other ways to see the faces.
    """

    model: str
    variant: str
    evaluation: Evaluation
    others: dict[str, Evaluation]


def main() -> int:
    """Measure, print and write."""
    options = _options()
    if not options.data:
        print("accuracy: no data given (--data NAME=MANIFEST[@SPLIT]), nothing measured")
        return 0
    try:
        bundle = find_bundle(options.model)
        results = {}
        for text in options.data:
            name, manifest, split = parse_data(text, options.split)
            results[name] = measure(bundle, name, manifest, split, options)
    except AffektError as error:
        print(f"accuracy: error: {error}", file=sys.stderr)
        return 2
    figures = {name: [_to_dict(result) for result in rows] for name, rows in results.items()}
    write("accuracy", figures, page(results))
    return 0


def parse_data(text: str, split: str) -> tuple[str, Manifest, str]:
    """``NAME=MANIFEST[@SPLIT]`` as its three parts."""
    name, equals, place = text.partition("=")
    if not (name and equals and place):
        raise UsageError(f"--data {text!r}: expected NAME=MANIFEST or NAME=MANIFEST@SPLIT")
    path, at, own = place.rpartition("@")
    return (name, Manifest.open(path), own) if at else (name, Manifest.open(place), split)


def measure(
    bundle: Bundle, name: str, manifest: Manifest, split: str, options: argparse.Namespace
) -> list[Result]:
    """Affekt and every peer on one split."""
    say(f"{name}: Affekt")
    model = CropModel(bundle)
    mine = predict(bundle, manifest, split, protocol=options.protocol)
    results = [Result("Affekt", "crop", _score(mine, "Affekt", name, options), {})]
    for key in options.peers:
        peer = PEERS[key]
        say(f"{name}: {peer.name} {peer.version}")
        shown = peer_probabilities(peer, _rows(manifest, split, mine), manifest, mine, model.size)
        title = f"{peer.name} {peer.version}"
        scored = {
            variant: _score(_said_by(mine, p), title, name, options) for variant, p in shown.items()
        }
        best = max(scored, key=lambda v: scored[v].figures["balanced_accuracy"].value)
        others = {variant: own for variant, own in scored.items() if variant != best}
        results.append(Result(title, best, scored[best], others))
    return results


def peer_probabilities(
    peer: Peer, rows: Iterable[Row], manifest: Manifest, mine: Predictions, size: int
) -> dict[str, FloatArray]:
    """A peer's probabilities of the faces, each way to see them, in Affekt's order of labels."""
    parts: dict[str, list[FloatArray]] = {variant: [] for variant in VARIANTS}
    rows = iter(rows)
    with Worker(peer) as worker, tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "faces.npz"
        while chunk := list(islice(rows, CHUNK)):
            np.savez(file, **_arrays(manifest, chunk, size))
            answer = worker.ask(do="classify", file=str(file), variants=VARIANTS)
            columns = _columns(answer["labels"], mine.outputs[PRIMARY_HEAD].labels)
            for variant, values in answer["probabilities"].items():
                parts[variant].append(np.asarray(values, dtype=np.float64)[:, columns])
    return {variant: np.concatenate(values) for variant, values in parts.items()}


def page(results: dict[str, list[Result]]) -> str:
    """The Markdown page: one row per model and data set."""
    rows = [
        [name, result.model, result.variant, f"{result.evaluation.n:,}", *_cells(result)]
        for name, own in results.items()
        for result in own
    ]
    head = ["data", "model", "input", "faces", "accuracy %", "balanced accuracy %", "ECE"]
    protocol = next(iter(results.values()))[0].evaluation.predictions.protocol
    return "\n\n".join(
        [
            "# Accuracy beside peers",
            table(head, rows),
            "In brackets: bootstrap 95% interval. Input: Affekt's own `crop`, the data set's whole "
            "`picture`, or the peer's own cut around Affekt's face `box`; of a peer the best of "
            f"the three on these faces is shown. Protocol: {protocol}.",
        ]
    )


def _columns(theirs: list[str], ours: tuple[str, ...]) -> list[int]:
    """Where each of our labels stands among the peer's, by meaning."""
    meant = [parse_emotion(label) for label in theirs]
    if sorted(meant) != sorted(ours):
        raise DataError(f"the peer reads {sorted(meant)}, the model {sorted(ours)}: compare alike")
    return [meant.index(label) for label in ours]


def _rows(manifest: Manifest, split: str, mine: Predictions) -> Iterator[Row]:
    """The faces that were scored, in the same order."""
    scored = set(zip(mine.sources, mine.ids, strict=True))
    rows = manifest.rows(None if split == ALL else split)
    return (row for row in rows if (row.source, row.id) in scored)


def _arrays(manifest: Manifest, rows: list[Row], size: int) -> dict[str, Any]:
    arrays: dict[str, npt.NDArray[Any]] = {}
    for i, row in enumerate(rows):
        arrays[f"picture_{i}"] = read_row_picture(manifest, row)
        arrays[f"crop_{i}"] = read_face_crop(manifest, row, size)
        arrays[f"box_{i}"] = np.asarray(None if row.face is None else row.face.box_xyxy)
    return arrays


def _said_by(mine: Predictions, probabilities: FloatArray) -> Predictions:
    """What another model says of the same faces."""
    return replace(
        mine, outputs={PRIMARY_HEAD: replace(mine.outputs[PRIMARY_HEAD], predicted=probabilities)}
    )


def _score(
    predictions: Predictions, model: str, data: str, options: argparse.Namespace
) -> Evaluation:
    said = replace(predictions, protocol=f"{options.protocol}: {PROTOCOLS[options.protocol]}")
    return judge(said, model=model, data=data, bootstrap=Bootstrap(options.resamples))


def _cells(result: Result) -> list[str]:
    figures = result.evaluation.figures
    return [
        *(_percent(figures[name]) for name in ("accuracy", "balanced_accuracy")),
        f"{figures['ece'].value:.3f} ({figures['ece'].low:.3f} to {figures['ece'].high:.3f})",
    ]


def _percent(estimate: Estimate) -> str:
    value, low, high = (100 * number for number in estimate)
    return f"{value:.1f} ({low:.1f} to {high:.1f})"


def _to_dict(result: Result) -> dict[str, Any]:
    own = {"model": result.model, "input": result.variant, **result.evaluation.to_dict()}
    others = {
        variant: {name: list(value) for name, value in evaluation.figures.items()}
        for variant, evaluation in result.others.items()
    }
    return {**own, "other_inputs": others}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", action="append", default=[], help="NAME=MANIFEST[@SPLIT]")
    parser.add_argument("--split", default="test", help="where --data names none")
    parser.add_argument("--protocol", default="plurality", choices=sorted(PROTOCOLS))
    parser.add_argument("--model", default="face", help="name or folder of a bundle")
    parser.add_argument("--peers", nargs="*", default=sorted(PEERS), choices=sorted(PEERS))
    parser.add_argument("--resamples", type=int, default=1000, help="of the bootstrap")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
