"""A folder of pictures to a data frame: one row per person, in little memory.

python examples/folder_to_table.py holiday/ --out people.csv
"""

import csv
from argparse import ArgumentParser
from pathlib import Path

import affekt

parser = ArgumentParser(description=__doc__)
parser.add_argument("folder", nargs="?", type=Path, default=Path())
parser.add_argument("--out", type=Path, default=Path("people.csv"))
given = parser.parse_args()

paths = sorted(p for p in given.folder.rglob("*") if p.suffix.lower() in (".jpg", ".jpeg", ".png"))
frames = []
for result in affekt.load().predict_stream(paths):
    if isinstance(result, affekt.AffektError):  # of this picture alone: the others go on
        print(f"left out: {result}")
    else:
        frames.append(result.frame)
rows = list(affekt.to_table(frames))
print(f"{len(rows)} people in {len(frames)} pictures")

try:
    import pandas
except ImportError:  # it is no dependency of Affekt: rows are plain dictionaries
    with given.out.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0] if rows else [])
        writer.writeheader()
        writer.writerows(rows)
else:
    table = pandas.DataFrame(rows)
    table.to_csv(given.out, index=False)
    print(table.describe())
