"""Your own faces, one folder of pictures per label: trained, exported, and used.

python examples/own_faces.py my-faces/ --photo photo.jpg
"""

from argparse import ArgumentParser
from importlib.resources import files
from pathlib import Path

import affekt

ASTRONAUT = Path(str(files("affekt") / "assets" / "astronaut.jpg"))
RECIPE = Path(__file__).parents[1] / "configs" / "face.toml"

parser = ArgumentParser(description=__doc__)
parser.add_argument("faces", type=Path, help="holds happiness/, sadness/, ...")
parser.add_argument("--recipe", type=Path, default=RECIPE)
parser.add_argument("--out", type=Path, default=Path("own-faces"), help="folder for all it makes")
parser.add_argument("--photo", type=Path, default=ASTRONAUT, help="to try the model on")


def main() -> None:  # a recipe of several devices starts processes that read this file again
    given = parser.parse_args()
    data, run, model = (given.out / name for name in ("data", "run", "model"))
    find = affekt.load_face_detector().detect
    affekt.prepare_folders(given.faces, data, detect=find, val=0.2)
    where = [f"data.manifests=['{data.as_posix()}']", f"run.out='{run.as_posix()}'"]
    best = affekt.train(affekt.read_recipe(given.recipe, where))

    manifest, options = affekt.Manifest.open(data), affekt.ExportOptions("own-faces")
    bundle = affekt.export_network(best, model, [manifest], options)
    accuracy = affekt.evaluate(bundle, manifest, "val").figures["accuracy"]
    print(f"accuracy {accuracy.value:.0%} ({accuracy.low:.0%} to {accuracy.high:.0%})")
    print([p.emotion.primary_label for p in affekt.load(model).predict(given.photo).people])


if __name__ == "__main__":
    main()
