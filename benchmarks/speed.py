"""Speed, memory and size of Affekt beside its peers, in one run on the same cores.

    python benchmarks/speed.py [--photos FILE_OR_FOLDER ...] [--cores 2] [--rounds 5]

Without ``--photos`` the pictures are the packaged photo of one astronaut (512 x 512) and montages
of it with 2 and 6 faces (1024 x 512, 1536 x 1024). All models take turns in every round, and the
medians are reported. Cold starts and memory are those of an environment with Affekt alone, as
users install it. Peers read faces alone, and so does Affekt beside them (``--model``); people in
context (``--context``) have rows of their own, cold starts and memory are theirs. Photos of 2.6
megapixels are another turn, in which an earlier Affekt can take part (``--before CHECKOUT``).
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import partial
from importlib.metadata import version
from importlib.resources import as_file, files
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import numpy as np

from affekt import load
from affekt.bundle import Bundle, find_bundle
from affekt.errors import AffektError, MediaError
from affekt.inference.predictor import Predictor
from affekt.inference.read.crop_model import CropModel
from flops import count_flops
from launch import launch, processor
from output import table, write
from peers.environment import BUILD, PEERS, core_environment, earlier, say, size_mb
from peers.worker import Worker
from photos import find_photos, large_photos, photos_note

BATCHES = (1, 16)
FACES = 480
"""Faces per round through a model alone; a multiple of every batch."""

MATRIX = """
import sys, time
import numpy as np
side = 2048
a, b = (np.random.default_rng(i).random((side, side), dtype=np.float32) for i in range(2))
def run():
    start = time.perf_counter()
    a @ b
    return time.perf_counter() - start
run()
print(2 * side**3 / min(run() for _ in range(5)))
"""
"""A large float32 matrix product, in a process of its own so that it sees the cores given."""

FER_COLD = "import sys; from fer.fer import FER; FER().detect_emotions(sys.argv[1])"


@dataclass(frozen=True, slots=True)
class Spread:
    """Repeated measurements of one thing."""

    median: float
    low: float
    high: float


def main() -> int:
    """Measure, print and write."""
    options = _options()
    cores = _use_cores(options.cores)
    try:
        bundle, context = find_bundle(options.model), find_bundle(options.context)
        photos = find_photos(options.photos)
        figures = {
            "machine": {**_machine(), "cores": cores},
            "photos": photos_note(photos, bool(options.photos)),
            **side_by_side(bundle, context, photos, cores, options.rounds),
            "large": on_large_photos(bundle, options.before, cores, options.rounds),
            **installed(bundle, context, photos, options),
        }
    except AffektError as error:
        print(f"speed: error: {error}", file=sys.stderr)
        return 2
    write("speed", figures, page(figures))
    return 0


def side_by_side(
    bundle: Bundle, context: Bundle, photos: list[Path], cores: int, rounds: int
) -> dict[str, Any]:
    """Affekt, its peers and the machine's limit, in turns."""
    model = CropModel(bundle, cores)
    predictor, people = (load(each.folder, threads=cores) for each in (bundle, context))
    with ExitStack() as stack:
        workers = {}
        for key, peer in PEERS.items():
            say(f"starting {key} {peer.version}")
            workers[key] = stack.enter_context(Worker(peer))
        turns: dict[str, Callable[[], float]] = {"limit": matrix_flops}
        for batch in BATCHES:
            turns[f"model affekt {batch}"] = partial(own_faces, model, batch)
            for key, worker in workers.items():
                turns[f"model {key} {batch}"] = partial(their_faces, worker, batch)
        turns["photos affekt stream"] = partial(own_stream, predictor, photos)
        turns["photos affekt single"] = partial(own_single, predictor, photos)
        turns["context affekt stream"] = partial(own_stream, people, photos)
        turns["context affekt single"] = partial(own_single, people, photos)
        for key, worker in workers.items():
            turns[f"photos {key} single"] = partial(their_photos, worker, photos)
        found = {key: _ask_photos(own, photos)["faces"] for key, own in workers.items()}
        rates = take_turns(turns, rounds)
    found["affekt"] = sum(len(frame.people) for frame in predictor.predict([*photos]))
    flops = count_flops(bundle.model_path)
    reached = rates[f"model affekt {max(BATCHES)}"].median * flops
    return {
        "model_flops": flops,
        "limit_share": reached / rates["limit"].median,
        "rates_per_second": {name: asdict(rate) for name, rate in rates.items()},
        "faces_found": found,
        "rounds": rounds,
    }


def on_large_photos(bundle: Bundle, before: Path | None, cores: int, rounds: int) -> dict[str, Any]:
    """Affekt, an earlier one and its peers on photos of 2.6 megapixels, in turns."""
    photos, predictor = large_photos(), load(bundle.folder, threads=cores)
    peers = {key: f"{key} {peer.version}" for key, peer in PEERS.items()}
    with ExitStack() as stack:
        workers = {peers[key]: stack.enter_context(Worker(peer)) for key, peer in PEERS.items()}
        if before is not None:
            peer = earlier(before)
            workers[f"Affekt {peer.version}"] = stack.enter_context(Worker(peer))
        turns = {name: partial(their_photos, worker, photos) for name, worker in workers.items()}
        own = {"Affekt": partial(own_single, predictor, photos)}
        own["Affekt, as a stream"] = partial(own_stream, predictor, photos)
        found = {name: _ask_photos(worker, photos)["faces"] for name, worker in workers.items()}
        rates = take_turns({**own, **turns}, rounds)
    count = sum(len(frame.people) for frame in predictor.predict([*photos]))
    found |= dict.fromkeys(own, count)
    return {
        "pictures": len(photos),
        "rates_per_second": {name: asdict(rate) for name, rate in rates.items()},
        "faces_found": found,
    }


def take_turns(turns: dict[str, Callable[[], float]], rounds: int) -> dict[str, Spread]:
    """Each thing measured once per round, after one round that does not count."""
    seen: dict[str, list[float]] = {name: [] for name in turns}
    for number in range(rounds + 1):
        say(f"round {number} of {rounds}" + ("" if number else " (warm-up)"))
        for name, turn in turns.items():
            rate = turn()
            if number:
                seen[name].append(rate)
    return {name: _spread(values) for name, values in seen.items()}


def matrix_flops() -> float:
    """Floating-point operations per second in a large matrix product."""
    done = subprocess.run([sys.executable, "-c", MATRIX], check=True, capture_output=True)
    return float(done.stdout)


def own_faces(model: CropModel, batch: int) -> float:
    """Faces per second through the model alone, from crops to probabilities."""
    shape = (batch, model.size, model.size, 3)
    crops = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    start = time.perf_counter()
    for _ in range(FACES // batch):
        model.probabilities(crops)
    return FACES / (time.perf_counter() - start)


def own_stream(predictor: Predictor, photos: list[Path]) -> float:
    """Pictures per second from files to frames, as many at once as Affekt likes."""
    start = time.perf_counter()
    for result in predictor.predict_stream(photos):
        if isinstance(result, MediaError):
            raise result
    return len(photos) / (time.perf_counter() - start)


def own_single(predictor: Predictor, photos: list[Path]) -> float:
    """Pictures per second from files to frames, one after the other."""
    start = time.perf_counter()
    for photo in photos:
        predictor.predict(photo)
    return len(photos) / (time.perf_counter() - start)


def their_faces(worker: Worker, batch: int) -> float:
    """Faces per second through a peer's model alone, from its ready inputs to probabilities."""
    return FACES / float(worker.ask(do="faces", count=FACES, batch=batch, seed=0)["seconds"])


def their_photos(worker: Worker, photos: list[Path]) -> float:
    """Pictures per second of a peer, from files to emotions, one after the other."""
    return len(photos) / float(_ask_photos(worker, photos)["seconds"])


def installed(
    bundle: Bundle, context: Bundle, photos: list[Path], options: argparse.Namespace
) -> dict[str, Any]:
    """Size, cold starts and memory of Affekt as users install it."""
    python = core_environment()
    affekt = str(python.with_name("affekt"))
    say("cold starts")
    with as_file(files("affekt") / "assets" / "astronaut.jpg") as photo:
        faces, people = (["--model", str(each.folder)] for each in (bundle, context))
        commands = {
            "bare python": [str(python), "-c", "pass"],
            "import affekt": [str(python), "-c", "import affekt"],
            "affekt --help": [affekt, "--help"],
            "affekt predict": [affekt, "predict", str(photo), *people],
            "affekt predict faces": [affekt, "predict", str(photo), *faces],
            "fer": [str(PEERS["fer"].python()), "-c", FER_COLD, str(photo)],
        }
        for command in commands.values():  # writes the byte code, fills the disk's cache
            launch(command)
        cold = {
            name: _spread([launch(command).seconds for _ in range(options.rounds)])
            for name, command in commands.items()
        }
    return {
        "cold_start_s": {name: asdict(spread) for name, spread in cold.items()},
        "size_mb": {
            "affekt core": size_mb(python),
            **{key: size_mb(peer.python()) for key, peer in PEERS.items()},
        },
        "memory": [grown(affekt, people, photos, count, options.cores) for count in options.counts],
    }


def grown(
    affekt: str, model: list[str], photos: list[Path], count: int, cores: int
) -> dict[str, Any]:
    """Time and peak memory of ``affekt predict`` on a folder with that many pictures."""
    say(f"affekt predict on {count:,} pictures")
    with tempfile.TemporaryDirectory(dir=BUILD) as folder:
        for i, photo in enumerate(islice(cycle(photos), count)):
            Path(folder, f"{i:06}{photo.suffix}").symlink_to(photo.resolve())
        out = ["--format", "jsonl", "--output", str(Path(folder, "frames.jsonl"))]
        done = launch([affekt, "predict", folder, *model, *out, "--threads", str(cores)])
    return {
        "pictures": count,
        "seconds": done.seconds,
        "pictures_per_second": count / done.seconds,
        "peak_mb": done.peak_mb,
    }


def page(figures: dict[str, Any]) -> str:
    """The Markdown page."""
    return "\n\n".join(
        [
            "# Speed, memory and size",
            _machine_line(figures),
            "## Side by side",
            _rates_table(figures),
            f"The model takes {figures['model_flops'] / 1e6:.0f} MFLOP per face. At batch "
            f"{max(BATCHES)} it reaches {figures['limit_share']:.0%} of the machine's limit, "
            f"{figures['rates_per_second']['limit']['median'] / 1e9:.0f} GFLOP/s in a large "
            "float32 matrix product.",
            "## Photos of 2.6 megapixels, file to emotions of faces",
            _large_table(figures["large"]),
            "## Cold start and size",
            _cold_table(figures),
            "## Memory and time against the number of pictures (`affekt predict FOLDER`)",
            _memory_table(figures),
        ]
    )


def _machine_line(figures: dict[str, Any]) -> str:
    machine, photos = figures["machine"], figures["photos"]
    return (
        f"{machine['processor']}, {machine['cores']} cores, Python {machine['python']}, ONNX "
        f"Runtime {machine['onnxruntime']}. Pictures: {photos['what']} ({photos['count']}, "
        f"{photos['mean_megapixels']:.2f} megapixels on average). Medians of {figures['rounds']} "
        "rounds in which all take turns, lowest to highest in brackets."
    )


def _rates_table(figures: dict[str, Any]) -> str:
    rates = figures["rates_per_second"]
    names = ("affekt", *PEERS)
    rows = [
        [f"emotion model alone, faces per second, batch {batch}"]
        + [_rate(rates[f"model {name} {batch}"]) for name in names]
        for batch in BATCHES
    ]
    rows.append(
        ["file to emotions, pictures per second, one by one"]
        + [_rate(rates[f"photos {name} single"]) for name in names]
    )
    alone = {
        "file to emotions, pictures per second, as a stream": "photos affekt stream",
        "file to people in context, pictures per second, one by one": "context affekt single",
        "file to people in context, pictures per second, as a stream": "context affekt stream",
    }
    rows += [[title, _rate(rates[name]), *("-" for _ in PEERS)] for title, name in alone.items()]
    found = figures["faces_found"]
    rows.append([f"faces found in the {figures['photos']['count']} pictures"])
    rows[-1] += [str(found[name]) for name in names]
    return table(["", "Affekt", *(f"{key} {peer.version}" for key, peer in PEERS.items())], rows)


def _large_table(large: dict[str, Any]) -> str:
    rates, found = large["rates_per_second"], large["faces_found"]
    own = rates["Affekt"]["median"]
    rows = [
        [name, _rate(rate), f"{own / rate['median']:.1f}", str(found[name])]
        for name, rate in rates.items()
    ]
    return table(["", "pictures per second", "Affekt is faster by", "faces found"], rows)


def _cold_table(figures: dict[str, Any]) -> str:
    cold, size = figures["cold_start_s"], figures["size_mb"]
    titles = {
        "bare python": "Python itself (part of the others)",
        "import affekt": "`import affekt`",
        "affekt --help": "`affekt --help`",
        "affekt predict": "`affekt predict photo.jpg`, cold",
        "affekt predict faces": "`affekt predict photo.jpg --model face`, cold",
        "fer": "fer: import, load, one photo",
    }
    rows = [[titles[name], f"{spread['median']:.2f} s"] for name, spread in cold.items()]
    rows += [[f"environment of {name}", f"{mb:,.0f} MB"] for name, mb in size.items()]
    return table(["", "median"], rows)


def _memory_table(figures: dict[str, Any]) -> str:
    rows = [
        [
            f"{row['pictures']:,}",
            f"{row['seconds']:.1f} s",
            f"{row['pictures_per_second']:.1f}",
            f"{row['peak_mb']:.0f} MB",
        ]
        for row in figures["memory"]
    ]
    return table(["pictures", "time", "pictures per second", "peak memory"], rows)


def _rate(spread: dict[str, float]) -> str:
    digits = 0 if spread["median"] >= 100 else 1
    median, low, high = (f"{spread[name]:,.{digits}f}" for name in ("median", "low", "high"))
    return f"{median} ({low} to {high})"


def _ask_photos(worker: Worker, photos: list[Path]) -> dict[str, Any]:
    return worker.ask(do="photos", paths=[str(photo) for photo in photos])


def _spread(values: list[float]) -> Spread:
    return Spread(statistics.median(values), min(values), max(values))


def _machine() -> dict[str, str]:
    return {
        "processor": processor(),
        "system": platform.system(),
        "python": platform.python_version(),
        "onnxruntime": version("onnxruntime"),
    }


def _use_cores(cores: int) -> int:
    """Keeps this process and all it starts on so many cores; how many they are."""
    if hasattr(os, "sched_setaffinity"):
        mine = sorted(os.sched_getaffinity(0))[:cores]
        os.sched_setaffinity(0, mine)
        return len(mine)
    say(f"this system cannot keep processes on {cores} cores; peers use all they like")
    return cores


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--photos", nargs="+", default=[], help="files, folders or patterns")
    parser.add_argument("--model", default="face", help="name or folder of a bundle")
    parser.add_argument("--context", default="context", help="likewise, of people in context")
    parser.add_argument("--before", type=Path, help="checkout of an earlier Affekt")
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--counts", type=int, nargs="+", default=[10, 100, 1000])
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
