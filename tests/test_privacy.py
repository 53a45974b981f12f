"""Nothing leaves the machine and nothing is kept: not by Affekt, not by what it stands on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fakes.quiet import Ended, run_quietly

LONG_ENOUGH = 15
"""Seconds; ONNX Runtime's first upload comes about ten after its import."""

EVERYTHING = """
import time
start = time.monotonic()
from pathlib import Path
import numpy as np
from PIL import Image
from affekt import cli

def run(*words):
    try:
        cli.main(words)
    except SystemExit as end:
        assert not end.code, words

import affekt
photo = affekt.__path__[0] + "/assets/astronaut.jpg"
assert affekt.load("face").predict(photo).people
run("predict", photo, "--output", "people.csv", "--annotate", "drawn", "--blur")

for number, label in enumerate(("anger", "happiness")):
    for split in ("train", "val"):
        Path("faces", split, label).mkdir(parents=True)
        for i in range(8):
            dice = np.random.default_rng([i, len(split)])
            face = dice.integers(0, 128, (64, 64, 3), dtype=np.uint8)
            Image.fromarray(face + np.uint8(100 * number)).save(f"faces/{split}/{label}/{i}.png")
Path("recipe.toml").write_text('''
run.out = "run"
data.manifests = ["set"]
data.workers = 1
streams.face = {backbone = "test_resnet", weights = "random", size = 64, train = "all"}
fusion.kind = "none"
heads.primary = {}
optim.epochs = 1
optim.batch = 8
''')
run("prepare", "folders", "faces", "--out", "set")
run("train", "recipe.toml")
run("export", "run/best.safetensors", "--out", "mine", "--name", "mine", "--data", "set")
run("evaluate", "--model", "mine", "--data", "set", "--split", "val", "--confusion", "seen.png")

time.sleep(max(0, start + {seconds} - time.monotonic()))
print("done")
"""


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    """A process that has predicted, prepared, trained, exported, measured, drawn and waited."""
    code = EVERYTHING.replace("{seconds}", str(LONG_ENOUGH))
    return run_quietly(code, tmp_path_factory.mktemp("quiet"))


def test_nothing_opens_an_internet_socket(ended: Ended) -> None:
    assert ended.code == 0 and ended.stdout.endswith("done\n"), ended.stderr


def test_nothing_is_left_in_the_home_folder(ended: Ended) -> None:
    wanted = ("people.csv", "drawn/astronaut.jpg", "mine/model.onnx", "seen.png")
    assert {f"work/{name}" for name in wanted} <= {*ended.left}
    assert not [name for name in ended.left if name.startswith("home/")]
    temporary = {name for name in ended.left if name.startswith("temporary/")}
    assert all(name.startswith("temporary/torchinductor_") for name in temporary), temporary


@pytest.mark.parametrize(
    "code",
    ["socket.getaddrinfo('localhost.invalid', 80)", "socket.create_connection(('127.0.0.1', 9))"],
)
def test_the_harness_ends_what_opens_one(code: str, tmp_path: Path) -> None:
    unix = "socket.socket(socket.AF_UNIX).close()"
    ended = run_quietly(f"import socket\n{unix}\nopen('kept', 'w').close()\n{code}", tmp_path)
    assert ended.code < 0 and "socket.py" in ended.stderr and ended.left == ("work/kept",)


@pytest.mark.parametrize(("given", "after"), [(None, "1"), ("0", "0")])
def test_a_choice_of_the_user_stands(given: str | None, after: str) -> None:
    clean = {name: v for name, v in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    code = "import affekt, os; affekt.load; print(os.environ['ORT_DISABLE_TELEMETRY'])"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=clean | ({} if given is None else {"ORT_DISABLE_TELEMETRY": given}),
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == after
