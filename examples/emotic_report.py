"""EMOTIC and a recipe to a report: a page with tables, curves and pictures.

python examples/emotic_report.py EMOTIC_DIR --recipe configs/resnet50.toml
"""

from argparse import ArgumentParser
from pathlib import Path

import affekt

CONFIGS = Path(__file__).parents[1] / "configs"

parser = ArgumentParser(description=__doc__)
parser.add_argument("emotic", type=Path, help="the data set, see docs/data.md")
parser.add_argument("--recipe", type=Path, default=CONFIGS / "three_stream.toml")
parser.add_argument("--out", type=Path, default=Path("emotic"), help="folder for all it makes")
parser.add_argument("--split", default="test")


def main() -> None:  # a recipe of several devices starts processes that read this file again
    given = parser.parse_args()
    data, run, model = (given.out / name for name in ("data", "run", "model"))
    affekt.prepare_emotic(given.emotic, data, detect=affekt.load_face_detector().detect)
    where = [f"data.manifests=['{data.as_posix()}']", f"run.out='{run.as_posix()}'"]
    best = affekt.train(affekt.read_recipe(given.recipe, where))

    manifest, options = affekt.Manifest.open(data), affekt.ExportOptions(given.recipe.stem)
    bundle = affekt.export_network(best, model, [manifest], options)
    evaluation = affekt.evaluate(bundle, manifest, given.split)
    for name, figure in evaluation.figures.items():
        print(f"{name} {figure.value:.3f} ({figure.low:.3f} to {figure.high:.3f})")
    affekt.write_report(given.out / "report.html", evaluation, blur=True)
    print(f"{given.out / 'report.html'} has the rest")


if __name__ == "__main__":
    main()
