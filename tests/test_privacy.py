"""Nothing leaves the machine and nothing is kept: not by Affekt, not by what it stands on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fakes.quiet import run_quietly

LONG_ENOUGH = 15
"""Seconds; ONNX Runtime's first upload comes about ten after its import."""

PREDICT = """
import time
start = time.monotonic()
import affekt
from affekt import cli
from affekt.view import plots
photo = affekt.__path__[0] + "/assets/astronaut.jpg"
for model in ("context", "face"):
    assert affekt.load(model).predict(photo).people
try:
    cli.main(["predict", photo, "--output", "people.csv", "--annotate", "drawn", "--blur"])
except SystemExit as end:
    assert not end.code
plots.plot_confusion([[1, 0], [0, 1]], ["a", "b"], "confusion.png")
time.sleep(max(0, start + {seconds} - time.monotonic()))
print("done")
"""


def test_predicting_opens_no_internet_socket_and_leaves_no_file(tmp_path: Path) -> None:
    ended = run_quietly(PREDICT.format(seconds=LONG_ENOUGH), tmp_path)
    assert (ended.code, ended.stdout) == (0, "done\n"), ended.stderr
    assert {"work/confusion.png", "work/people.csv", "work/drawn/astronaut.jpg"} <= {*ended.left}
    assert not [name for name in ended.left if not name.startswith("work/")]


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
