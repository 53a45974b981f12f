"""``python -m fakes.hostile FOLDER COUNT SEED large|small`` writes files and says which."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

from fakes.hostile import write_corpus

if __name__ == "__main__":
    folder, count, seed, size = sys.argv[1:]
    corpus = write_corpus(Path(folder), int(count), int(seed), large=size == "large")
    sys.stdout.write(json.dumps(asdict(corpus)))
