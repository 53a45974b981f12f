"""A photo: who is in it, how they seem to feel, and a copy that shows it.

python examples/photo.py photo.jpg --out seen.png
"""

from argparse import ArgumentParser
from importlib.resources import files
from pathlib import Path

import affekt

ASTRONAUT = Path(str(files("affekt") / "assets" / "astronaut.jpg"))

parser = ArgumentParser(description=__doc__)
parser.add_argument("photo", nargs="?", type=Path, default=ASTRONAUT)
parser.add_argument("--out", type=Path, default=Path("seen.png"), help="the annotated copy")
given = parser.parse_args()

image_rgb = affekt.read_picture(given.photo)
frame = affekt.load().predict(image_rgb)
for number, person in enumerate(frame.people, 1):
    emotion = person.emotion
    print(f"person {number} at {[round(value) for value in person.box_xyxy]}")
    print(f"  apparent emotion: {emotion.primary_label or 'not read, no face is seen'}")
    print(f"  categories: {', '.join(emotion.category_labels or ()) or 'none over its threshold'}")
    print(f"  valence {emotion.valence:.1f}, arousal {emotion.arousal:.1f} (1 to 10)")

affekt.write_picture(given.out, affekt.annotate(image_rgb, frame))
print(f"{given.out} shows it")
